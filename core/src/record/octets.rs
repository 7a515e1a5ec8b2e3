//! Numbers, texts and addresses as octets: written by a [`Pen`], read back by a [`Reader`] that is total.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use bytes::{BufMut, BytesMut};

/// Octets of an IPv4 and an IPv6 address, which also tell them apart.
const V4: u8 = 4;
const V6: u8 = 16;

/// Appends values to octets. Numbers take as many octets as they need (LEB128).
#[derive(Debug)]
pub struct Pen<'a>(&'a mut BytesMut);

impl<'a> Pen<'a> {
    /// A pen that appends to `octets`.
    pub fn new(octets: &'a mut BytesMut) -> Self {
        Pen(octets)
    }

    /// One octet.
    pub fn octet(&mut self, octet: u8) {
        self.0.put_u8(octet);
    }

    /// A number.
    pub fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.octet(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.octet(number.to_le_bytes()[0]);
    }

    /// A count or size.
    pub fn size(&mut self, size: usize) {
        self.number(size as u64);
    }

    /// Octets as they are, without their number.
    pub fn plain(&mut self, octets: &[u8]) {
        self.0.put_slice(octets);
    }

    /// Octets and how many they are.
    pub fn octets(&mut self, octets: &[u8]) {
        self.size(octets.len());
        self.plain(octets);
    }

    /// A yes or no.
    pub fn yes(&mut self, yes: bool) {
        self.octet(u8::from(yes));
    }

    /// A duration in whole microseconds, saturating.
    pub fn duration(&mut self, duration: Duration) {
        self.number(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// An address. Of IPv6, flow and scope are kept as well.
    pub fn address(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(v4) => {
                self.octet(V4);
                self.plain(&v4.ip().octets());
            }
            SocketAddr::V6(v6) => {
                self.octet(V6);
                self.plain(&v6.ip().octets());
                self.number(v6.flowinfo().into());
                self.number(v6.scope_id().into());
            }
        }
        self.number(address.port().into());
    }

    /// A list, item by item.
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.size(items.len());
        for item in items {
            write(self, item);
        }
    }

    /// Something that may be missing.
    pub fn option<T>(&mut self, item: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.yes(item.is_some());
        if let Some(item) = item {
            write(self, item);
        }
    }
}

/// Takes values off the front of octets. Each answers `None` where they are not there or cannot be meant, whatever the
/// octets; nothing is allocated that is not there.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of `octets`.
    pub const fn new(octets: &'a [u8]) -> Self {
        Reader(octets)
    }

    /// Whether all is read.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything not yet read.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// So many octets.
    pub fn plain(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// So many octets as an array.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.plain(N)?.try_into().ok()
    }

    /// One octet.
    pub fn octet(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    /// A number. It may not have more octets than 64 bits need.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            let bits = u64::from(octet & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if octet & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number of any narrower kind.
    pub fn narrow<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    /// Octets whose number goes before them.
    pub fn octets(&mut self) -> Option<&'a [u8]> {
        let count = self.narrow()?;
        self.plain(count)
    }

    /// A text whose length goes before it.
    pub fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.octets()?).ok()
    }

    /// A yes or no.
    pub fn yes(&mut self) -> Option<bool> {
        match self.octet()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// A duration.
    pub fn duration(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_micros)
    }

    /// An address.
    pub fn address(&mut self) -> Option<SocketAddr> {
        match self.octet()? {
            V4 => {
                let ip: [u8; 4] = self.array()?;
                Some(SocketAddr::new(IpAddr::from(ip), self.narrow()?))
            }
            V6 => {
                let ip: [u8; 16] = self.array()?;
                let (flow, scope, port) = (self.narrow()?, self.narrow()?, self.narrow()?);
                Some(core::net::SocketAddrV6::new(ip.into(), port, flow, scope).into())
            }
            _ => None,
        }
    }

    /// A list; each item takes at least one octet.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count: usize = self.narrow()?;
        if count > self.0.len() {
            return None;
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// Something that may be missing.
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.yes()? { read(self).map(Some) } else { Some(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            number: u64,
            octets in prop::collection::vec(any::<u8>(), 0..300),
            v4: Option<u32>,
            host: u128,
            port: u16,
            missing: bool,
        ) {
            let ip = v4.map_or(IpAddr::from(host.to_be_bytes()), |v4| IpAddr::from(v4.to_be_bytes()));
            let address = SocketAddr::new(ip, port);
            let mut out = BytesMut::new();
            let mut pen = Pen::new(&mut out);
            pen.number(number);
            pen.octets(&octets);
            pen.address(address);
            pen.option((!missing).then_some(7), Pen::number);
            pen.list(&octets, |pen, octet| pen.octet(*octet));
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.octets(), Some(&octets[..]));
            prop_assert_eq!(reader.address(), Some(address));
            prop_assert_eq!(reader.option(Reader::number), Some((!missing).then_some(7)));
            prop_assert_eq!(reader.list(Reader::octet), Some(octets));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn nothing_panics_the_reader(octets in prop::collection::vec(any::<u8>(), 0..40), which in 0..6) {
            let mut reader = Reader::new(&octets);
            match which {
                0 => drop(reader.number()),
                1 => drop(reader.octets()),
                2 => drop(reader.address()),
                3 => drop(reader.list(Reader::octet)),
                4 => drop(reader.option(Reader::text)),
                _ => drop(reader.duration()),
            }
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_none() {
        assert_eq!(Reader::new(&[0xff; 10]).number(), None);
        assert_eq!(Reader::new(&[0x80; 11]).number(), None);
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(Reader::new(&most).number(), Some(u64::MAX));
    }
}
