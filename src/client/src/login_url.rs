use acquire_envelope::url::{ServiceUrl, dotted};
use acquire_model::uid::ServiceUid;
use std::str::FromStr;

use crate::Error;

/// The URL that a person opens to approve a log-in: `<URL>?id=<uid of the service>/<short uid of the session>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginUrl {
    /// What stands before the question mark: at our services, their own address.
    pub url: ServiceUrl,
    /// The service that holds the log-in.
    pub service: ServiceUid,
    /// The short uid of the session, dotted.
    pub short_uid: String,
}

impl LoginUrl {
    /// Whether a text is meant for one, and no user name: it has a scheme or a query.
    pub fn is_meant(text: &str) -> bool {
        text.contains("://") || text.contains("?id=")
    }
}

impl FromStr for LoginUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        split(text).ok_or_else(|| {
            let text: String = text.chars().take(200).collect();
            Error::Invalid(format!(
                "`{text}` is not a login URL, such as https://example.org/t/identity?id=a0-a1/0c.00.a3.4d"
            ))
        })
    }
}

fn split(text: &str) -> Option<LoginUrl> {
    let (url, query) = text.split_once('?')?;
    let id = query.split('&').find_map(|pair| pair.strip_prefix("id="))?;
    // A slash may stand there as it is; who copies from elsewhere may have it escaped.
    let id = id.replace("%2F", "/").replace("%2f", "/");
    let (service, short) = id.split_once('/')?;
    let short: String = short.chars().filter(|c| *c != '.').collect();
    let is_short = short.len() == 8 && short.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let service = service.parse().ok()?;
    is_short.then_some(())?;
    Some(LoginUrl { url: url.parse().ok()?, service, short_uid: dotted(&short) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use acquire_envelope::url::login_url;

    #[test]
    fn what_a_service_writes_is_read_again() {
        let uid: ServiceUid = "a0-a1".parse().unwrap();
        for base in ["http://127.0.0.1:8080/t/identity", "https://login.example.org"] {
            let written = login_url(base, &uid, "0c00a34d");
            let read: LoginUrl = written.parse().unwrap();
            assert_eq!((read.url.full().as_str(), &read.service, read.short_uid.as_str()), (base, &uid, "0c.00.a3.4d"));
            assert!(LoginUrl::is_meant(&written));
            assert_eq!(written.replace("a1/", "a1%2F").parse::<LoginUrl>().unwrap(), read);
        }
    }

    #[test]
    fn garbage_is_refused_and_a_name_is_not_taken_for_a_url() {
        for bad in [
            "",
            "alice",
            "https://example.org/t/identity",
            "https://example.org/t/identity?id=",
            "https://example.org/t/identity?id=a0-a1",
            "https://example.org/t/identity?id=a0-a1/",
            "https://example.org/t/identity?id=a0-a1/0c.00.a3.4",
            "https://example.org/t/identity?id=a0-a1/0c.00.a3.4d/x",
            "https://example.org/t/identity?id=a0-a1/0C.00.A3.4D",
            "https://example.org/t/identity?id=nobody/0c.00.a3.4d",
            "https://example.org/t/identity?name=a0-a1/0c.00.a3.4d",
            "ftp://example.org/t/identity?id=a0-a1/0c.00.a3.4d",
            "?id=a0-a1/0c.00.a3.4d",
            "https://a\u{e9}.example/?id=a0-a1/\u{e9}c.00.a3.4d",
        ] {
            assert!(bad.parse::<LoginUrl>().is_err(), "{bad}");
        }
        for name in ["alice", "alice@example.org", "a/b", "who?"] {
            assert!(!LoginUrl::is_meant(name), "{name}");
        }
    }
}
