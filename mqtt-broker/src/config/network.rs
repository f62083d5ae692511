//! A range of IP addresses, written as `10.0.0.0/8` or `2001:db8::/32`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Bits of the prefix under which IPv4 addresses lie among those of IPv6.
const MAPPED: u8 = 96;

/// A range of addresses that begin with the same bits. IPv4 addresses are those of IPv6 below `::ffff:0:0/96`, so that
/// a client is the same whichever way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    first: u128,
    prefix: u8,
}

impl Network {
    /// The range around an address whose first bits count: `ipv4` of its 32 or `ipv6` of its 128.
    #[must_use]
    pub fn around(address: IpAddr, ipv4: u8, ipv6: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::new(address.to_ipv6_mapped(), MAPPED + ipv4.min(32)),
            IpAddr::V6(address) => Self::new(address, ipv6.min(128)),
        }
    }

    fn new(address: Ipv6Addr, prefix: u8) -> Self {
        Self { first: address.to_bits() & mask(prefix), prefix }
    }

    /// Whether the address lies in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        bits & mask(self.prefix) == self.first
    }
}

const fn mask(prefix: u8) -> u128 {
    match prefix {
        0 => 0,
        _ => u128::MAX << (128 - prefix as u32),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.first);
        match (address.to_ipv4_mapped(), self.prefix.checked_sub(MAPPED)) {
            (Some(address), Some(32)) => write!(f, "{address}"),
            (Some(address), Some(prefix)) => write!(f, "{address}/{prefix}"),
            _ if self.prefix == 128 => write!(f, "{address}"),
            _ => write!(f, "{address}/{}", self.prefix),
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError { text: text.to_owned() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|&prefix| prefix <= bits).ok_or_else(wrong)?,
            None => bits,
        };
        let network = match address {
            IpAddr::V4(address) => Self::new(address.to_ipv6_mapped(), MAPPED + prefix),
            IpAddr::V6(address) => Self::new(address, prefix),
        };
        // 10.0.0.1/8 is more likely a mistake than a way to write 10.0.0.0/8
        if Self::around(address, 32, 128).first == network.first { Ok(network) } else { Err(wrong()) }
    }
}

/// A text that is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{text}\" is no range of addresses: write an address, or the first address of the range and the number of bits \
     that all share, for example 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"
)]
pub struct NetworkError {
    /// What was given.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect(text)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn a_range_is_written_as_it_was_read() {
        for text in ["127.0.0.0/8", "192.0.2.7", "0.0.0.0/0", "::1", "2001:db8::/32", "::/0", "fe80::/10"] {
            assert_eq!(network(text).to_string(), text);
        }
        assert_eq!(network("192.0.2.7/32"), network("192.0.2.7"));
    }

    #[test]
    fn a_range_has_all_addresses_that_begin_like_it() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
        ] {
            assert!(network(range).contains(address(inside)), "{inside} in {range}");
            assert!(!network(range).contains(address(outside)), "{outside} in {range}");
        }
        assert!(
            network("::/0").contains(address("2001:db8::1")) && network("::/0").contains(address("10.0.0.1"))
        );
    }

    #[test]
    fn an_address_stands_for_those_that_begin_like_it() {
        let around = |text| Network::around(address(text), 24, 64).to_string();
        assert_eq!(around("192.0.2.7"), "192.0.2.0/24");
        assert_eq!(around("::ffff:192.0.2.7"), "192.0.2.0/24");
        assert_eq!(around("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(Network::around(address("192.0.2.7"), 255, 255), network("192.0.2.7"));
        assert_eq!(Network::around(address("192.0.2.7"), 0, 0), network("0.0.0.0/0"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.1/8",
            "2001:db8::1/32",
            "host",
            "10.0.0.0/-1",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
