use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Host;

use crate::Error;

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Public addresses by https alone.
    Public,
    /// Public addresses by https, and this machine itself (`localhost`, 127.0.0.0/8, ::1) by http too.
    #[default]
    Loopback,
    /// Also private networks by https. Never link-local, multicast or reserved addresses.
    Private,
}

/// What kind of network an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Public,
    Loopback,
    Private,
    /// Link-local (metadata services live there), multicast, documentation, reserved.
    Forbidden,
}

/// Longest URL that is called.
const URL_BYTES_MAX: usize = 2048;

/// Metadata services of clouds that do not sit on a link-local address: Azure, Alibaba, AWS by IPv6.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

impl Reach {
    /// How far the services of a deployment may reach, by where its registry is: those of one that is open to the world
    /// have no business on their own machine or in the network that it stands in.
    pub fn of_deployment(registry: &str) -> Self {
        let url = Url::parse(registry);
        let network = match url.as_ref().ok().and_then(Url::host) {
            Some(Host::Domain(name)) if is_localhost(name) => Network::Loopback,
            Some(Host::Ipv4(address)) => network(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => network(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => Network::Public,
        };
        match network {
            Network::Loopback => Self::Loopback,
            Network::Private => Self::Private,
            Network::Public | Network::Forbidden => Self::Public,
        }
    }

    /// Reads a URL that is about to be called, and checks everything that can be told without asking for a name's
    /// addresses.
    ///
    /// # Errors
    /// `Refused` if it is no plain http or https URL, or names an address that may not be connected to.
    pub(crate) fn check_url(self, text: &str) -> Result<Url, Error> {
        let refused = |why: &str| Error::Refused(format!("`{}` {why}", text.chars().take(200).collect::<String>()));
        // The parser silently drops or turns around these characters, so that two readers may see two hosts.
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || c == '@';
        if text.len() > URL_BYTES_MAX || text.contains(odd) {
            return Err(refused("is not a URL that may be called"));
        }
        let url = Url::parse(text).map_err(|_| refused("is not a URL"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(refused("is neither https nor http")),
        };
        if url.port() == Some(0) || url.query().is_some() || url.fragment().is_some() {
            return Err(refused("is not the URL of a service"));
        }
        let allowed = match url.host() {
            Some(Host::Domain(name)) if is_localhost(name) => self != Self::Public,
            Some(Host::Domain(name)) => secure && has_labels(name),
            Some(Host::Ipv4(address)) => self.allows_literal(IpAddr::V4(address), secure),
            Some(Host::Ipv6(address)) => self.allows_literal(IpAddr::V6(address), secure),
            None => false,
        };
        if allowed {
            Ok(url)
        } else {
            Err(refused(
                "may not be called: only https, or http on this machine, and no address that is reserved or private",
            ))
        }
    }

    fn allows_literal(self, address: IpAddr, secure: bool) -> bool {
        match network(address) {
            Network::Public => secure,
            Network::Loopback => self != Self::Public,
            Network::Private => secure && self == Self::Private,
            Network::Forbidden => false,
        }
    }

    /// Whether a name that was looked up may stand for this address. A name never stands for this machine unless
    /// private networks are allowed: that is how a page or a registered service would be turned against its host.
    pub(crate) fn allows_resolved(self, address: IpAddr) -> bool {
        match network(address) {
            Network::Public => true,
            Network::Loopback | Network::Private => self == Self::Private,
            Network::Forbidden => false,
        }
    }
}

/// Whether a name means this machine by itself (RFC 6761 §6.3); it is never looked up.
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn has_labels(name: &str) -> bool {
    name.strip_suffix('.').unwrap_or(name).split('.').all(|label| !label.is_empty())
}

fn network(address: IpAddr) -> Network {
    if METADATA.contains(&address) {
        return Network::Forbidden;
    }
    match address {
        IpAddr::V4(address) => network_v4(address),
        IpAddr::V6(address) => network_v6(address),
    }
}

/// The special-purpose registry of IANA (RFC 6890 and later).
fn network_v4(address: Ipv4Addr) -> Network {
    match address.octets() {
        [127, ..] => Network::Loopback,
        [10, ..] | [192, 168, ..] | [100, 64..=127, ..] | [172, 16..=31, ..] | [198, 18..=19, ..] => Network::Private,
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [192, 88, 99, _] => Network::Forbidden,
        [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Network::Forbidden,
        _ => Network::Public,
    }
}

fn network_v6(address: Ipv6Addr) -> Network {
    let embedded = |high: u16, low: u16| {
        let [a, b, c, d] = [high.to_be_bytes(), low.to_be_bytes()].as_flattened().try_into().unwrap_or_default();
        network(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Network::Loopback,
        // An IPv4-mapped address is never in an honest DNS answer; it is how a filter for IPv4 is walked around.
        [0, 0, 0, 0, 0, 0xffff, high, low] => match embedded(high, low) {
            Network::Public | Network::Private => Network::Private,
            Network::Loopback | Network::Forbidden => Network::Forbidden,
        },
        // NAT64: how a network that has IPv6 alone reaches the rest.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => match embedded(high, low) {
            Network::Public => Network::Public,
            Network::Private => Network::Private,
            Network::Loopback | Network::Forbidden => Network::Forbidden,
        },
        [0xfc00..=0xfdff, ..] => Network::Private,
        // Protocol assignments (Teredo among them), documentation, 6to4.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Network::Forbidden,
        [0x2000..=0x3fff, ..] => Network::Public,
        _ => Network::Forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// For each reach (public, loopback, private): whether the URL may be called. `y` yes, `n` no.
    const CORPUS: &str = include_str!("reach_corpus.txt");

    #[test]
    fn every_url_of_the_corpus_is_judged_as_written() {
        let mut cases = 0;
        for line in CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (verdicts, url) = line.split_once(' ').unwrap();
            let url = url.replace("\\t", "\t").replace("\\n", "\n").replace("\\0", "\0");
            for (reach, verdict) in [Reach::Public, Reach::Loopback, Reach::Private].into_iter().zip(verdicts.chars()) {
                let allowed = reach.check_url(&url).is_ok();
                assert_eq!(allowed, verdict == 'y', "{url} with {reach:?}");
            }
            cases += 1;
        }
        assert!(cases >= 200, "{cases}");
    }

    #[test]
    fn a_deployment_reaches_as_far_as_its_registry_is_public() {
        for (registry, reach) in [
            ("http://127.0.0.1:8080/t/registry", Reach::Loopback),
            ("http://localhost:8080/t/registry", Reach::Loopback),
            ("http://[::1]:8080/t/registry", Reach::Loopback),
            ("https://registry.example.org/t/registry", Reach::Public),
            ("https://93.184.216.34:8443/t/registry", Reach::Public),
            ("https://169.254.169.254/t/registry", Reach::Public),
            ("https://10.1.2.3:8443/t/registry", Reach::Private),
            ("https://[fd12::1]/t/registry", Reach::Private),
            ("registry", Reach::Public),
        ] {
            assert_eq!(Reach::of_deployment(registry), reach, "{registry}");
        }
    }

    #[test]
    fn a_name_never_stands_for_a_forbidden_address() {
        for forbidden in [
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "fe80::1",
            "ff02::1",
            "::",
            "::ffff:127.0.0.1",
        ] {
            for reach in [Reach::Public, Reach::Loopback, Reach::Private] {
                assert!(!reach.allows_resolved(forbidden.parse().unwrap()), "{forbidden}");
            }
        }
        for inside in ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"] {
            let address = inside.parse().unwrap();
            assert!(!Reach::Public.allows_resolved(address) && !Reach::Loopback.allows_resolved(address), "{inside}");
            assert!(Reach::Private.allows_resolved(address), "{inside}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_judged_the_same_however_it_is_written(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let judged = |host: String| Reach::Public.check_url(&format!("https://{host}/")).is_ok();
            let dotted = judged(address.to_string());
            prop_assert_eq!(judged(format!("{bits}")), dotted);
            prop_assert_eq!(judged(format!("0x{bits:x}")), dotted);
            prop_assert_eq!(judged(format!("0{bits:o}")), dotted);
            let mapped = format!("[::ffff:{address}]");
            prop_assert!(!judged(mapped));
        }

        #[test]
        fn any_text_is_judged_without_panic(text: String) {
            let _ = Reach::Private.check_url(&text);
        }
    }
}
