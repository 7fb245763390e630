use crate::ports::{Entropy, draw};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The identity of a state, drawn once by its first apply: 32 lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9a-f]{32}$"))]
pub struct Lineage(String);

impl Lineage {
    /// Draws a fresh one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(draw(entropy))))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first four digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..4).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for Lineage {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let good = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if good { Ok(Self(text)) } else { Err("a lineage is 32 lower-case hex digits".to_owned()) }
    }
}

impl From<Lineage> for String {
    fn from(lineage: Lineage) -> Self {
        lineage.0
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
