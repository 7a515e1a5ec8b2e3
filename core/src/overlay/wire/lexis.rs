//! The smallest parts: numbers, digits, addresses, names, and what octets a text may have.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nom::bytes::complete::{tag, take_while_m_n};
use nom::combinator::{all_consuming, opt};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::super::names::{Key, NodeId, Token};
use super::bounded::Bounded;
use super::limits::{NAME_LIMIT, NETWORK_LIMIT, PORT_DELIMITER};
use super::part::Range;
use super::value::{Contact, MoreAddresses, Network, NodeName};
use super::{NEIGHBOR_DELIMITER, WireError};

/// What a parser of a part answers: what follows it, and its value.
pub(super) type Read<'a, T> = IResult<&'a [u8], T, WireError>;

/// The part is there and wrong, so no alternative is tried.
pub(super) fn fail<T>(error: WireError) -> Read<'static, T> {
    Err(nom::Err::Failure(error))
}

/// Reads all of `text` as one part.
pub(super) fn whole<'a, T>(
    parser: impl Parser<&'a [u8], Output = T, Error = WireError>,
    text: &'a [u8],
) -> Result<T, WireError> {
    match all_consuming(parser).parse(text) {
        Ok((_, value)) => Ok(value),
        Err(nom::Err::Error(e) | nom::Err::Failure(e)) => Err(e),
        Err(nom::Err::Incomplete(_)) => Err(WireError::Syntax("an incomplete packet")),
    }
}

/// A field: what stands after `@`.
pub(super) fn field<'a, T>(
    parser: impl Parser<&'a [u8], Output = T, Error = WireError>,
) -> impl Parser<&'a [u8], Output = T, Error = WireError> {
    preceded(tag("@"), parser)
}

/// What stands after a comma.
pub(super) fn item<'a, T>(
    parser: impl Parser<&'a [u8], Output = T, Error = WireError>,
) -> impl Parser<&'a [u8], Output = T, Error = WireError> {
    preceded(tag(","), parser)
}

/// Parts with `separator` between them, at least one; one more than `limit` is an error.
fn parts<'a, T>(
    separator: u8,
    limit: usize,
    too_many: &'static str,
    mut part: impl FnMut(&'a [u8]) -> Read<'a, T>,
) -> impl FnMut(&'a [u8]) -> Read<'a, Vec<T>> {
    move |mut text| {
        let mut parts = Vec::new();
        while parts.len() < limit {
            let (rest, value) = part(text)?;
            parts.push(value);
            match rest {
                [first, rest @ ..] if *first == separator => text = rest,
                _ => return Ok((rest, parts)),
            }
        }
        fail(WireError::Bound(too_many))
    }
}

/// Any number of parts, each after `separator`.
pub(super) fn each<'a, T>(
    separator: u8,
    limit: usize,
    too_many: &'static str,
    part: impl FnMut(&'a [u8]) -> Read<'a, T>,
) -> impl FnMut(&'a [u8]) -> Read<'a, Vec<T>> {
    let mut parts = parts(separator, limit, too_many, part);
    move |text| match text {
        [first, rest @ ..] if *first == separator => parts(rest),
        _ => Ok((text, Vec::new())),
    }
}

/// Any number of parts with `separator` between them, to the end of the packet.
pub(super) fn list<'a, T>(
    separator: u8,
    limit: usize,
    too_many: &'static str,
    part: impl FnMut(&'a [u8]) -> Read<'a, T>,
) -> impl FnMut(&'a [u8]) -> Read<'a, Vec<T>> {
    let mut parts = parts(separator, limit, too_many, part);
    move |text| if text.is_empty() { Ok((text, Vec::new())) } else { parts(text) }
}

/// A number of at most `DIGITS` digits without leading zeros.
fn digits<const DIGITS: usize>(text: &[u8]) -> Read<'_, u64> {
    let end = text.iter().take(DIGITS + 1).take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(end);
    match digits {
        [] => return fail(WireError::Syntax("a number is missing")),
        [b'0', _, ..] => return fail(WireError::Syntax("a number has a leading zero")),
        _ => {}
    }
    let value = digits
        .iter()
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    match value {
        Some(value) if end <= DIGITS => Ok((rest, value)),
        _ => fail(WireError::Range("a number is too large")),
    }
}

/// A number of 64 bits.
pub(super) fn number64(text: &[u8]) -> Read<'_, u64> {
    digits::<20>(text)
}

/// A number of 32 bits.
pub(super) fn number(text: &[u8]) -> Read<'_, u32> {
    let (text, value) = digits::<10>(text)?;
    match u32::try_from(value) {
        Ok(value) => Ok((text, value)),
        Err(_) => fail(WireError::Range("a number is too large")),
    }
}

/// A number of 32 bits that is not 0.
fn counter(text: &[u8]) -> Read<'_, u32> {
    match number(text)? {
        (_, 0) => fail(WireError::Range("an incarnation or sequence is 0")),
        counted => Ok(counted),
    }
}

/// A number that fits its type and is not above `most`.
pub(super) fn at_most<'a, T: TryFrom<u32> + PartialOrd>(
    most: T,
    too_large: &'static str,
) -> impl FnMut(&'a [u8]) -> Read<'a, T> {
    move |text| {
        let (text, value) = number(text)?;
        match T::try_from(value) {
            Ok(value) if value <= most => Ok((text, value)),
            _ => fail(WireError::Range(too_large)),
        }
    }
}

/// `incarnation.sequence`.
pub(super) fn key(text: &[u8]) -> Read<'_, Key> {
    let (text, incarnation) = counter(text)?;
    let (text, sequence) = preceded(tag("."), counter).parse(text)?;
    Ok((text, Key { incarnation, sequence }))
}

/// The value of each lower case hexadecimal digit; of any other octet, [`NO_DIGIT`].
const NIBBLES: [u8; 256] = nibbles();
const NO_DIGIT: u8 = 0x80;

const fn nibbles() -> [u8; 256] {
    let (mut table, digits, mut value) = ([NO_DIGIT; 256], b"0123456789abcdef", 0u8);
    while value < 16 {
        table[digits[value as usize] as usize] = value;
        value += 1;
    }
    table
}

/// Whether an octet is a lower case hexadecimal digit.
const fn is_digit(octet: u8) -> bool {
    NIBBLES[octet as usize] != NO_DIGIT
}

/// What lower case hexadecimal digits stand for, sixteen at most; `None` if one is none. They are looked at without a
/// branch each.
fn unhex(digits: &[u8]) -> Option<u64> {
    let (value, seen) = digits.iter().fold((0u64, 0u8), |(value, seen), digit| {
        let nibble = NIBBLES[usize::from(*digit)];
        (value << 4 | u64::from(nibble), seen | nibble)
    });
    (seen & NO_DIGIT == 0).then_some(value)
}

/// Between one and sixteen hexadecimal digits without leading zeros.
pub(super) fn hex_number(text: &[u8]) -> Read<'_, u64> {
    let (text, digits) = take_while_m_n(1, 16, is_digit).parse(text)?;
    match unhex(digits) {
        Some(value) if digits[0] != b'0' || digits.len() == 1 => Ok((text, value)),
        _ => fail(WireError::Syntax("a number has a leading zero")),
    }
}

/// Two hexadecimal digits.
pub(super) fn hex8(text: &[u8]) -> Read<'_, u8> {
    let value = text.split_first_chunk::<2>().and_then(|(digits, rest)| Some((rest, unhex(digits)?)));
    match value.and_then(|(rest, value)| Some((rest, u8::try_from(value).ok()?))) {
        Some(read) => Ok(read),
        None => fail(WireError::Syntax("two hexadecimal digits are missing")),
    }
}

/// Sixteen hexadecimal digits.
fn hex64(text: &[u8]) -> Read<'_, u64> {
    match text.split_first_chunk::<16>() {
        Some((digits, rest)) => match unhex(digits) {
            Some(value) => Ok((rest, value)),
            None => fail(WireError::Syntax("a digit is not 0-9 or a-f")),
        },
        None => fail(WireError::Syntax("too few hexadecimal digits")),
    }
}

/// Thirty-two hexadecimal digits.
pub(super) fn hex128(text: &[u8]) -> Read<'_, u128> {
    let (text, high) = hex64(text)?;
    let (text, low) = hex64(text)?;
    Ok((text, u128::from(high) << 64 | u128::from(low)))
}

/// A node's id.
pub(super) fn id(text: &[u8]) -> Read<'_, NodeId> {
    hex128.map(NodeId).parse(text)
}

/// A token.
pub(super) fn token(text: &[u8]) -> Read<'_, Token> {
    hex64.map(Token).parse(text)
}

/// `from-to`, in that order.
pub(super) fn range(text: &[u8]) -> Read<'_, Range> {
    let (text, from) = id(text)?;
    let (text, to) = preceded(tag("-"), id).parse(text)?;
    match Range::new(from, to) {
        Some(range) => Ok((text, range)),
        None => fail(WireError::Range("a range ends before it begins")),
    }
}

/// `host:port`, and `~id` where it is known.
pub(super) fn node(text: &[u8]) -> Read<'_, NodeName> {
    let (text, addr) = address(text)?;
    let (text, id) = opt(preceded(tag("~"), id)).parse(text)?;
    Ok((text, NodeName { addr, id }))
}

/// A node with its id.
pub(super) fn named(text: &[u8]) -> Read<'_, NodeName> {
    match node(text)? {
        (_, NodeName { id: None, .. }) => fail(WireError::Syntax("a node has no id")),
        named => Ok(named),
    }
}

/// A node, and a comma before each of its further addresses.
pub(super) fn contact(text: &[u8]) -> Read<'_, Contact> {
    let (mut text, name) = node(text)?;
    let mut more = MoreAddresses::default();
    while text.first() == Some(&b',') {
        let (rest, addr) = item(address).parse(text)?;
        if more.push(addr).is_err() {
            return fail(WireError::Bound("too many addresses"));
        }
        text = rest;
    }
    Ok((text, Contact { name, more }))
}

/// Nodes with `|` between them, as many as `MOST`.
pub(super) fn contacts<const MOST: usize>(text: &[u8]) -> Read<'_, Bounded<Vec<Contact>, MOST>> {
    let (text, contacts) = list(NEIGHBOR_DELIMITER, MOST, "too many nodes", contact)(text)?;
    Ok((text, Bounded::of(contacts)))
}

/// `host:port`, an IPv6 host in brackets, both in their canonical form.
pub(super) fn address(text: &[u8]) -> Read<'_, SocketAddr> {
    let (text, ip) = if text.first() == Some(&b'[') {
        delimited(tag("["), ipv6, tag("]")).map(IpAddr::V6).parse(text)?
    } else {
        ipv4.map(IpAddr::V4).parse(text)?
    };
    let (text, port) =
        preceded(tag(&[PORT_DELIMITER][..]), at_most(u16::MAX, "a port is above 65535")).parse(text)?;
    Ok((text, SocketAddr::new(ip, port)))
}

fn ipv4(text: &[u8]) -> Read<'_, Ipv4Addr> {
    let octet = || at_most(u8::MAX, "a part of an IPv4 address is above 255");
    let next = || preceded(tag("."), octet());
    let (text, (a, b, c, d)) = (octet(), next(), next(), next()).parse(text)?;
    Ok((text, Ipv4Addr::new(a, b, c, d)))
}

fn ipv6(text: &[u8]) -> Read<'_, Ipv6Addr> {
    let (rest, address) =
        take_while_m_n(2, 45, |b: u8| b.is_ascii_hexdigit() || b == b':' || b == b'.').parse(text)?;
    let parsed = core::str::from_utf8(address).ok().and_then(|s| s.parse::<Ipv6Addr>().ok());
    match parsed {
        Some(parsed) if writes_as(&parsed, address) => Ok((rest, parsed)),
        _ => fail(WireError::Syntax("an IPv6 address is not in its canonical form")),
    }
}

/// Whether a value is displayed as exactly these octets.
fn writes_as(value: &impl fmt::Display, text: &[u8]) -> bool {
    struct Expected<'a>(&'a [u8]);
    impl Write for Expected<'_> {
        fn write_str(&mut self, written: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(written.as_bytes()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    let mut expected = Expected(text);
    write!(expected, "{value}").is_ok() && expected.0.is_empty()
}

/// A network's name.
pub(super) fn network(text: &[u8]) -> Read<'_, Network> {
    let (text, name) = take_while_m_n(1, NETWORK_LIMIT, is_lower).parse(text)?;
    Ok((text, Network(name.into())))
}

/// All that is left, which must be printable and without spaces. Every octet is looked at, so that the compiler can take
/// many at once.
pub(super) fn visible(text: &[u8]) -> Read<'_, &[u8]> {
    if text.iter().fold(true, |all, b| all & is_visible(*b)) {
        Ok((&text[text.len()..], text))
    } else {
        fail(WireError::Syntax("an octet of a body is not printable"))
    }
}

/// All that is left, at least one octet and no end of line.
pub(super) fn inline(text: &[u8]) -> Read<'_, &[u8]> {
    match memchr::memchr2(b'\r', b'\n', text) {
        None if !text.is_empty() => Ok((&text[text.len()..], text)),
        None => Err(nom::Err::Error(WireError::Syntax("a piece is empty"))),
        Some(_) => fail(WireError::Syntax("an end of line within a packet")),
    }
}

/// A letter, digit or `-`, small only: in names of networks and attributes.
pub(super) const fn is_lower(b: u8) -> bool {
    matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

/// A letter, digit or `-`: in reasons and metrics.
pub(super) const fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-'
}

/// Printable, and no delimiter: in the values of attributes.
pub(super) const fn is_text(b: u8) -> bool {
    is_visible(b) && !matches!(b, b'@' | b'#' | b'|' | b',' | b'*')
}

/// Printable, and no space: in a body before it is looked into.
pub(super) const fn is_visible(b: u8) -> bool {
    matches!(b, 0x21..=0x7e)
}

/// Between one and `limit` letters, digits and `-`.
pub(super) fn plain<'a>(limit: usize) -> impl Parser<&'a [u8], Output = &'a [u8], Error = WireError> {
    take_while_m_n(1, limit, is_plain)
}

/// A word: capitals and digits, beginning with a capital.
pub(super) fn word(text: &[u8]) -> Read<'_, &[u8]> {
    let (rest, word) =
        take_while_m_n(1, NAME_LIMIT, |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit()).parse(text)?;
    let ends = rest.first().is_none_or(|b| *b == b'@');
    if ends && word[0].is_ascii_uppercase() {
        Ok((rest, word))
    } else {
        fail(WireError::Syntax("a packet does not begin with a word"))
    }
}
