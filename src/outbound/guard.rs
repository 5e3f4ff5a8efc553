//! The address guard decides which addresses we connect to.
//!
//! A URL that a user typed must not lead into our own network. Names are checked by the addresses that are really
//! connected to: the guard is the DNS resolver, so that a name cannot show one address to a check and another to the
//! connection. Literal addresses are checked by the URL, because a DNS resolver never sees those.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which addresses a connection may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only what is globally reachable.
    Public,
    /// Global, loopback and private addresses.
    PublicAndPrivate,
    /// Loopback and private addresses alone: where plain http may go.
    PrivateOnly,
}

/// The kind of an address, as far as the guard needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Globally reachable unicast.
    Global,
    /// Loopback, RFC 1918, RFC 6598 (shared address space) or RFC 4193 (unique local).
    Private,
    /// Everything else of the special-purpose registries: no HR system lives there, with any setting. Link-local is
    /// among them, because that is where clouds keep their metadata services.
    Special,
}

/// Why the guard refused. Names hosts and addresses, never paths or query strings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(pub(super) String);

impl Reach {
    /// The reach of a URL, after the checks that need no resolving: scheme, credentials, literal addresses.
    pub(super) fn of(url: &Url, allow_private: bool) -> Result<Self, Refusal> {
        let reach = match (url.scheme(), allow_private) {
            ("https", false) => Self::Public,
            ("https", true) => Self::PublicAndPrivate,
            ("http", true) => Self::PrivateOnly,
            ("http", false) => {
                return Err(Refusal("plain http is refused: use https".to_owned()));
            }
            (other, _) => return Err(Refusal(format!("the scheme `{other}` is refused: use https"))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal("a URL may not hold a user name or password".to_owned()));
        }
        match url.host() {
            Some(Host::Ipv4(ip)) => reach.check(IpAddr::V4(ip))?,
            Some(Host::Ipv6(ip)) => reach.check(IpAddr::V6(ip))?,
            Some(Host::Domain(_)) => {}
            None => return Err(Refusal("the URL has no host".to_owned())),
        }
        Ok(reach)
    }

    /// Whether an address may be connected to.
    pub(super) fn check(self, ip: IpAddr) -> Result<(), Refusal> {
        match (kind_of(ip), self) {
            (Kind::Global, Self::Public | Self::PublicAndPrivate)
            | (Kind::Private, Self::PublicAndPrivate | Self::PrivateOnly) => Ok(()),
            (Kind::Private, Self::Public) => Err(Refusal(format!(
                "{ip} is a loopback or private address; ROLLBOOK_ALLOW_PRIVATE_VENDORS would allow it"
            ))),
            (Kind::Global, Self::PrivateOnly) => {
                Err(Refusal(format!("plain http to the public address {ip} is refused: use https")))
            }
            (Kind::Special, _) => Err(Refusal(format!("{ip} is no address that an HR system can have"))),
        }
    }
}

fn kind_of(ip: IpAddr) -> Kind {
    match ip {
        IpAddr::V4(ip) => kind_of_v4(ip),
        IpAddr::V6(ip) => kind_of_v6(ip),
    }
}

/// The IANA registry of special-purpose IPv4 addresses (RFC 6890 and its updates).
fn kind_of_v4(ip: Ipv4Addr) -> Kind {
    match ip.octets() {
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Kind::Private,
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Kind::Special,
        _ => Kind::Global,
    }
}

/// The IANA registry of special-purpose IPv6 addresses: global is `2000::/3` without its special blocks, and the NAT64
/// prefix of RFC 6052 as far as the address in it is.
fn kind_of_v6(ip: Ipv6Addr) -> Kind {
    if ip.is_loopback() {
        return Kind::Private;
    }
    if let Some(mapped) = ip.to_ipv4_mapped() {
        // No resolver has a reason to answer so; it is a way around filters that only know IPv4.
        return if kind_of_v4(mapped) == Kind::Private { Kind::Private } else { Kind::Special };
    }
    match ip.segments() {
        [0xfc00..=0xfdff, ..] => Kind::Private,
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            kind_of_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Kind::Special,
        [0x2000..=0x3fff, ..] => Kind::Global,
        _ => Kind::Special,
    }
}

/// Resolves names through the operating system and lets only addresses within its reach through.
pub(super) struct GuardedResolver {
    reach: Reach,
}

impl GuardedResolver {
    pub(super) fn new(reach: Reach) -> Self {
        Self { reach }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = within(reach, found).map_err(|refusal| match refusal {
                Some(Refusal(reason)) => Refusal(format!("{}: {reason}", name.as_str())),
                None => Refusal(format!("{} has no address", name.as_str())),
            })?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The addresses within reach; if there are none, why the first was refused.
fn within(reach: Reach, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Option<Refusal>> {
    let mut allowed = Vec::new();
    let mut refused = None;
    for address in found {
        match reach.check(address.ip()) {
            Ok(()) => allowed.push(address),
            Err(refusal) => {
                refused.get_or_insert(refusal);
            }
        }
    }
    if allowed.is_empty() { Err(refused) } else { Ok(allowed) }
}

impl fmt::Debug for GuardedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedResolver").field("reach", &self.reach).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn kind(ip: &str) -> Kind {
        kind_of(ip.parse().unwrap())
    }

    #[test]
    fn only_global_addresses_are_global() {
        for ip in
            ["1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.254"]
        {
            assert_eq!(kind(ip), Kind::Global, "{ip}");
        }
        for ip in ["2606:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808", "2001:200::1"] {
            assert_eq!(kind(ip), Kind::Global, "{ip}");
        }
        for ip in [
            "10.0.0.1",
            "127.0.0.1",
            "127.8.9.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "::1",
            "fc00::1",
            "fdff::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert_eq!(kind(ip), Kind::Private, "{ip}");
        }
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::ffff:8.8.8.8",
            "::ffff:169.254.169.254",
            "::8.8.8.8",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "64:ff9b:1::1",
            "64:ff9b::a9fe:a9fe",
            "5f00::1",
        ] {
            assert_eq!(kind(ip), Kind::Special, "{ip}");
        }
    }

    fn reach(url: &str, allow_private: bool) -> Result<Reach, Refusal> {
        Reach::of(&Url::parse(url).unwrap(), allow_private)
    }

    #[test]
    fn a_url_is_judged_by_scheme_and_literal_address() {
        assert_eq!(reach("https://gateway.remote.com/v1", false), Ok(Reach::Public));
        assert_eq!(reach("https://10.0.0.1/", true), Ok(Reach::PublicAndPrivate));
        assert_eq!(reach("http://127.0.0.1:8080/", true), Ok(Reach::PrivateOnly));
        for (url, allow_private) in [
            ("http://gateway.remote.com/", false),
            ("http://127.0.0.1/", false),
            ("http://1.1.1.1/", true),
            ("https://127.0.0.1/", false),
            ("https://0x7f.1/", false),
            ("https://2130706433/", false),
            ("https://[::1]/", false),
            ("https://[::ffff:127.0.0.1]/", false),
            ("https://169.254.169.254/latest", true),
            ("https://0.0.0.0/", true),
            ("ftp://gateway.remote.com/", true),
            ("https://admin:hunter2@gateway.remote.com/", true),
        ] {
            assert!(reach(url, allow_private).is_err(), "{url}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_shows_no_secret() {
        let refusal = reach("https://admin:hunter2@gateway.remote.com/?token=abc", true).unwrap_err().to_string();
        assert!(!refusal.contains("hunter2") && !refusal.contains("abc"));
        let refusal = reach("https://10.1.2.3/?token=abc", false).unwrap_err().to_string();
        assert!(refusal.contains("10.1.2.3") && refusal.contains("private") && !refusal.contains("abc"));
    }

    #[test]
    fn a_name_with_a_private_and_a_public_address_leads_to_the_public_one_alone() {
        let found = ["10.0.0.1:0", "1.1.1.1:0"].map(|a| a.parse::<SocketAddr>().unwrap());
        assert_eq!(within(Reach::Public, found.into_iter()).unwrap(), ["1.1.1.1:0".parse().unwrap()]);
        let refused = within(Reach::Public, found.into_iter().take(1)).unwrap_err().unwrap();
        assert!(refused.to_string().contains("10.0.0.1"));
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused() {
        let name = || Name::from_str("localhost").unwrap();
        let refused = GuardedResolver::new(Reach::Public).resolve(name()).await.err().unwrap();
        let refusal = refused.downcast::<Refusal>().unwrap();
        assert!(refusal.to_string().starts_with("localhost: "), "{refusal}");
        assert!(GuardedResolver::new(Reach::PrivateOnly).resolve(name()).await.is_ok());
    }
}
