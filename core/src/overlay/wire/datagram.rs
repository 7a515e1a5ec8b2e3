//! What goes over UDP: probes, heartbeats and small payloads.

use memchr::memmem;
use nom::combinator::opt;

use super::super::names::Token;
use super::WireError;
use super::lexis::{inline, whole, word};
use super::limits::{DAT, HB, PING, PONG};
use super::read::{beat, datagram_head, ping, pong};
use super::value::{Beat, DataHead, Ping, Pong};

const CRLF: &[u8] = b"\r\n";

/// A packet that was a datagram by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Datagram<'a> {
    /// PING.
    Ping(Ping),
    /// PONG.
    Pong(Pong),
    /// HB.
    Hb(Beat),
    /// DAT with the token of the link that it belongs to, and its payload.
    Dat(Token, DataHead, &'a [u8]),
    /// A word that is none of these: counted and ignored.
    Unknown,
}

/// Reads a datagram. The CRLF at the end of a packet of one line may be missing.
///
/// # Errors
/// The datagram is no packet, or more than one.
pub fn read_datagram(bytes: &[u8]) -> Result<Datagram<'_>, WireError> {
    let line = bytes.strip_suffix(CRLF).unwrap_or(bytes);
    let Ok((fields, word)) = word(line) else {
        return Err(WireError::Syntax("a datagram does not begin with a word"));
    };
    match core::str::from_utf8(word).unwrap_or_default() {
        HB => whole(beat, fields).map(Datagram::Hb),
        PING => whole(ping, fields).map(Datagram::Ping),
        PONG => whole(pong, fields).map(Datagram::Pong),
        DAT => data(bytes),
        _ => whole(opt(inline), fields).map(|_| Datagram::Unknown),
    }
}

fn data(bytes: &[u8]) -> Result<Datagram<'_>, WireError> {
    let missing = WireError::Syntax("a payload without its length, or without its CRLF");
    let end = memmem::find(bytes, CRLF).ok_or(missing)?;
    let (token, head) = whole(datagram_head, &bytes[DAT.len()..end])?;
    let payload = bytes[end + CRLF.len()..].strip_suffix(CRLF).ok_or(missing)?;
    if usize::try_from(head.len).ok() != Some(payload.len()) {
        return Err(missing);
    }
    Ok(Datagram::Dat(token, head, payload))
}
