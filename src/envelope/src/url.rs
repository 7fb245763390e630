use acquire_model::ServiceType;
use acquire_model::uid::ServiceUid;
use std::fmt;
use std::net::Ipv4Addr;

const CHARACTERS_MAX: usize = 500;
const DOMAIN_CHARACTERS_MAX: usize = 253;
const LABEL_CHARACTERS_MAX: usize = 63;

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `http`.
    Http,
    /// `https`.
    Https,
}

impl Scheme {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The address of a service (protocol 01 §4.2).
///
/// One service has one address: no user, query, fragment, percent sign, dot segment, IPv6 literal or unusual spelling
/// of an IPv4 address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceUrl {
    scheme: Scheme,
    domain: String,
    port: Option<u16>,
    path: String,
}

/// Why a text is not the address of a service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a service, such as https://example.org/t/identity")]
pub struct Invalid(pub String);

impl ServiceUrl {
    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host name or IPv4 address, in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The port, if one is given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path, as given: empty, or with a slash first.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What calls are posted to.
    pub fn full(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{port}{}", self.scheme.as_str(), self.domain, self.path)
    }

    /// The name of the service: no scheme, no port, no slash last. With a type and no path, `/t/<type>` is added.
    /// A domain without a dot stands for itself alone.
    pub fn canonical(&self, service_type: Option<ServiceType>) -> String {
        let path = self.path.trim_end_matches('/');
        match service_type {
            _ if !self.domain.contains('.') => self.domain.clone(),
            Some(service_type) if path.is_empty() => format!("{}/t/{service_type}", self.domain),
            _ => format!("{}{path}", self.domain),
        }
    }
}

impl std::str::FromStr for ServiceUrl {
    type Err = Invalid;

    /// Reads `[scheme://]domain[:port][path]`; without a scheme it is https.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        split(text).ok_or_else(|| Invalid(text.chars().take(100).filter(|c| !c.is_control()).collect()))
    }
}

fn split(text: &str) -> Option<ServiceUrl> {
    if text.len() > CHARACTERS_MAX {
        return None;
    }
    let (scheme, rest) = match text.split_once("://") {
        None => (Scheme::Https, text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
        Some(_) => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (domain, port) = match authority.split_once(':') {
        None => (authority, None),
        Some((domain, port)) => (domain, Some(number(port)?)),
    };
    let domain = domain.to_ascii_lowercase();
    (is_domain(&domain) && is_path(path)).then(|| ServiceUrl { scheme, domain, port, path: path.to_owned() })
}

fn number(port: &str) -> Option<u16> {
    let digits = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
    digits.then(|| port.parse().ok()).flatten()
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_CHARACTERS_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Where the last label is a number, browsers and resolvers read an IPv4 address; only its usual spelling is taken.
    let last = domain.rsplit('.').next().unwrap_or_default();
    let numeric = last.starts_with("0x") || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
    domain.len() <= DOMAIN_CHARACTERS_MAX
        && domain.split('.').all(is_label)
        && (!numeric || domain.parse::<Ipv4Addr>().is_ok())
}

fn is_path(path: &str) -> bool {
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
    };
    match path.strip_prefix('/') {
        None => path.is_empty(),
        Some("") => true,
        Some(rest) => rest.strip_suffix('/').unwrap_or(rest).split('/').all(is_segment),
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full())
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full())
    }
}

/// Says whether a text is a canonical URL: what [`ServiceUrl::canonical`] writes.
pub fn is_canonical(text: &str) -> bool {
    !text.contains("://") && split(text).is_some_and(|url| url.canonical(None) == text)
}

/// Returns the canonical URL of the sibling of an identity service: the last word, which must be `identity`, replaced.
pub fn sibling(canonical: &str, service_type: ServiceType) -> Option<String> {
    canonical.strip_suffix(ServiceType::Identity.as_str()).map(|stem| format!("{stem}{service_type}"))
}

/// Returns the URL that a user opens to approve a login: `<base>?id=<service uid>/<aa.bb.cc.dd>`.
pub fn login_url(base: &str, uid: &ServiceUid, short_uid: &str) -> String {
    let mark = if base.contains('?') { '&' } else { '?' };
    format!("{base}{mark}id={uid}/{}", dotted(short_uid))
}

/// Returns a short uid as people read it: `0c.00.a3.4d`.
pub fn dotted(short_uid: &str) -> String {
    let digits: Vec<char> = short_uid.chars().filter(|&c| c != '.').collect();
    digits.chunks(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> ServiceUrl {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_split_and_joined_again() {
        for text in [
            "https://fn.acquire-aaai.com/t/registry",
            "http://127.0.0.1:8080/t/identity",
            "http://localhost:8080/t/identity",
            "https://example.org",
            "https://example.org/",
            "https://a.b/t/x/",
        ] {
            assert_eq!(url(text).full(), text);
        }
        assert_eq!(url("Example.ORG/t/x").full(), "https://example.org/t/x");
        assert_eq!(url("HTTP://example.org").full(), "http://example.org");
        assert_eq!(url("registry").full(), "https://registry");
    }

    #[test]
    fn the_canonical_url_has_no_scheme_no_port_and_no_last_slash() {
        for (text, canonical) in [
            ("http://127.0.0.1:7801/t/identity", "127.0.0.1/t/identity"),
            ("https://fn.acquire-aaai.com/t/identity/", "fn.acquire-aaai.com/t/identity"),
            ("http://localhost:8080/t/identity", "localhost"),
            ("https://example.org/", "example.org"),
        ] {
            assert_eq!(url(text).canonical(None), canonical);
            assert!(is_canonical(canonical), "{canonical}");
        }
        let identity = Some(ServiceType::Identity);
        assert_eq!(url("https://example.org").canonical(identity), "example.org/t/identity");
        assert_eq!(url("https://example.org/x").canonical(identity), "example.org/x");
        assert_eq!(url("https://localhost").canonical(identity), "localhost");
        for text in ["", "https://example.org", "example.org/", "example.org:80", "localhost/t/x", "Example.org"] {
            assert!(!is_canonical(text), "{text}");
        }
    }

    #[test]
    fn what_could_be_read_as_another_address_is_refused() {
        for bad in [
            "",
            "https://",
            "ftp://example.org",
            "file:///etc/passwd",
            "https://user@example.org",
            "https://example.org:80:90",
            "https://example.org:0",
            "https://example.org:080",
            "https://example.org:65536",
            "https://example.org:",
            "https://example.org?x",
            "https://example.org/x?y",
            "https://example.org/x#y",
            "https://example.org/../x",
            "https://example.org/./x",
            "https://example.org//x",
            "https://example.org/x//",
            "https://example.org/%2e%2e",
            "https://example.org/x\\y",
            "https://example.org\\@evil.org",
            "https://exa mple.org",
            "https://example.org\n",
            "https://example..org",
            "https://example.org.",
            "https://-example.org",
            "https://ex_ample.org",
            "https://127.1",
            "https://2130706433",
            "https://0x7f000001",
            "https://0177.0.0.1",
            "https://256.0.0.1",
            "https://[::1]",
            "https://éxample.org",
            "https://http://example.org",
            &"a".repeat(600),
        ] {
            assert!(bad.parse::<ServiceUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sibling_differs_in_the_last_word() {
        let found = sibling("127.0.0.1/t/identity", ServiceType::Storage);
        assert_eq!(found.as_deref(), Some("127.0.0.1/t/storage"));
        let found = sibling("identity.example.org/identity", ServiceType::Access);
        assert_eq!(found.as_deref(), Some("identity.example.org/access"));
        assert_eq!(sibling("127.0.0.1/t/registry", ServiceType::Storage), None);
        assert_eq!(sibling("identity.example.org", ServiceType::Storage), None);
    }

    #[test]
    fn a_login_url_names_service_and_session() {
        let uid = "a0-a1".parse().unwrap();
        let url = login_url("http://127.0.0.1:8080/t/identity", &uid, "0c00a34d");
        assert_eq!(url, "http://127.0.0.1:8080/t/identity?id=a0-a1/0c.00.a3.4d");
        assert_eq!(
            login_url("https://x.org/?lang=en", &uid, "0c.00.a3.4d"),
            "https://x.org/?lang=en&id=a0-a1/0c.00.a3.4d"
        );
    }

    proptest! {
        #[test]
        fn an_address_that_is_read_is_read_again(text in "(https?://)?[a-zA-Z0-9.:/-]{0,40}") {
            if let Ok(url) = text.parse::<ServiceUrl>() {
                prop_assert_eq!(url.full().parse::<ServiceUrl>().unwrap(), url.clone());
                prop_assert!(is_canonical(&url.canonical(None)));
            }
        }
    }
}
