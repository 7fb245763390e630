use super::tls::Acceptor;
use acquire_model::Clock;
use acquire_provider::http::{Body, HeaderValue, Request, Response, StatusCode};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long calls may go on after the host was told to end.
const DRAIN: Duration = Duration::from_secs(10);
/// The pause after connections could not be accepted, as when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// What is buffered of a connection, bytes: also the longest head of a request.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Characters of a path that are logged.
const LOGGED_CHARACTERS_MAX: usize = 100;

/// What is served at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections that are open at once; more wait until one ends.
    pub(super) connections: usize,
    /// Calls that are answered at once.
    pub(super) calls: usize,
    /// How long a call waits until it is its turn.
    pub(super) turn: Duration,
    /// How long a TLS handshake may take, and how long a connection may stay without the whole head of a request.
    pub(super) head: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        // Well below the usual limit of 1024 files for a process.
        Self { connections: 512, calls: 64, turn: Duration::from_secs(5), head: Duration::from_secs(15) }
    }
}

/// Whoever answers the requests.
#[async_trait]
pub(super) trait Answer: Send + Sync {
    /// Answers a request; `path` is the whole path.
    async fn answer(&self, path: &str, request: Request) -> Response;
}

/// What becomes of connections, plain ones and TLS ones alike.
pub(super) struct Server {
    acceptor: Option<Acceptor>,
    answers: Arc<dyn Answer>,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    calls: Semaphore,
}

impl Server {
    /// Makes a server; with an acceptor it speaks TLS.
    pub(super) fn new(
        acceptor: Option<Acceptor>,
        answers: Arc<dyn Answer>,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
    ) -> Arc<Self> {
        Arc::new(Self { acceptor, answers, clock, bounds, calls: Semaphore::new(bounds.calls) })
    }

    /// Serves until `end`; then lets the calls that are under way finish, for a while.
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener, end: impl Future<Output = ()>) {
        let connections = Arc::new(Semaphore::new(self.bounds.connections));
        let graceful = GracefulShutdown::new();
        let mut end = pin!(end);
        loop {
            let next = async {
                let place = connections.clone().acquire_owned().await;
                (place, self.accept(&listener).await)
            };
            tokio::select! {
                () = &mut end => break,
                (place, (stream, peer)) = next => {
                    let connection = self.clone().connection(stream, peer, graceful.watcher());
                    tokio::spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
            }
        }
        drop(listener);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = self.clock.sleep(DRAIN) => {}
        }
    }

    async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        loop {
            match listener.accept().await {
                Ok(connection) => return connection,
                Err(error) if [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind()) => {}
                Err(error) => {
                    tracing::warn!("no connection can be accepted: {error}");
                    self.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        // An answer goes out at once, whatever the other side has acknowledged.
        let _ = stream.set_nodelay(true);
        match &self.acceptor {
            None => self.http(stream, peer, watcher).await,
            Some(acceptor) => match timeout(self.bounds.head, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => self.http(stream, peer, watcher).await,
                Ok(Err(error)) => tracing::debug!("TLS handshake with {peer} failed: {error}"),
                Err(_) => tracing::debug!("TLS handshake with {peer} took too long"),
            },
        }
    }

    async fn http<S>(&self, stream: S, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let answer = service_fn(move |request| async move { Ok::<_, Infallible>(self.answer(peer, request).await) });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.bounds.head)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), answer);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!("connection with {peer}: {error}");
        }
    }

    async fn answer(&self, peer: SocketAddr, request: http::Request<Incoming>) -> http::Response<Streamed> {
        let started = self.clock.monotonic();
        let (parts, body) = request.into_parts();
        let pieces = body.into_data_stream().map_err(io::Error::other).boxed();
        let request = Request {
            method: parts.method.clone(),
            path: String::new(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers,
            body: Body::stream(pieces),
            remote: Some(peer.ip()),
        };
        let path = parts.uri.path();
        let response = match timeout(self.bounds.turn, self.calls.acquire()).await {
            Ok(Ok(_turn)) => self.answers.answer(path, request).await,
            _ => self.busy(),
        };
        // Neither query nor body: they may hold what is secret.
        let took = (self.clock.monotonic() - started).as_micros();
        tracing::info!("{} {} {} {took} µs", parts.method, logged(path), response.status.as_u16());
        streamed(response)
    }

    fn busy(&self) -> Response {
        let text =
            format!("this host answers {} calls at once and is busy; try again in a moment\n", self.bounds.calls);
        let mut response = Response::new(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", text);
        response.headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        response
    }
}

/// What the log shows of a path: a stranger must not fill it with one request.
fn logged(path: &str) -> String {
    path.chars().take(LOGGED_CHARACTERS_MAX).collect()
}

type Streamed = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

fn streamed(response: Response) -> http::Response<Streamed> {
    let mut answer = http::Response::new(StreamBody::new(response.body.into_stream().map_ok(Frame::data).boxed()));
    *answer.status_mut() = response.status;
    *answer.headers_mut() = response.headers;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::process::Settings;
    use crate::host::tls::acceptor;
    use acquire_model::Timestamp;
    use rustls::pki_types::CertificateDer;
    use std::sync::Mutex;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    #[test]
    fn the_log_shows_no_more_than_the_beginning_of_a_path() {
        assert_eq!(logged("/t/identity"), "/t/identity");
        assert_eq!(logged(&"/ä".repeat(30_000)), "/ä".repeat(50));
    }

    /// Time stands still.
    struct Still;

    #[async_trait]
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
        async fn sleep(&self, _: Duration) {
            std::future::pending().await
        }
    }

    /// Answers with the path; below `/slow` only when it is let.
    #[derive(Default)]
    struct Echo {
        asked: Mutex<Vec<String>>,
        arrived: Notify,
        go_on: Notify,
    }

    #[async_trait]
    impl Answer for Echo {
        async fn answer(&self, path: &str, _: Request) -> Response {
            self.asked.lock().unwrap().push(path.to_owned());
            if path.starts_with("/slow") {
                self.arrived.notify_one();
                self.go_on.notified().await;
            }
            Response::new(StatusCode::OK, "text/plain", path.to_owned())
        }
    }

    struct Bench {
        echo: Arc<Echo>,
        address: SocketAddr,
        end: oneshot::Sender<()>,
        served: JoinHandle<()>,
    }

    impl Bench {
        async fn new(bounds: Bounds, acceptor: Option<Acceptor>) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (echo, address) = (Arc::<Echo>::default(), listener.local_addr().unwrap());
            let server = Server::new(acceptor, echo.clone(), Arc::new(Still), bounds);
            let (end, ended) = oneshot::channel();
            let served = tokio::spawn(server.run(listener, async { drop(ended.await) }));
            Self { echo, address, end, served }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.unwrap()
        }
    }

    async fn send(stream: &mut (impl AsyncWrite + Unpin), path: &str) {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    }

    /// Reads until that text has come.
    async fn read_until(stream: &mut (impl AsyncRead + Unpin), text: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(text) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{}", String::from_utf8_lossy(&read));
        }
        String::from_utf8(read).unwrap()
    }

    fn short() -> Bounds {
        Bounds { head: Duration::from_millis(30), turn: Duration::from_millis(30), ..Bounds::default() }
    }

    /// What speaks TLS for `localhost`, as the settings name it, and the certificate that proves it.
    fn tls() -> (Acceptor, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let [certificate, certificate_key] = ["certificate.pem", "key.pem"].map(|name| directory.path().join(name));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&certificate_key, made.signing_key.serialize_pem()).unwrap();
        let (certificate, certificate_key) = (Some(certificate), Some(certificate_key));
        let settings = Settings { certificate, certificate_key, ..Settings::default() };
        (acceptor(&settings).unwrap().unwrap(), made.cert.der().clone())
    }

    #[tokio::test]
    async fn calls_over_tls_are_answered_under_the_same_bounds() {
        let (acceptor, certificate) = tls();
        let bounds = Bounds { calls: 1, turn: short().turn, ..Bounds::default() };
        let bench = Bench::new(bounds, Some(acceptor)).await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let connect = async || {
            let name = "localhost".try_into().unwrap();
            connector.connect(name, bench.connect().await).await.unwrap()
        };
        let (mut first, mut second) = (connect().await, connect().await);
        send(&mut first, "/slow").await;
        bench.echo.arrived.notified().await;
        send(&mut second, "/second").await;
        assert!(read_until(&mut second, "try again in a moment\n").await.starts_with("HTTP/1.1 503 "));
        bench.echo.go_on.notify_one();
        assert!(read_until(&mut first, "/slow").await.starts_with("HTTP/1.1 200 "));
    }

    #[tokio::test]
    async fn whoever_never_finishes_the_head_of_a_request_is_put_out() {
        let bench = Bench::new(short(), None).await;
        let mut silent = bench.connect().await;
        let mut slow = bench.connect().await;
        slow.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        let mut idle = bench.connect().await;
        send(&mut idle, "/once").await;
        for stream in [&mut silent, &mut slow, &mut idle] {
            // It ends, with or without an answer.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }

    #[tokio::test]
    async fn whoever_never_finishes_a_handshake_is_put_out() {
        let bench = Bench::new(short(), Some(tls().0)).await;
        let mut silent = bench.connect().await;
        let _ = silent.read_to_end(&mut Vec::new()).await;
    }

    #[tokio::test]
    async fn a_call_beyond_the_bound_is_told_that_the_host_is_busy() {
        let bench = Bench::new(Bounds { calls: 1, turn: short().turn, ..Bounds::default() }, None).await;
        let (mut first, mut second) = (bench.connect().await, bench.connect().await);
        send(&mut first, "/slow").await;
        bench.echo.arrived.notified().await;
        send(&mut second, "/second").await;
        let answer = read_until(&mut second, "try again in a moment\n").await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
        bench.echo.go_on.notify_one();
        assert!(read_until(&mut first, "/slow").await.starts_with("HTTP/1.1 200 "));
        send(&mut second, "/again").await;
        read_until(&mut second, "/again").await;
        assert_eq!(*bench.echo.asked.lock().unwrap(), ["/slow", "/again"]);
    }

    #[tokio::test]
    async fn a_call_waits_for_its_turn() {
        let bounds = Bounds { calls: 1, ..Bounds::default() };
        let bench = Bench::new(bounds, None).await;
        let (mut first, mut second) = (bench.connect().await, bench.connect().await);
        send(&mut first, "/slow").await;
        bench.echo.arrived.notified().await;
        send(&mut second, "/second").await;
        bench.echo.go_on.notify_one();
        assert!(read_until(&mut second, "/second").await.starts_with("HTTP/1.1 200 "));
    }

    #[tokio::test]
    async fn a_connection_beyond_the_bound_waits_until_one_ends() {
        let bench = Bench::new(Bounds { connections: 1, ..Bounds::default() }, None).await;
        let (mut first, mut second) = (bench.connect().await, bench.connect().await);
        send(&mut second, "/second").await;
        for path in ["/one", "/two"] {
            send(&mut first, path).await;
            read_until(&mut first, path).await;
        }
        assert_eq!(*bench.echo.asked.lock().unwrap(), ["/one", "/two"]);
        drop(first);
        read_until(&mut second, "/second").await;
    }

    #[tokio::test]
    async fn what_is_under_way_is_finished_before_the_end() {
        let bench = Bench::new(Bounds::default(), None).await;
        let (mut stream, mut idle) = (bench.connect().await, bench.connect().await);
        send(&mut idle, "/idle").await;
        read_until(&mut idle, "/idle").await;
        send(&mut stream, "/slow").await;
        bench.echo.arrived.notified().await;
        bench.end.send(()).unwrap();
        // A connection without a call ends at once, and no new one is accepted.
        assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert!(TcpStream::connect(bench.address).await.is_err());
        bench.echo.go_on.notify_one();
        read_until(&mut stream, "/slow").await;
        bench.served.await.unwrap();
    }
}
