use acquire_client::Transport;
use acquire_model::spec::ProviderDeclaration;
use acquire_model::{Kind, ProviderName};
use acquire_provider::{Declaration, Error, Provider, Resource};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::admins::Admins;
use crate::introduction::Introduction;
use crate::registration::Registration;

/// The provider of introductions, and the prover of deployments. One for each run: it keeps the admins of the services
/// logged in until [`acquire_provider::Verify`] has used them or it is dropped.
pub struct Trust {
    name: ProviderName,
    pub(crate) admins: Arc<Admins>,
    registration: Registration,
    introduction: Introduction,
}

impl Trust {
    /// Makes it.
    ///
    /// # Errors
    /// `Bug` if its own names are not names.
    pub fn new(transport: Arc<dyn Transport>) -> Result<Self, Error> {
        let admins = Arc::new(Admins::new(transport));
        Ok(Self {
            name: "trust".parse().map_err(bug)?,
            registration: Registration::new(admins.clone())?,
            introduction: Introduction::new(admins.clone())?,
            admins,
        })
    }
}

impl Provider for Trust {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    /// Nothing: introductions follow from the services, nobody writes them into a spec.
    fn declaration(&self) -> ProviderDeclaration {
        ProviderDeclaration { name: self.name.clone(), settings: Vec::new(), kinds: BTreeMap::new() }
    }

    fn resource(&self, kind: &Kind) -> Option<&dyn Resource> {
        match kind.as_str() {
            "registration" => Some(&self.registration),
            "trust" => Some(&self.introduction),
            _ => None,
        }
    }
}

/// Makes the declaration of a kind that holds no data and accepts nothing from a spec.
pub(crate) fn declare(kind: &str, fixed: &[&'static str]) -> Result<Declaration, Error> {
    let kind = kind.parse().map_err(bug)?;
    Ok(Declaration { kind, inputs: Vec::new(), fixed: fixed.to_vec(), holds_data: false, listed: false })
}

fn bug(error: acquire_model::name::Invalid) -> Error {
    Error::Bug(error.to_string())
}
