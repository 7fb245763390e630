use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: {rule}")]
pub struct Invalid {
    /// The text that was given.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
}

/// Longest name, in characters.
pub const NAME_CHARACTERS_MAX: usize = 40;
const NAME_RULE: &str = "a lower-case letter, then at most 39 lower-case letters, digits or hyphens, no hyphen last";

fn is_name(text: &str) -> bool {
    text.len() <= NAME_CHARACTERS_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

macro_rules! name {
    // One macro, because the four kinds of name must not be mixed up and differ in nothing but their type.
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("pattern" = "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"))]
        pub struct $type(String);

        impl $type {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                if is_name(&text) { Ok(Self(text)) } else { Err(Invalid { text, what: $what, rule: NAME_RULE }) }
            }
        }

        impl std::str::FromStr for $type {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A name that a person gives to a resource or an environment.
    Name,
    "name"
);
name!(
    /// The name of a deployment.
    DeploymentName,
    "deployment name"
);
name!(
    /// The name of a provider, such as `local` or `aws`.
    ProviderName,
    "provider name"
);
name!(
    /// A kind of resource, such as `bucket` or `function`.
    Kind,
    "kind"
);

/// The six services that are bundled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceType {
    /// Finds services and their keys: the root of trust.
    Registry,
    /// Users, sessions, authorisations.
    Identity,
    /// Accounts and payments.
    Accounting,
    /// Requests for paid work.
    Access,
    /// Drives and files.
    Storage,
    /// Jobs on a cluster.
    Compute,
}

impl ServiceType {
    /// All six, in the order in which they are set up.
    pub const ALL: [Self; 6] =
        [Self::Registry, Self::Identity, Self::Accounting, Self::Access, Self::Storage, Self::Compute];

    /// The word on the wire and in the spec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Identity => "identity",
            Self::Accounting => "accounting",
            Self::Access => "access",
            Self::Storage => "storage",
            Self::Compute => "compute",
        }
    }
}

impl From<ServiceType> for Name {
    /// The word of a service is always a name.
    fn from(service: ServiceType) -> Self {
        Self(service.as_str().to_owned())
    }
}

/// The kinds of resource that every service is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Where it keeps its state.
    Bucket,
    /// What its data keys are wrapped by.
    Key,
    /// What it is born with.
    Secret,
    /// What runs.
    Function,
    /// What wakes it up.
    Schedule,
    /// Its entry in the registry.
    Registration,
    /// Its knowledge of the other services.
    Trust,
}

impl Part {
    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Key => "key",
            Self::Secret => "secret",
            Self::Function => "function",
            Self::Schedule => "schedule",
            Self::Registration => "registration",
            Self::Trust => "trust",
        }
    }
}

impl From<Part> for Kind {
    fn from(part: Part) -> Self {
        Self(part.as_str().to_owned())
    }
}

impl ProviderName {
    /// The provider of `registration` and `trust`, which every binary has and no spec names: the services themselves.
    pub fn trust() -> Self {
        Self("trust".to_owned())
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ServiceType {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|service| service.as_str() == text).ok_or_else(|| Invalid {
            text: text.to_owned(),
            what: "service",
            rule: "one of registry, identity, accounting, access, storage, compute",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_only_what_the_rule_allows() {
        for good in ["a", "demo", "a-1", "bristol-2"] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "1a", "a_b", "a/b", "é", &"a".repeat(41)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
