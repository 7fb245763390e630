use crate::frame::Cx;
use acquire_envelope::url::{dotted, login_url};
use acquire_provider::http::{HeaderName, HeaderValue, Response, StatusCode};
use handlebars::Handlebars;
use serde::Serialize;
use std::sync::Arc;

const TEMPLATE: &str = include_str!("../../../../templates/services/login.html.hbs");

/// Nothing is loaded, nothing is run, nothing is sent, and nobody frames it; only the page's own style counts.
const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
];

#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    service: &'a str,
    session: Option<Waiting>,
}

/// A session that waits for approval, as a person should see it.
#[derive(Serialize)]
struct Waiting {
    short_uid: String,
    username: String,
    message: String,
    address: String,
    requested: String,
    expires: String,
    command: String,
}

/// Answers a GET with `?id=<service uid>/<dotted short uid>`: who asks for what, and how to approve it. It knows no
/// secret and changes nothing.
pub(crate) async fn page(cx: &Arc<Cx>, id: &str) -> Response {
    let session = waiting(cx, id).await;
    let (status, title) = match session {
        Some(_) => (StatusCode::OK, "A log-in waits for you"),
        None => (StatusCode::NOT_FOUND, "No log-in waits here"),
    };
    let page = Page { title, service: &cx.canonical_url, session };
    match render(&page) {
        Ok(html) => {
            let mut response = Response::new(status, "text/html; charset=utf-8", html);
            for (name, value) in HEADERS {
                response.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            response
        }
        Err(_) => {
            Response::new(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", "this page is broken\n")
        }
    }
}

/// Finds the session, if the id is one of ours and it is pending. Whatever else it is, looks the same.
async fn waiting(cx: &Arc<Cx>, id: &str) -> Option<Waiting> {
    let (service, short) = id.split_once('/')?;
    let uid = cx.uid().ok().filter(|uid| uid.as_str() == service)?;
    let (session_uid, session) = cx.users.pending(short).await.ok()?;
    let url = login_url(&cx.url.full(), &uid, session_uid.short());
    Some(Waiting {
        short_uid: dotted(session_uid.short()),
        message: session.login_message.clone().unwrap_or_else(|| "(none)".into()),
        address: session.address.map_or_else(|| "unknown".into(), |address| address.to_canonical().to_string()),
        requested: whole_seconds(&session.requested.to_string()),
        expires: whole_seconds(&session.expires.to_string()),
        command: format!("acquire login '{url}'"),
        username: session.username,
    })
}

fn whole_seconds(instant: &str) -> String {
    instant.split('.').next().unwrap_or_default().replace('T', " ")
}

/// Renders it; every value is escaped for HTML.
fn render(page: &Page<'_>) -> Result<String, handlebars::RenderError> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.render_template(TEMPLATE, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(message: &str) -> Waiting {
        Waiting {
            short_uid: "0c.00.a3.4d".into(),
            username: "bob".into(),
            message: message.into(),
            address: "127.0.0.1".into(),
            requested: "2026-11-24 03:35:45".into(),
            expires: "2026-11-24 04:05:45".into(),
            command: "acquire login 'http://127.0.0.1:8080/t/identity?id=a0-a1/0c.00.a3.4d'".into(),
        }
    }

    #[test]
    fn what_others_wrote_is_text_on_the_page() {
        let attack = "<script>alert(1)</script><img src=x onerror=\"y\"> {{7}} & 'x'";
        let session = Waiting { username: attack.into(), ..waiting(attack) };
        let html = render(&Page { title: "t", service: "s", session: Some(session) }).unwrap();
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("onerror=\"y\""), "{html}");
        assert_eq!(html.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count(), 2);
        assert!(html.contains("{{7}}"));
    }

    #[test]
    fn the_page_names_the_session_and_the_command() {
        let html = render(&Page { title: "t", service: "s", session: Some(waiting("small cows")) }).unwrap();
        for text in ["0c.00.a3.4d", "small cows", "127.0.0.1", "2026-11-24 03:35:45 UTC", "acquire login &#x27;http"] {
            assert!(html.contains(text), "{text}\n{html}");
        }
        let none = render(&Page { title: "t", service: "s", session: None }).unwrap();
        assert!(none.contains("No session waits") && !none.contains("acquire login"));
    }

    #[test]
    fn nothing_on_the_page_runs_or_is_fetched() {
        let html = TEMPLATE.to_lowercase();
        for bad in ["<script", "<form", "<input", "<a ", "src=", "href=", "url(", "@import", "onload", "javascript:"] {
            assert!(!html.contains(bad), "{bad}");
        }
    }
}
