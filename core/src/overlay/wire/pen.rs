//! Writing the smallest parts: numbers, digits, addresses, lists.

use core::fmt::{self, Write};
use core::net::{IpAddr, SocketAddr};

use bytes::BufMut;

use super::emit::Put;
use super::part::Range;
use super::value::Listed;

/// A number in decimal digits.
pub(super) fn put_number(out: &mut impl BufMut, number: u64) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + low_byte(rest % 10);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

/// The two hexadecimal digits of each octet.
const PAIRS: [[u8; 2]; 256] = pairs();

const fn pairs() -> [[u8; 2]; 256] {
    let (mut pairs, digits, mut octet) = ([[0; 2]; 256], b"0123456789abcdef", 0);
    while octet < 256 {
        pairs[octet] = [digits[octet >> 4], digits[octet & 15]];
        octet += 1;
    }
    pairs
}

/// Two hexadecimal digits.
pub(super) const fn hex8(number: u8) -> [u8; 2] {
    PAIRS[number as usize]
}

/// Sixteen hexadecimal digits.
pub(super) fn hex64(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (pair, octet) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&PAIRS[usize::from(octet)]);
    }
    digits
}

/// The lowest eight bits.
const fn low_byte(n: u64) -> u8 {
    n.to_le_bytes()[0]
}

/// Thirty-two hexadecimal digits.
pub(super) fn put_hex128(out: &mut impl BufMut, number: u128) {
    let mut digits = [0; 32];
    for (pair, octet) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&PAIRS[usize::from(octet)]);
    }
    out.put_slice(&digits);
}

/// `host:port`.
pub(super) fn put_address(out: &mut impl BufMut, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.put_u8(b'.');
                }
                put_number(out, u64::from(octet));
            }
        }
        IpAddr::V6(ip) => {
            let written = write!(Displayed(out), "[{ip}]");
            debug_assert!(written.is_ok(), "an address can always be displayed");
        }
    }
    out.put_u8(super::PORT_DELIMITER);
    put_number(out, u64::from(address.port()));
}

/// Takes what is displayed.
struct Displayed<'a, B>(&'a mut B);

impl<B: BufMut> Write for Displayed<'_, B> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0.put_slice(written.as_bytes());
        Ok(())
    }
}

/// Values with `separator` between them.
pub(super) fn put_list<T: Put>(out: &mut impl BufMut, separator: u8, values: &[T]) {
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.put_u8(separator);
        }
        value.put(out);
    }
}

/// The links of an update or a record, each after `|`.
pub(super) fn put_links(out: &mut impl BufMut, links: &[Listed]) {
    for link in links {
        out.put_u8(super::NEIGHBOR_DELIMITER);
        link.put(out);
    }
}

/// A range and the `@` after it, where there is one.
pub(super) fn put_range(out: &mut impl BufMut, range: Option<Range>) {
    if let Some(range) = range {
        range.first().put(out);
        out.put_u8(b'-');
        range.last().put(out);
        out.put_u8(b'@');
    }
}

/// Attributes with commas between them.
pub(super) struct Items<'a, B> {
    out: &'a mut B,
    comma: bool,
}

impl<'a, B: BufMut> Items<'a, B> {
    /// The next one is the first.
    pub(super) fn first(out: &'a mut B) -> Self {
        Items { out, comma: false }
    }

    /// The next one stands after something else.
    pub(super) fn after(out: &'a mut B) -> Self {
        Items { out, comma: true }
    }

    /// Begins one, and answers where its value goes.
    pub(super) fn next(&mut self, start: &[u8]) -> &mut B {
        if self.comma {
            self.out.put_u8(b',');
        }
        self.comma = true;
        self.out.put_slice(start);
        self.out
    }

    /// A number, if there is one.
    pub(super) fn number(&mut self, start: &[u8], number: Option<u32>) {
        if let Some(number) = number {
            put_number(self.next(start), u64::from(number));
        }
    }

    /// A word alone, if it is to be there.
    pub(super) fn flag(&mut self, word: &[u8], there: bool) {
        if there {
            self.next(word);
        }
    }

    /// What was not known when it was read.
    pub(super) fn other(&mut self, other: &[u8]) {
        if !other.is_empty() {
            self.next(b"").put_slice(other);
        }
    }
}
