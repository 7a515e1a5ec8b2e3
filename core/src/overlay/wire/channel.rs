//! Channels on a link: their names, and the frames in which what rides on them goes one hop.

use core::fmt;
use core::ops::Deref;

use bytes::{BufMut, BytesMut};
use nom::Parser;
use nom::bytes::complete::take_while_m_n;
use smallvec::SmallVec;

use super::WireError;
use super::emit::{CRLF, Put, put_payload, put_word};
use super::lexis::{Read, fail, field, is_lower, number, whole};
use super::limits::{CHANNEL, CHANNELS_LIMIT, NAME_LIMIT, WINDOW};
use super::pen::put_number;

/// A text is no channel's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a channel's name is 1 to 16 of a-z, 0-9 and -")]
pub struct ChannelNameError;

/// A channel's name, 1 to 16 of `a-z`, `0-9` and `-`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName {
    /// Zeros follow the name.
    octets: [u8; NAME_LIMIT],
}

impl ChannelName {
    /// A name.
    ///
    /// # Errors
    /// It is empty, longer than 16 octets, or has something other than `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, ChannelNameError> {
        whole(channel, name.as_bytes()).map_err(|_| ChannelNameError)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        let text = self.octets.split(|octet| *octet == 0).next().unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// More channels than a node can ride, or one twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a node rides at most {CHANNELS_LIMIT} channels, each once")]
pub struct ChannelNamesError;

/// The channels that a node rides: at most [`CHANNELS_LIMIT`] names in ascending order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChannelNames(SmallVec<[ChannelName; 1]>);

impl ChannelNames {
    /// Names in any order.
    ///
    /// # Errors
    /// There are too many, or one twice.
    pub fn new(names: impl IntoIterator<Item = ChannelName>) -> Result<Self, ChannelNamesError> {
        let mut names: SmallVec<[ChannelName; 1]> = names.into_iter().take(CHANNELS_LIMIT + 1).collect();
        names.sort_unstable();
        if names.len() > CHANNELS_LIMIT || names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ChannelNamesError);
        }
        Ok(ChannelNames(names))
    }

    /// Names as a greeting has them, with `+` between them.
    pub(super) fn read(text: &[u8]) -> Result<Self, WireError> {
        let mut names = SmallVec::new();
        for name in text.split(|octet| *octet == b'+') {
            if names.len() == CHANNELS_LIMIT {
                return Err(WireError::Bound("too many channels"));
            }
            let name = whole(channel, name)?;
            if names.last().is_some_and(|last| *last >= name) {
                return Err(WireError::Syntax("channels are not in ascending order"));
            }
            names.push(name);
        }
        Ok(ChannelNames(names))
    }

    /// Writes them so.
    pub(super) fn put(&self, out: &mut impl BufMut) {
        for (at, name) in self.iter().enumerate() {
            if at > 0 {
                out.put_u8(b'+');
            }
            name.put(out);
        }
    }
}

impl Deref for ChannelNames {
    type Target = [ChannelName];
    fn deref(&self) -> &[ChannelName] {
        &self.0
    }
}

/// CHN, the line before what rides on a channel, and CRD, which says how much more may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChannelOctets {
    /// The channel.
    pub channel: ChannelName,
    /// How many octets: at least one and at most [`WINDOW`].
    pub octets: u32,
}

/// CHN: its line, the octets, and the CRLF after each.
pub fn put_channel(channel: ChannelName, octets: &[u8], out: &mut BytesMut) {
    put_word(out, CHANNEL);
    ChannelOctets { channel, octets: u32::try_from(octets.len()).unwrap_or(u32::MAX) }.put(out);
    put_payload(octets, out);
}

/// What [`put_channel`] needs at most.
pub const fn channel_size(octets: usize) -> usize {
    CHANNEL.len() + 2 + NAME_LIMIT + 10 + 2 * CRLF.len() + octets
}

/// Reads the line before what rides on a channel, given without its CRLF.
///
/// # Errors
/// The line is no CHN.
pub fn read_channel(line: &[u8]) -> Result<ChannelOctets, WireError> {
    let fields =
        line.strip_prefix(CHANNEL.as_bytes()).ok_or(WireError::Syntax("nothing rides on a channel"))?;
    whole(channel_octets, fields)
}

/// The fields of CHN and CRD.
pub(super) fn channel_octets(text: &[u8]) -> Read<'_, ChannelOctets> {
    let (text, (channel, octets)) = (field(channel), field(number)).parse(text)?;
    if octets == 0 || octets as usize > WINDOW {
        return fail(WireError::Range("a channel's octets are none, or above its window"));
    }
    Ok((text, ChannelOctets { channel, octets }))
}

/// A channel's name.
pub(super) fn channel(text: &[u8]) -> Read<'_, ChannelName> {
    let (text, name) = take_while_m_n(1, NAME_LIMIT, is_lower).parse(text)?;
    let mut octets = [0; NAME_LIMIT];
    octets[..name.len()].copy_from_slice(name);
    Ok((text, ChannelName { octets }))
}

impl Put for ChannelName {
    fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.as_str().as_bytes());
    }
}

impl Put for ChannelOctets {
    fn put(&self, out: &mut impl BufMut) {
        self.channel.put(out);
        out.put_u8(b'@');
        put_number(out, u64::from(self.octets));
    }
}
