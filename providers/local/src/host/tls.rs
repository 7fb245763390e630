use crate::client::process::Settings;
use acquire_provider::Error;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Turns connections into TLS connections.
pub(super) type Acceptor = TlsAcceptor;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many finished handshakes may wait.
const WAITING_MAX: usize = 64;

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

/// A listener whose handshakes go on beside one another: a slow client holds up nobody.
pub(super) struct Listener {
    finished: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: std::io::Result<SocketAddr>,
}

impl Listener {
    /// Accepts on `listener` from now on.
    pub(super) fn new(listener: TcpListener, acceptor: Acceptor) -> Self {
        let address = listener.local_addr();
        let (finish, finished) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            let mut listener = listener;
            loop {
                let (stream, remote) = axum::serve::Listener::accept(&mut listener).await;
                let (acceptor, finish) = (acceptor.clone(), finish.clone());
                tokio::spawn(async move {
                    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => drop(finish.send((stream, remote)).await),
                        Ok(Err(error)) => tracing::debug!("TLS handshake with {remote} failed: {error}"),
                        Err(_) => tracing::debug!("TLS handshake with {remote} took too long"),
                    }
                });
            }
        });
        Self { finished, address }
    }
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.finished.recv().await {
            Some(connection) => connection,
            // The task that sends never ends before the process does.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.address.as_ref().copied().map_err(|error| std::io::Error::new(error.kind(), error.to_string()))
    }
}

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, Listener>> for super::Remote {
    fn connect_info(stream: axum::serve::IncomingStream<'_, Listener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, TcpListener>> for super::Remote {
    fn connect_info(stream: axum::serve::IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}
