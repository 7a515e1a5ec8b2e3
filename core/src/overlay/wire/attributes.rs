//! Lists of attributes: what is known stands first and in one order, so that a meaning has one text.

use bytes::Bytes;
use nom::bytes::complete::take_while;

use super::WireError;
use super::channel::ChannelNames;
use super::lexis::{Read, address, is_lower, is_text, network, number, whole};
use super::limits::{NAME_LIMIT, OTHER_LIMIT};
use super::plain::Metric;
use super::texts::Others;
use super::value::{Attributes, Capabilities, LinkAttributes, Network, Registration};

/// What has attributes in a packet.
pub trait Place {
    /// The names that this version knows there.
    const KNOWN: &'static [&'static [u8]];
}

impl Place for Attributes {
    const KNOWN: &'static [&'static [u8]] = &[b"life", b"free", b"k", b"metric", b"addr", b"left"];
}

impl Place for LinkAttributes {
    const KNOWN: &'static [&'static [u8]] = &[b"bye"];
}

impl Place for Capabilities {
    const KNOWN: &'static [&'static [u8]] = &[b"start", b"ride"];
}

impl Place for Registration {
    const KNOWN: &'static [&'static [u8]] = &[b"net", b"all", b"over"];
}

/// Attributes not yet read; `None` after the last.
struct Items<'a>(Option<&'a [u8]>);

impl<'a> Items<'a> {
    /// An empty text has no attributes.
    fn of(text: &'a [u8]) -> Self {
        Items((!text.is_empty()).then_some(text))
    }

    /// What follows `start` in the next attribute, if it begins with that.
    fn take(&mut self, start: &[u8]) -> Option<&'a [u8]> {
        let text = self.0?;
        let (item, rest) = split(text, b',');
        let value = item.strip_prefix(start)?;
        self.0 = rest;
        Some(value)
    }

    /// Whether the next attribute is `flag`.
    fn flag(&mut self, flag: &[u8]) -> bool {
        let found = self.0.is_some_and(|text| split(text, b',').0 == flag);
        if found {
            self.take(flag);
        }
        found
    }

    /// The number after `start`, if the next attribute begins with that.
    fn number(&mut self, start: &[u8]) -> Result<Option<u32>, WireError> {
        self.take(start).map(|value| whole(number, value)).transpose()
    }

    /// What is left: no attribute of a name that is known there, and all as the grammar has them.
    fn others<In: Place>(self) -> Result<&'a [u8], WireError> {
        let Some(text) = self.0 else { return Ok(&[]) };
        if text.len() > OTHER_LIMIT {
            return Err(WireError::Bound("too many unknown attributes"));
        }
        for item in text.split(|b| *b == b',') {
            let (name, value) = split(item, b'=');
            if In::KNOWN.contains(&name) {
                return Err(WireError::Repeated("an attribute is repeated or out of order"));
            }
            let named = (1..=NAME_LIMIT).contains(&name.len()) && name.iter().all(|b| is_lower(*b));
            if !named || !value.unwrap_or_default().iter().all(|b| is_text(*b)) {
                return Err(WireError::Syntax("a malformed attribute"));
            }
        }
        Ok(text)
    }

    /// The same as slices of the line.
    fn kept<In: Place>(self, line: &Bytes) -> Result<Others<In>, WireError> {
        Ok(Others::of(line.slice_ref(self.others::<In>()?)))
    }
}

/// Looks at attributes none of which is to be known.
pub(super) fn others<In: Place>(text: &[u8]) -> Result<(), WireError> {
    Items::of(text).others::<In>().map(|_| ())
}

/// What is before the first `separator`, and what is after it if there is one.
fn split(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(separator, text) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// What a source says of itself, up to its first link or its next update.
pub(super) fn attributes<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Attributes> {
    let (text, own) = take_while(|b| b != b'|' && b != b'*')(text)?;
    match read_attributes(line, own) {
        Ok(attributes) => Ok((text, attributes)),
        Err(e) => Err(nom::Err::Failure(e)),
    }
}

fn read_attributes(line: &Bytes, text: &[u8]) -> Result<Attributes, WireError> {
    let mut items = Items::of(text);
    let mut found = Attributes {
        life: items.number(b"life=")?,
        free: items.number(b"free=")?,
        k: items.number(b"k=")?,
        metric: match items.take(b"metric=") {
            Some(value) => Some(Metric::of(value).ok_or(WireError::Syntax("a metric is malformed"))?),
            None => None,
        },
        ..Attributes::default()
    };
    while let Some(value) = items.take(b"addr=") {
        let pushed = found.addrs.push(whole(address, value)?);
        pushed.map_err(|_| WireError::Bound("too many addresses"))?;
    }
    found.left = items.flag(b"left");
    found.other = items.kept(line)?;
    Ok(found)
}

/// The attributes of a link, after a comma each.
pub(super) fn link_attributes<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, LinkAttributes> {
    if text.first() != Some(&b',') {
        return Ok((text, LinkAttributes::default()));
    }
    let (text, own) = take_while(|b| b != b'|' && b != b'*' && b != b'#')(&text[1..])?;
    let mut items = Items(Some(own));
    let bye = items.flag(b"bye");
    match items.kept(line) {
        Ok(other) => Ok((text, LinkAttributes { bye, other })),
        Err(e) => Err(nom::Err::Failure(e)),
    }
}

/// What a greeting says beside its fields.
pub(super) fn capabilities(line: &Bytes, text: &[u8]) -> Result<Capabilities, WireError> {
    let mut items = Items::of(text);
    let start = items.number(b"start=")?;
    let rides = items.take(b"ride=").map(ChannelNames::read).transpose()?.unwrap_or_default();
    Ok(Capabilities { start, rides, other: items.kept(line)? })
}

/// What a newcomer asks for.
pub(super) struct Wishes {
    pub(super) network: Option<Network>,
    pub(super) all: bool,
    pub(super) over: bool,
    pub(super) other: Others<Registration>,
}

/// What a registration asks for: `all`, `over`, and what this version does not know.
pub(super) fn wishes(line: &Bytes, text: &[u8]) -> Result<Wishes, WireError> {
    let mut items = Items(Some(text));
    let named = items.take(b"net=").map(|name| whole(network, name)).transpose()?;
    let (all, over) = (items.flag(b"all"), items.flag(b"over"));
    Ok(Wishes { network: named, all, over, other: items.kept(line)? })
}
