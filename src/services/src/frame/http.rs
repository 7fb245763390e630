use super::dispatch;
use super::open::Running;
use acquire_provider::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

const TEXT: &str = "text/plain; charset=utf-8";
/// Exactly this: the Python client falls over some other ways to write it (protocol 01 §3.1).
const JSON: &str = "application/json";

/// What browsers are told, as the original's front proxy did (protocol 01 §3.1).
const CORS: [(&str, &str); 4] = [
    ("access-control-allow-origin", "*"),
    ("access-control-allow-credentials", "true"),
    ("access-control-allow-methods", "GET,POST,OPTIONS,PUT,DELETE,PATCH"),
    (
        "access-control-allow-headers",
        "Authorization,Accept,Origin,DNT,X-CustomHeader,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Content-Range,Range",
    ),
];

/// Answers one request: the envelope by POST, and the few things that a browser or a monitor asks by GET.
pub(super) async fn answer(running: &Running, request: Request) -> Response {
    let mut response = match request.path.trim_matches('/') {
        _ if request.method == Method::OPTIONS => Response::new(StatusCode::NO_CONTENT, TEXT, ""),
        "" if request.method == Method::POST => envelope(running, request).await,
        "" if is_get(&request) => page(running, request.query.as_deref()).await,
        "healthz" if is_get(&request) => health(running).await,
        "metrics" if is_get(&request) => Response::new(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            running.cx.metrics.text(running.cx.service),
        ),
        "" | "healthz" | "metrics" => text(StatusCode::METHOD_NOT_ALLOWED, "this method is not allowed here\n"),
        _ => text(StatusCode::NOT_FOUND, "there is nothing here; calls are made by POST to the service's own URL\n"),
    };
    add_headers(&mut response.headers);
    response
}

fn is_get(request: &Request) -> bool {
    request.method == Method::GET || request.method == Method::HEAD
}

/// One call. The status is always 200: the outcome is in the envelope (protocol 01 §3.1).
async fn envelope(running: &Running, request: Request) -> Response {
    let remote = request.remote;
    let sealed = match request.body.read(running.cx.body_bytes_max).await {
        Ok(body) => dispatch::answer(&running.cx, &body, remote).await,
        Err(error) => dispatch::refuse(&running.cx, error.to_string()),
    };
    Response::new(StatusCode::OK, JSON, sealed)
}

/// What a browser sees: the page behind a login URL, else the service's public record.
async fn page(running: &Running, query: Option<&str>) -> Response {
    match query.and_then(id) {
        Some(id) => crate::identity::page(&running.cx, &id).await,
        None => Response::new(StatusCode::OK, JSON, dispatch::answer(&running.cx, b"", None).await),
    }
}

async fn health(running: &Running) -> Response {
    match crate::keys::reload(&running.cx).await {
        Ok(()) => text(StatusCode::OK, "ok\n"),
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n"),
    }
}

fn text(status: StatusCode, body: &'static str) -> Response {
    Response::new(status, TEXT, body)
}

fn add_headers(headers: &mut HeaderMap) {
    for (name, value) in CORS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.entry("cache-control").or_insert(HeaderValue::from_static("no-store"));
}

/// Returns the query parameter `id`, percent-decoded.
fn id(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("id=")).map(decode)
}

/// Decodes `%XX`; what is no such triple stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(position) = rest.find('%') {
        let (before, after) = rest.split_at(position);
        bytes.extend_from_slice(before.as_bytes());
        let hex = after.get(1..3).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.push(b'%'),
        }
        rest = after.get(if hex.is_some() { 3 } else { 1 }..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_and_decoded() {
        assert_eq!(id("id=a0-a1/aa.bb.cc.dd").as_deref(), Some("a0-a1/aa.bb.cc.dd"));
        assert_eq!(id("x=1&id=a0-a1%2Faa.bb").as_deref(), Some("a0-a1/aa.bb"));
        assert_eq!(id("identity=1"), None);
    }

    #[test]
    fn broken_percent_signs_stay_as_they_are() {
        for (coded, plain) in [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41%", "A%"), ("%é", "%é"), ("a%+1", "a%+1")]
        {
            assert_eq!(decode(coded), plain, "{coded}");
        }
    }
}
