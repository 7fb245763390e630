use crate::name::{Invalid, Kind, Name, Part, ServiceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The place of a resource in the graph: `owner/kind` or `owner/kind/name`.
///
/// The owner is a service (`identity/function`) or the name of a plain resource (`backups/bucket`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*(/[a-z][a-z0-9-]*)?$"))]
pub struct Address {
    owner: Name,
    kind: Kind,
    name: Option<Name>,
}

impl Address {
    /// Makes `owner/kind`.
    pub fn new(owner: Name, kind: Kind) -> Self {
        Self { owner, kind, name: None }
    }

    /// The place of a part of a service, such as `identity/function`.
    pub fn part(service: ServiceType, part: Part) -> Self {
        Self::new(service.into(), part.into())
    }

    /// Adds the third part.
    #[must_use]
    pub fn named(self, name: Name) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The service or plain resource that it belongs to.
    pub fn owner(&self) -> &Name {
        &self.owner
    }

    /// Its kind.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The third part, where an owner has several of a kind.
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.kind)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, "/{name}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut parts = text.split('/');
        let (owner, kind, name, rest) = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some(owner), Some(kind), None) = (owner, kind, rest) else {
            return Err(Invalid { text: text.to_owned(), what: "address", rule: "owner/kind or owner/kind/name" });
        };
        Ok(Self { owner: owner.parse()?, kind: kind.parse()?, name: name.map(str::parse).transpose()? })
    }
}

impl TryFrom<String> for Address {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_written() {
        for text in ["identity/function", "backups/bucket", "identity/trust/access"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for bad in ["", "a", "a/", "a/b/c/d", "A/b", "/b"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
