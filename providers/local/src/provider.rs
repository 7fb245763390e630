use crate::client::process::Settings;
use crate::resources::bucket::Bucket;
use crate::resources::function::Function;
use crate::resources::key::Key;
use crate::resources::marker::Marker;
use crate::resources::schedule::Schedule;
use crate::resources::secret::Secret;
use acquire_model::spec::{ProviderDeclaration, Setting, SettingType};
use acquire_model::{Attributes, Kind, ProviderName, attributes};
use acquire_provider::{Error, Provider, Resource};
use std::path::PathBuf;

/// Where the host listens unless the spec says otherwise.
const LISTEN: &str = "127.0.0.1:8080";
/// The word for any free port of this machine.
const AUTO: &str = "auto";

const SETTINGS: [Setting; 3] = [
    Setting {
        name: "listen",
        holds: SettingType::Text,
        words: &[],
        required: false,
        sensitive: false,
        description: "Address and port that the host listens on, such as `127.0.0.1:8080` (the default); `auto` takes a free port of 127.0.0.1. An address beyond loopback needs `certificate` and `certificate_key`.",
    },
    Setting {
        name: "certificate",
        holds: SettingType::Text,
        words: &[],
        required: false,
        sensitive: false,
        description: "PEM file with the TLS certificate chain of the host.",
    },
    Setting {
        name: "certificate_key",
        holds: SettingType::Text,
        words: &[],
        required: false,
        sensitive: false,
        description: "PEM file with the private key of the TLS certificate.",
    },
];

/// This machine as a provider.
pub struct LocalProvider {
    name: ProviderName,
    resources: Vec<Box<dyn Resource>>,
}

impl LocalProvider {
    /// Makes the provider from its settings in the spec.
    ///
    /// # Errors
    /// `Invalid` if the settings cannot work, such as an address beyond loopback without certificates.
    pub fn new(settings: &Attributes) -> Result<Self, Error> {
        let settings = host_settings(settings)?;
        Ok(Self {
            name: name()?,
            resources: vec![
                Box::new(Bucket::new()?),
                Box::new(Key::new()?),
                Box::new(Secret::new()?),
                Box::new(Function::new(settings)?),
                Box::new(Schedule::new()?),
                Box::new(Marker::new()?),
            ],
        })
    }
}

fn name() -> Result<ProviderName, Error> {
    "local".parse().map_err(|_| Error::Bug("`local` is a provider name".to_owned()))
}

fn host_settings(settings: &Attributes) -> Result<Settings, Error> {
    let path = |name| attributes::text(settings, name).map(PathBuf::from);
    let (certificate, certificate_key) = (path("certificate"), path("certificate_key"));
    if certificate.is_some() != certificate_key.is_some() {
        return Err(Error::Invalid("`certificate` and `certificate_key` go together".to_owned()));
    }
    let listen = match attributes::text(settings, "listen").unwrap_or(LISTEN) {
        AUTO => "127.0.0.1:0".to_owned(),
        listen => listen.to_owned(),
    };
    let address: std::net::SocketAddr = listen
        .parse()
        .map_err(|_| Error::Invalid(format!("`listen: {listen}` is not an address and port such as {LISTEN}")))?;
    if address.is_ipv6() {
        return Err(Error::Invalid(format!(
            "`listen: {listen}` is an IPv6 address, which the URL of a service cannot name; use {LISTEN}"
        )));
    }
    if !address.ip().is_loopback() && certificate.is_none() {
        return Err(Error::Invalid(format!(
            "`listen: {listen}` can be reached from other machines: give `certificate` and `certificate_key`, or listen on 127.0.0.1 behind a TLS front"
        )));
    }
    Ok(Settings { listen, certificate, certificate_key })
}

impl Provider for LocalProvider {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn declaration(&self) -> ProviderDeclaration {
        let kinds = self.resources.iter().map(|resource| {
            let declaration = resource.declaration();
            (declaration.kind.clone(), declaration.inputs.clone())
        });
        ProviderDeclaration { name: self.name.clone(), settings: SETTINGS.to_vec(), kinds: kinds.collect() }
    }

    fn resource(&self, kind: &Kind) -> Option<&dyn Resource> {
        self.resources.iter().map(AsRef::as_ref).find(|resource| resource.declaration().kind == *kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    }

    #[test]
    fn listening_beyond_loopback_needs_certificates() {
        assert!(LocalProvider::new(&settings(&[])).is_ok());
        assert!(LocalProvider::new(&settings(&[("listen", "auto")])).is_ok());
        assert!(LocalProvider::new(&settings(&[("listen", "0.0.0.0:8080")])).is_err());
        assert!(LocalProvider::new(&settings(&[("listen", "[::1]:8080")])).is_err());
        assert!(LocalProvider::new(&settings(&[("listen", "8080")])).is_err());
        assert!(LocalProvider::new(&settings(&[("certificate", "a.pem")])).is_err());
    }
}
