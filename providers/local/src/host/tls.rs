use crate::client::process::Settings;
use acquire_provider::Error;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Turns connections into TLS connections.
pub(super) type Acceptor = TlsAcceptor;

/// Reads the certificate files, if the settings name some.
pub(super) fn acceptor(settings: &Settings) -> Result<Option<Acceptor>, Error> {
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.certificate_key) else {
        return Ok(None);
    };
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Error::Invalid(format!("cannot use the TLS file {}: {error}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Bug(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| unreadable(certificate, &error))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
