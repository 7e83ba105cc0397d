//! The guard against server-side request forgery: addresses that no general rule opens.
//!
//! Private networks, the host itself, its neighbours, cloud metadata services, and every disguise in which IPv6 carries such an IPv4
//! address. They are reached only when a rule names that very address, or a range within the guarded one. Follows the IANA
//! special-purpose registries (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Guarded IPv4 ranges and what they are. Narrower ones go before wider ones.
const V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this host"),
    (v4(10, 0, 0, 0, 8), "a private network"),
    (v4(100, 64, 0, 0, 10), "a carrier's network"),
    (v4(127, 0, 0, 0, 8), "the host's loopback"),
    (v4(168, 63, 129, 16, 32), "a metadata service"),
    (v4(169, 254, 169, 254, 32), "a metadata service"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "a private network"),
    (v4(192, 0, 0, 0, 24), "reserved for protocols"),
    (v4(192, 0, 2, 0, 24), "for documentation"),
    (v4(192, 88, 99, 0, 24), "a relay of 6to4"),
    (v4(192, 168, 0, 0, 16), "a private network"),
    (v4(198, 18, 0, 0, 15), "for benchmarks"),
    (v4(198, 51, 100, 0, 24), "for documentation"),
    (v4(203, 0, 113, 0, 24), "for documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved, or broadcast"),
];

/// Guarded IPv6 ranges and what they are.
const V6: &[(Ipv6Net, &str)] = &[
    // Unspecified, loopback, and IPv4 in its oldest clothes.
    (v6(0, 0, 0, 96), "the host itself, or IPv4 in disguise"),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        "IPv4 in disguise",
    ),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96),
        "IPv4 in disguise",
    ),
    (v6(0x64, 0xff9b, 1, 48), "a translator of one network"),
    (v6(0x100, 0, 0, 64), "a place for discarded packets"),
    // Teredo, benchmarks, ORCHID and others.
    (v6(0x2001, 0, 0, 23), "reserved for protocols"),
    (v6(0x2001, 0xdb8, 0, 32), "for documentation"),
    (v6(0x2002, 0, 0, 16), "6to4, which hides an IPv4 address"),
    (v6(0x3fff, 0, 0, 20), "for documentation"),
    (v6(0x5f00, 0, 0, 16), "for segment routing"),
    (v6(0xfd00, 0xec2, 0, 32), "a metadata service"),
    (v6(0xfc00, 0, 0, 7), "a unique local network"),
    (v6(0xfe80, 0, 0, 10), "link-local"),
    (v6(0xfec0, 0, 0, 10), "site-local"),
    (v6(0xff00, 0, 0, 8), "multicast"),
];

/// The well-known prefix of NAT64: the IPv4 address is in the last four bytes.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);

/// An IPv4 address in IPv6 clothes that the host's kernel would take off is the IPv4 address.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// The IPv4 address that an IPv6 one carries, by any of the schemes that a router on the way may undo.
pub(crate) fn carried(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = canonical(address) else {
        return None;
    };
    let [s0, s1, s2, _, s4, s5, s6, s7] = v6.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match (s0, s1) {
        _ if NAT64.contains(&v6) => Some(of(s6, s7)),
        (0x2002, _) => Some(of(s1, s2)),
        // Teredo: the client's address, inverted.
        (0x2001, 0) => Some(of(!s6, !s7)),
        // ISATAP, below any prefix.
        _ if matches!(s4, 0 | 0x200) && s5 == 0x5efe => Some(of(s6, s7)),
        (0, 0) if s2 == 0 => Some(of(s6, s7)),
        _ => None,
    }
}

/// The guarded range an address is in, and what it is; `None` for an ordinary one.
pub(crate) fn guarded(address: IpAddr) -> Option<(IpNet, &'static str)> {
    match canonical(address) {
        IpAddr::V4(own) => V4
            .iter()
            .find(|(net, _)| net.contains(&own))
            .map(|(net, what)| (IpNet::V4(*net), *what)),
        IpAddr::V6(own) => {
            let listed = V6
                .iter()
                .find(|(net, _)| net.contains(&own))
                .map(|(net, what)| (IpNet::V6(*net), *what));
            listed.or_else(|| {
                let hidden = IpAddr::V4(carried(address)?);
                let (_, what) = guarded(hidden)?;
                Some((IpNet::from(IpAddr::V6(own)), what))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_guarded(text: &str) -> bool {
        guarded(text.parse().unwrap()).is_some()
    }

    #[test]
    fn every_range_is_guarded_from_its_first_to_its_last_address() {
        let v4 = V4.iter().map(|(net, _)| IpNet::V4(*net));
        let v6 = V6.iter().map(|(net, _)| IpNet::V6(*net));
        for net in v4.chain(v6) {
            assert!(guarded(net.network()).is_some(), "{net}");
            assert!(guarded(net.broadcast()).is_some(), "{net}");
        }
    }

    #[test]
    fn well_known_targets_are_guarded() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.1.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(is_guarded(text), "{text}");
        }
    }

    #[test]
    fn disguised_addresses_are_guarded() {
        for text in [
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:1234::1",
            "2600::5efe:192.168.0.1",
            "2600::200:5efe:10.0.0.1",
        ] {
            assert!(is_guarded(text), "{text}");
        }
    }

    #[test]
    fn ordinary_addresses_are_not() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.215.14",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(!is_guarded(text), "{text}");
        }
    }
}
