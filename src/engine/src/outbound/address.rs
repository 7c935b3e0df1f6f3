//! Which addresses may be connected to.
//!
//! Three classes: *public* for everybody, *internal* (loopback, private and other special ranges of the IANA registries) for
//! targets that the operator named, *barred* for nobody: link-local ranges and the metadata services of cloud providers,
//! which hand credentials to whoever asks. An IPv6 address that carries an IPv4 address is of the stricter class of the two.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::LazyLock,
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Who may connect to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Public,
    Internal,
    Barred,
}

/// An address that may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the address is link-local, or that of a cloud metadata service: it is never called")]
    Barred,
    #[error("the address is not public, and the target was not named by the operator: it is not called")]
    Internal,
}

/// Barred: link-local, cloud metadata, unspecified (which a kernel may read as loopback), multicast and broadcast.
const BARRED: [&str; 15] = [
    "0.0.0.0/8",
    "100.100.100.200/32", // Alibaba Cloud
    "168.63.129.16/32",   // Azure
    "169.254.0.0/16",     // link-local; metadata of AWS, Google Cloud, Azure and others
    "192.0.0.192/32",     // Oracle Cloud
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "fd00:ec2::/32",          // AWS
    "fd00:c1::a9fe:a9fe/128", // Oracle Cloud
    "fd20:ce::254/128",       // Google Cloud
    "fe80::/10",
    "fec0::/10", // site-local, deprecated by RFC 3879
    "ff00::/8",
    "100::/64", // discard only
];

/// Internal: what the IANA special-purpose registries hold as not globally reachable.
const INTERNAL: [&str; 18] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "::1/128",
    "64:ff9b:1::/48", // local NAT64 (RFC 8215)
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "fc00::/7",
];

struct Ranges {
    barred: Vec<IpNet>,
    internal: Vec<IpNet>,
}

static RANGES: LazyLock<Ranges> = LazyLock::new(|| {
    let parse = |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect();
    Ranges { barred: parse(&BARRED), internal: parse(&INTERNAL) }
});

/// Whether an address may be connected to.
pub(super) fn check(address: IpAddr, allow_private: bool) -> Result<(), Refused> {
    match classify(address) {
        Class::Public => Ok(()),
        Class::Internal if allow_private => Ok(()),
        Class::Internal => Err(Refused::Internal),
        Class::Barred => Err(Refused::Barred),
    }
}

/// The class of an address.
pub(super) fn classify(address: IpAddr) -> Class {
    let own = if RANGES.barred.iter().any(|range| range.contains(&address)) {
        Class::Barred
    } else if RANGES.internal.iter().any(|range| range.contains(&address)) {
        Class::Internal
    } else {
        Class::Public
    };
    match address {
        IpAddr::V4(_) => own,
        IpAddr::V6(address) => embedded(address).map_or(own, |inner| own.max(classify(inner.into()))),
    }
}

/// The IPv4 address inside an IPv6 address: IPv4-mapped and -compatible (RFC 4291), NAT64 (RFC 6052 and 8215), 6to4
/// (RFC 3056) and Teredo (RFC 4380, where it is inverted).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0] if g != 0 => Some(join(g, h)),
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, ..] => Some(join(g, h)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        [0x2001, 0, ..] => Some(join(!g, !h)),
        _ => None,
    }
}

/// The system's resolver; addresses that may not be connected to are left out of its answers. What is connected to is what
/// was checked: a name cannot lead elsewhere between the two.
pub(super) struct Resolver {
    pub(super) allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let permitted = permitted(found, allow_private)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be connected to; an error when there were some and none may.
fn permitted(found: impl Iterator<Item = SocketAddr>, allow_private: bool) -> Result<Vec<SocketAddr>, Refused> {
    let (mut permitted, mut refused) = (Vec::new(), None);
    for address in found {
        match check(address.ip(), allow_private) {
            Ok(()) => permitted.push(address),
            Err(why) => refused = Some(why),
        }
    }
    match refused {
        Some(why) if permitted.is_empty() => Err(why),
        _ => Ok(permitted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        classify(text.parse().expect("an address"))
    }

    #[test]
    fn every_range_parses() {
        assert_eq!(RANGES.barred.len(), BARRED.len());
        assert_eq!(RANGES.internal.len(), INTERNAL.len());
    }

    #[test]
    fn metadata_and_link_local_are_barred_in_every_disguise() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
        ] {
            assert_eq!(class(text), Class::Barred, "{text}");
        }
    }

    #[test]
    fn private_ranges_are_internal_and_the_rest_is_public() {
        for text in [
            "127.0.0.1",
            "127.255.255.254",
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "fc00::1",
            "fd12::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::",
        ] {
            assert_eq!(class(text), Class::Internal, "{text}");
        }
        for text in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"] {
            assert_eq!(class(text), Class::Public, "{text}");
        }
    }

    #[test]
    fn of_several_addresses_the_permitted_ones_are_used() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 0)).collect()
        };
        let of = |texts: &[&str], allow| permitted(addresses(texts).into_iter(), allow);
        assert_eq!(of(&["fe80::1", "10.0.0.1"], true), Ok(addresses(&["10.0.0.1"])));
        assert_eq!(of(&["10.0.0.1", "1.1.1.1"], false), Ok(addresses(&["1.1.1.1"])));
        assert_eq!(of(&["10.0.0.1"], false), Err(Refused::Internal));
        assert_eq!(of(&["169.254.169.254"], true), Err(Refused::Barred));
        assert_eq!(of(&[], true), Ok(Vec::new()));
    }
}
