//! Where somebody listens, as a user writes it.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A host, by name or IP address, and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HostPort(String);

impl HostPort {
    /// The address, if it is one and no name.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.0.parse().ok()
    }

    /// As it is written, for a resolver.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        HostPort(address.to_string())
    }
}

impl FromStr for HostPort {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let looks = || {
            "write HOST:PORT, as in 192.0.2.7:61223, [2001:db8::7]:61223 or boot.example.net:61223".to_owned()
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(looks)?;
        if text.contains('%') {
            return address(text).map(|_| HostPort(text.to_owned()));
        }
        let named =
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        let address = text.parse::<SocketAddr>().is_ok();
        let numbered = port.parse::<u16>().is_ok_and(|p| p > 0);
        if numbered && (named || address) { Ok(HostPort(text.to_owned())) } else { Err(looks()) }
    }
}

/// An address beyond a single wire.
///
/// # Errors
/// It is none, or means something on one wire alone.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let parsed = text.parse::<SocketAddr>();
    let link_local = matches!(parsed, Ok(SocketAddr::V6(v6)) if v6.ip().is_unicast_link_local());
    if link_local || text.contains('%') {
        return Err(
            "a link-local address means something on one wire only, and others cannot dial it: give a \
                    global one, or a unique local one (fd00::/8)"
                .to_owned(),
        );
    }
    parsed.map_err(|_| "write IP:PORT, as in 192.0.2.7:61223 or [2001:db8::7]:61223".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for good in ["127.0.0.1:1", "[::1]:65535", "boot.example.net:61223", "a_b-c:9"] {
            assert_eq!(good.parse::<HostPort>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            ":1",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "::1:9",
            "a b:9",
            "[::1:9",
            "ho\u{1b}st:9",
            "a/b:1",
        ] {
            assert!(bad.parse::<HostPort>().is_err(), "{bad}");
        }
    }
}
