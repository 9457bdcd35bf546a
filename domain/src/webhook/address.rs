//! Which internet addresses lie inside: a webhook that reached them would let whoever registers one knock on our own
//! services. Never resolves a name; whoever connects asks here about each address that it resolved to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On the public internet.
    Public,
    /// On this very machine.
    Loopback,
    /// In a private, link-local, shared, reserved or documentation range, or nowhere.
    Internal,
}

/// Where an address lies; one of IPv4 written as IPv6 is judged as what it is.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or_else(|| reach_v6(address), reach_v4),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let internal = match address.octets() {
        [127, ..] => return Reach::Loopback,
        [0 | 10, ..] | [192, 168, ..] | [169, 254, ..] | [224..=255, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        [172, second, ..] => (16..32).contains(&second),
        // Protocol assignments, documentation, the 6to4 relay, benchmarks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        _ => false,
    };
    if internal { Reach::Internal } else { Reach::Public }
}

/// Only global unicast is public, without what lies in it for tunnels (which carry an address of IPv4) and documents.
fn reach_v6(address: Ipv6Addr) -> Reach {
    if address.is_loopback() {
        return Reach::Loopback;
    }
    let public = match address.segments() {
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x2002, ..] => false,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => first & 0xe000 == 0x2000,
    };
    if public { Reach::Public } else { Reach::Internal }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(reached: Reach, addresses: &[&str]) {
        for text in addresses {
            assert_eq!(reach(text.parse().expect("an address")), reached, "{text}");
        }
    }

    #[test]
    fn what_lies_inside_is_told_from_the_public_internet() {
        all(Reach::Loopback, &["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"]);
        all(
            Reach::Internal,
            &[
                "0.0.0.0",
                "10.0.0.1",
                "100.64.0.1",
                "100.127.255.255",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.1",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.1.1",
                "198.18.0.1",
                "198.19.255.1",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
            ],
        );
        all(
            Reach::Internal,
            &[
                "::",
                "::ffff:10.0.0.1",
                "::ffff:169.254.169.254",
                "::10.0.0.1",
                "64:ff9b::a00:1",
                "100::1",
                "2001::1",
                "2001:db8::1",
                "2002:a00:1::1",
                "3fff::1",
                "fc00::1",
                "fd12:3456::1",
                "fe80::1",
                "fec0::1",
                "ff02::1",
            ],
        );
        all(
            Reach::Public,
            &[
                "1.1.1.1",
                "100.63.255.255",
                "100.128.0.1",
                "172.15.255.255",
                "172.32.0.1",
                "192.167.1.1",
                "198.17.1.1",
                "223.255.255.255",
                "::ffff:1.1.1.1",
                "2001:200::1",
                "2606:4700::1111",
                "2a00:1450::1",
            ],
        );
    }
}
