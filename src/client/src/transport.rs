use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{error, io};

use crate::error::plain;
use crate::reach::is_localhost;
use crate::{Error, Reach};

/// Carries one request to a service and its answer back.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Posts a body to a service's full URL and returns the body of the answer.
    ///
    /// # Errors
    /// `Refused` if the URL is not one that may be called, `Unavailable` if nobody answers, `Answer` if the answer
    /// is not a 200 or is too large.
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, Error>;
}

/// Looks names up.
#[async_trait]
pub trait Names: Send + Sync {
    /// Returns the addresses of a host name.
    ///
    /// # Errors
    /// If it has none, or nobody tells.
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The bounds of an `Http` transport.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which addresses may be connected to.
    pub reach: Reach,
    /// Longest time for a whole call.
    pub total: Duration,
    /// Longest time until connected.
    pub connect: Duration,
    /// Largest answer, bytes.
    pub reply_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reach: Reach::default(),
            total: Duration::from_secs(20),
            connect: Duration::from_secs(5),
            reply_bytes_max: 6 << 20,
        }
    }
}

/// HTTP by reqwest: pooled connections, no redirects, no proxies, and a connection only to an address that was
/// checked in the same resolution, so that a name cannot change its meaning between check and use.
pub struct Http {
    settings: Settings,
    names: Arc<dyn Names>,
    plain: Client,
    /// Made at the first https call: reading the machine's root certificates takes milliseconds and memory that a
    /// deployment on one machine never needs.
    secure: OnceLock<Client>,
}

/// The resolver of the machine.
struct System;

/// What the connector asks: it connects only to what this returns.
#[derive(Clone)]
struct Checked {
    reach: Reach,
    names: Arc<dyn Names>,
}

#[derive(Debug, thiserror::Error)]
#[error("`{host}` is at {address}, which may not be called: the address is reserved or private")]
struct Forbidden {
    host: String,
    address: IpAddr,
}

impl Http {
    /// Makes a transport that asks the machine's resolver.
    ///
    /// # Errors
    /// `Bug` if the TLS library refuses our configuration.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        Self::with_names(settings, Arc::new(System))
    }

    /// Makes a transport that looks names up by other means.
    ///
    /// # Errors
    /// `Bug` if the TLS library refuses our configuration.
    pub fn with_names(settings: Settings, names: Arc<dyn Names>) -> Result<Self, Error> {
        let roots = tls()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        let plain = client(&settings, &names, roots)?;
        Ok(Self { settings, names, plain, secure: OnceLock::new() })
    }

    fn client(&self, url: &Url) -> Result<&Client, Error> {
        if url.scheme() == "http" {
            return Ok(&self.plain);
        }
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let verifier =
            Verifier::new(provider()).map_err(|e| Error::Unavailable(format!("no root certificates: {e}")))?;
        let roots = tls()?.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        let made = client(&self.settings, &self.names, roots)?;
        Ok(self.secure.get_or_init(|| made))
    }

    async fn read(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, Error> {
        let limit = self.settings.reply_bytes_max;
        let too_large = || Error::Answer(format!("it is larger than {limit} bytes"));
        if answer.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut whole = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| self.explain(&e))? {
            if whole.len() + piece.len() > limit {
                return Err(too_large());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    fn explain(&self, error: &reqwest::Error) -> Error {
        let mut cause: Option<&(dyn error::Error + 'static)> = Some(error);
        let mut last = error.to_string();
        while let Some(now) = cause {
            if let Some(forbidden) = now.downcast_ref::<Forbidden>() {
                return Error::Refused(forbidden.to_string());
            }
            last = now.to_string();
            cause = now.source();
        }
        if error.is_timeout() {
            last = format!("no answer within {} s", self.settings.total.as_secs());
        } else if last.starts_with("failed to lookup address information") {
            last = "its name is not known".to_owned();
        }
        Error::Unavailable(plain(&last))
    }
}

#[async_trait]
impl Transport for Http {
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let checked = self.settings.reach.check_url(url)?;
        let request = self.client(&checked)?.post(checked).header("content-type", "application/json").body(body);
        let answer = request.send().await.map_err(|e| self.explain(&e))?;
        match answer.status() {
            StatusCode::OK => self.read(answer).await,
            status @ (StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT) => Err(Error::Unavailable(format!("it answered {status}"))),
            status => Err(Error::Answer(format!("it answered {status}"))),
        }
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn tls() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Bug(format!("TLS configuration: {e}")))
}

fn client(settings: &Settings, names: &Arc<dyn Names>, tls: ClientConfig) -> Result<Client, Error> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(Checked { reach: settings.reach, names: names.clone() }))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(settings.total)
        .connect_timeout(settings.connect)
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(8)
        .build()
        .map_err(|e| Error::Bug(format!("HTTP client: {e}")))
}

#[async_trait]
impl Names for System {
    async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

impl Checked {
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Box<dyn error::Error + Send + Sync>> {
        if is_localhost(host) {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let addresses = self.names.look_up(host).await?;
        // One forbidden address spoils the answer: a mixed one is how rebinding looks.
        match addresses.iter().find(|address| !self.reach.allows_resolved(**address)) {
            Some(address) => Err(Forbidden { host: host.to_owned(), address: *address }.into()),
            None => Ok(addresses),
        }
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Serves one canned answer to every request on every connection; returns its base URL and the number of
    /// connections that were made.
    async fn server(answer: &'static str) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut bytes = [0; 4096];
                    while stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {
                        if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                    // An empty answer: keeps the connection and says nothing.
                    while answer.is_empty() && stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
                });
            }
        });
        (url, connections)
    }

    fn http(settings: Settings) -> Http {
        Http::new(settings).unwrap()
    }

    async fn post(settings: Settings, url: &str) -> Result<Vec<u8>, Error> {
        http(settings).post(url, b"{}".to_vec()).await
    }

    #[tokio::test]
    async fn an_answer_comes_back_over_one_kept_connection() {
        let (url, connections) = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
        let http = http(Settings::default());
        for _ in 0..5 {
            assert_eq!(http.post(&url, b"{}".to_vec()).await.unwrap(), b"hello");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (target, connections) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let answer = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        let (url, _) = server(Box::leak(answer.into_boxed_str())).await;
        assert!(matches!(post(Settings::default(), &url).await, Err(Error::Answer(_))));
        assert_eq!(connections.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_refused_whether_it_says_so_or_not() {
        let settings = Settings { reply_bytes_max: 10, ..Settings::default() };
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n",
        ] {
            let (url, _) = server(answer).await;
            let error = post(settings.clone(), &url).await.unwrap_err();
            assert_eq!(error, Error::Answer("it is larger than 10 bytes".to_owned()));
        }
    }

    #[tokio::test]
    async fn silence_ends_at_the_time_limit() {
        let (url, _) = server("").await;
        let settings = Settings { total: Duration::from_millis(100), ..Settings::default() };
        assert!(matches!(post(settings, &url).await, Err(Error::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_status_that_is_not_ok_is_an_error_and_a_busy_one_may_be_tried_again() {
        for (status, retryable) in [("404 Not Found", false), ("500 X", false), ("429 X", true), ("503 X", true)] {
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            let (url, _) = server(Box::leak(answer.into_boxed_str())).await;
            let error = post(Settings::default(), &url).await.unwrap_err();
            assert_eq!(matches!(error, Error::Unavailable(_)), retryable, "{status}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_unavailable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = post(Settings::default(), &url).await.unwrap_err();
        assert_eq!(error, Error::Unavailable("connection refused".to_owned()), "no number of the system's");
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_unavailable() {
        struct Unknown;
        #[async_trait]
        impl Names for Unknown {
            async fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
                Err(io::Error::other("failed to lookup address information: Name or service not known"))
            }
        }
        let http = Http::with_names(Settings::default(), Arc::new(Unknown)).unwrap();
        let error = http.post("https://example.org/t/identity", Vec::new()).await.unwrap_err();
        assert_eq!(error, Error::Unavailable("its name is not known".to_owned()));
    }

    #[tokio::test]
    async fn nothing_is_sent_where_nothing_may_be_sent() {
        let (url, connections) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let public = Settings { reach: Reach::Public, ..Settings::default() };
        assert!(matches!(post(public, &url).await, Err(Error::Refused(_))));
        assert_eq!(connections.load(Ordering::SeqCst), 0);
    }

    /// Tells the truth at the first look-up and lies at every later one, as a DNS rebinding server does.
    struct Rebinding(Mutex<BTreeMap<String, Vec<IpAddr>>>);

    #[async_trait]
    impl Names for Rebinding {
        async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            let lie = vec!["127.0.0.1".parse().unwrap()];
            Ok(self.0.lock().unwrap().insert(host.to_owned(), lie).unwrap_or_default())
        }
    }

    fn rebinding(first: &str) -> Arc<dyn Names> {
        let truth = ("example.org".to_owned(), vec![first.parse().unwrap()]);
        Arc::new(Rebinding(Mutex::new(BTreeMap::from([truth]))))
    }

    #[tokio::test]
    async fn what_is_connected_to_is_what_was_checked() {
        let checked = Checked { reach: Reach::Loopback, names: rebinding("93.184.216.34") };
        // The addresses that the connector gets are those of the one look-up that was checked …
        assert_eq!(checked.addresses("example.org").await.unwrap(), ["93.184.216.34".parse::<IpAddr>().unwrap()]);
        // … and a later look-up, with another meaning, is checked again.
        assert!(checked.addresses("example.org").await.unwrap_err().is::<Forbidden>());
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_before_anything_is_sent() {
        for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"] {
            let http = Http::with_names(Settings::default(), rebinding(inside)).unwrap();
            let outcome = http.post("https://example.org/t/identity", Vec::new()).await;
            assert!(matches!(outcome, Err(Error::Refused(_))), "{inside}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn one_forbidden_address_among_good_ones_spoils_the_answer() {
        struct Mixed;
        #[async_trait]
        impl Names for Mixed {
            async fn look_up(&self, _: &str) -> io::Result<Vec<IpAddr>> {
                Ok(vec!["93.184.216.34".parse().unwrap(), "169.254.169.254".parse().unwrap()])
            }
        }
        let checked = Checked { reach: Reach::Private, names: Arc::new(Mixed) };
        assert!(checked.addresses("example.org").await.is_err());
    }

    #[tokio::test]
    async fn localhost_is_never_looked_up() {
        struct Nobody;
        #[async_trait]
        impl Names for Nobody {
            async fn look_up(&self, host: &str) -> io::Result<Vec<IpAddr>> {
                panic!("{host} was looked up")
            }
        }
        let checked = Checked { reach: Reach::Loopback, names: Arc::new(Nobody) };
        assert!(checked.addresses("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
    }
}
