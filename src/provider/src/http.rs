use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::{BoxStream, once};
use std::io;
use std::net::IpAddr;

pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// A body, in pieces as they arrive.
pub struct Body(BoxStream<'static, io::Result<Bytes>>);

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit: usize,
    },
    /// The other side stopped sending.
    #[error("the body broke off: {0}")]
    Broken(#[from] io::Error),
}

impl Body {
    /// Takes a stream of pieces.
    pub fn stream(pieces: BoxStream<'static, io::Result<Bytes>>) -> Self {
        Self(pieces)
    }

    /// No body.
    pub fn empty() -> Self {
        Self(futures::stream::empty().boxed())
    }

    /// Gives the pieces.
    pub fn into_stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        self.0
    }

    /// Reads it whole, up to `limit` bytes.
    ///
    /// # Errors
    /// If it is larger, as soon as that is known; if it breaks off.
    pub async fn read(mut self, limit: usize) -> Result<Bytes, ReadError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.0.next().await {
            let piece = piece?;
            if whole.len() + piece.len() > limit {
                return Err(ReadError::TooLarge { limit });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(whole: T) -> Self {
        let whole = whole.into();
        Self(once(async move { Ok(whole) }).boxed())
    }
}

/// A request as a service sees it, wherever it runs.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path below the service's base: `/` for the envelope.
    pub path: String,
    /// The text behind `?`.
    pub query: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
    /// Who asks, as far as the host can tell.
    pub remote: Option<IpAddr>,
}

/// A response.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

impl Response {
    /// Makes a response with a content type.
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: Body::from(body.into()) }
    }
}
