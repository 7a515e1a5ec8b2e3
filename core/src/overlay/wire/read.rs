//! From a line to a packet. Total: whatever the octets, the answer is a packet or an error.

use bytes::Bytes;
use nom::Parser;
use nom::bytes::complete::{tag, take, take_while_m_n};
use nom::character::complete::one_of;
use nom::combinator::{opt, rest};
use nom::sequence::terminated;

use super::super::names::Token;
use super::WireError;
use super::attributes::{Wishes, capabilities, wishes};
use super::body::links;
use super::channel::{channel, channel_octets};
use super::lexis::{
    Read, at_most, contact, contacts, fail, field, hex_number, hex8, hex128, id, inline, item, key, list,
    named, network, node, number, number64, plain, range, token, visible, whole, word,
};
use super::limits::{
    ASK, CHANNEL, CREDIT, DAT, END, HB, LNK, MESSAGE_LIMIT, NACK, NAME_LIMIT, NEIGHBOR_DELIMITER, NET_PACKET,
    NODES_LIMIT, OVERLAY_DELIMITER, OVERLAY_PACKET, PADDING_LIMIT, PAYLOAD_LIMIT, PIECES_LIMIT, PING, PONG,
    REASON_LIMIT, REGISTER, REMOVE, SEG, SUM, TEARDOWN, TTL_LIMIT, UPDATE,
};
use super::part::{Have, Range};
use super::plain::{Reason, Word};
use super::texts::{BodyText, Others, UnknownLine};
use super::value::{
    Alternatives, Ask, Beat, DataHead, Digest, Flow, Greeting, Hash, Hears, Nack, Packet, Ping, Pong, Record,
    Records, Registration, Removal, Role, Segment, Sum, Teardown, Upt, Way,
};

/// Reads one line, given without its CRLF. What the packet keeps of it are slices of `line`, so that nothing is copied;
/// copy what outlives the line's buffer (see [`Upt::detach`]).
///
/// Whatever is accepted is emitted as the same octets again.
///
/// # Errors
/// The line is no packet; a word that this version does not know is no error.
pub fn read(line: &Bytes) -> Result<Packet, WireError> {
    if line.len() > MESSAGE_LIMIT {
        return Err(WireError::Bound("a packet is too long"));
    }
    let Ok((fields, word)) = word(line) else {
        return Err(WireError::Syntax("a packet does not begin with a word"));
    };
    match core::str::from_utf8(word).unwrap_or_default() {
        UPDATE => whole(|text| upt(line, text), fields).map(Packet::Upt),
        SEG => whole(|text| segment(line, text), fields).map(Packet::Seg),
        HB => whole(beat, fields).map(Packet::Hb),
        DAT => whole(data_head, fields).map(Packet::Dat),
        SUM => whole(sum, fields).map(Packet::Sum),
        ASK => whole(ask, fields).map(Packet::Ask),
        PING => whole(ping, fields).map(Packet::Ping),
        PONG => whole(pong, fields).map(Packet::Pong),
        LNK => whole(|text| greeting(line, text), fields).map(Packet::Lnk),
        TEARDOWN => whole(teardown, fields).map(Packet::Trd),
        NACK => whole(nack, fields).map(Packet::Nack),
        REMOVE => whole(removal, fields).map(Packet::Rmv),
        REGISTER => whole(|text| registration(line, text), fields).map(Packet::Reg),
        NET_PACKET => whole(field(contacts), fields).map(Packet::Net),
        OVERLAY_PACKET => whole(field(|text| over(line, text)), fields).map(Packet::Over),
        CHANNEL => whole(channel_octets, fields).map(Packet::Chn),
        CREDIT => whole(channel_octets, fields).map(Packet::Crd),
        END => whole(field(channel), fields).map(Packet::End),
        _ => whole(opt(inline), fields).map(|_| Packet::Unknown(UnknownLine::of(line.clone()))),
    }
}

/// Reads a packet that arrived in pieces.
///
/// # Errors
/// It is no packet, or one that must not be in pieces: SEG, what a channel says, or DAT whose payload would be missing.
pub fn read_reassembled(text: &Bytes) -> Result<Packet, WireError> {
    match read(text)? {
        Packet::Seg(_) => Err(WireError::Syntax("SEG within SEG")),
        Packet::Dat(_) => Err(WireError::Syntax("DAT within SEG")),
        Packet::Chn(_) | Packet::Crd(_) | Packet::End(_) => Err(WireError::Syntax("a channel within SEG")),
        packet => Ok(packet),
    }
}

fn greeting<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Greeting> {
    let (text, (version, network, node, role, token, caps)) =
        (field(number), field(network), field(named), field(role), field(token), field(rest)).parse(text)?;
    match capabilities(line, caps) {
        Ok(caps) => Ok((text, Greeting { version, network, node, role, token, caps })),
        Err(e) => fail(e),
    }
}

fn role(text: &[u8]) -> Read<'_, Role> {
    match take(1usize).parse(text)? {
        (text, b"o") => Ok((text, Role::Chooser)),
        (text, b"g") => Ok((text, Role::Guest)),
        (text, b"w") => Ok((text, Role::Watcher)),
        (text, b"i") => Ok((text, Role::Chosen)),
        _ => fail(WireError::Syntax("a greeting's role is not o, g, w or i")),
    }
}

fn registration<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Registration> {
    let (text, (node, k, ext)) = (field(contact), field(number), opt(field(rest))).parse(text)?;
    let Some(ext) = ext else {
        return Ok((
            text,
            Registration { node, k, network: None, all: false, over: false, other: Others::NONE },
        ));
    };
    match wishes(line, ext) {
        Ok(Wishes { network, all, over, other }) => {
            Ok((text, Registration { node, k, network, all, over, other }))
        }
        Err(e) => fail(e),
    }
}

fn over<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Records> {
    let (text, records) = list(OVERLAY_DELIMITER, NODES_LIMIT, "too many records", |text| {
        let (text, (node, key, age)) = (named, item(key), item(number)).parse(text)?;
        let (text, links) = links(line, text)?;
        Ok((text, Record { node, key, age, links }))
    })(text)?;
    Ok((text, Records::of(records)))
}

fn upt<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Upt> {
    let (text, (hash, key, source, age, body)) =
        (field(hash), field(key), field(named), field(number), field(visible)).parse(text)?;
    Ok((text, Upt { hash, key, source, age, body: BodyText::of(line.slice_ref(body)) }))
}

fn removal(text: &[u8]) -> Read<'_, Removal> {
    (field(hash), field(key), field(named), field(id), item(key))
        .map(|(hash, key, reporter, victim, victim_key)| Removal { hash, key, reporter, victim, victim_key })
        .parse(text)
}

fn hash(text: &[u8]) -> Read<'_, Hash> {
    hex128.map(Hash).parse(text)
}

fn teardown(text: &[u8]) -> Read<'_, Teardown> {
    (field(node), opt(field(plain(REASON_LIMIT))))
        .map(|(node, reason)| Teardown { node, reason: reason.and_then(Reason::of) })
        .parse(text)
}

fn nack(text: &[u8]) -> Read<'_, Nack> {
    let (text, word) = field(plain(NAME_LIMIT).map_opt(Word::of)).parse(text)?;
    let (text, reason) = opt(field(opt(plain(REASON_LIMIT)))).parse(text)?;
    let (text, nodes) = opt(field(contacts)).parse(text)?;
    let empty = nodes.as_ref().is_some_and(|nodes: &Alternatives| nodes.is_empty());
    if empty || nodes.is_none() && reason == Some(None) {
        return fail(WireError::Syntax("a refusal ends in an empty field"));
    }
    let reason = reason.flatten().and_then(Reason::of);
    Ok((text, Nack { word, reason, nodes: nodes.unwrap_or_default() }))
}

fn segment<'a>(line: &Bytes, text: &'a [u8]) -> Read<'a, Segment> {
    let piece = || at_most(PIECES_LIMIT, "a packet has too many pieces");
    let (text, (message, index, count, chunk)) =
        (field(number), field(piece()), field(piece()), field(inline)).parse(text)?;
    if index >= count {
        return fail(WireError::Range("a piece is beyond the last"));
    }
    Ok((text, Segment { message, index, count, chunk: line.slice_ref(chunk) }))
}

fn sum(text: &[u8]) -> Read<'_, Sum> {
    let (text, _) = tag("@").parse(text)?;
    let (text, range) = opt_range(text)?;
    let (text, (count, digest)) = (number, field(hex128)).parse(text)?;
    Ok((text, Sum { range, count, digest: Digest(digest) }))
}

fn ask(text: &[u8]) -> Read<'_, Ask> {
    let (text, _) = tag("@").parse(text)?;
    let (text, range) = opt_range(text)?;
    let (text, have) =
        list(NEIGHBOR_DELIMITER, NODES_LIMIT, "too many keys", |text| (id, item(key)).parse(text))(text)?;
    match Have::new(have) {
        Ok(have) => Ok((text, Ask { range, have })),
        Err(e) => fail(e),
    }
}

/// A range and the `@` after it, where there is one.
fn opt_range(text: &[u8]) -> Read<'_, Option<Range>> {
    if text.get(32) == Some(&b'-') {
        terminated(range, tag("@")).map(Some).parse(text)
    } else {
        Ok((text, None))
    }
}

/// The fields of PING.
pub(super) fn ping(text: &[u8]) -> Read<'_, Ping> {
    let (text, (token, id, padding)) = (field(token), field(id), opt(field(padding))).parse(text)?;
    Ok((text, Ping { token, id, padding: padding.unwrap_or(0) }))
}

/// The fields of PONG.
pub(super) fn pong(text: &[u8]) -> Read<'_, Pong> {
    (field(token), field(id)).map(|(token, id)| Pong { token, id }).parse(text)
}

/// The fields of HB.
pub(super) fn beat(text: &[u8]) -> Read<'_, Beat> {
    let (text, (token, number, heard, held)) =
        (field(token), field(number64), field(number64), field(number64)).parse(text)?;
    if number == 0 {
        return fail(WireError::Range("a beat has the number 0"));
    }
    let (text, (hears, full, read)) = (field(hears), field(number64), field(opt_number64)).parse(text)?;
    let (text, padding) = opt(field(padding)).parse(text)?;
    let padding = padding.unwrap_or(0);
    Ok((text, Beat { token, number, heard, held, hears, full, read, padding }))
}

/// A number of 64 bits, or nothing at all.
fn opt_number64(text: &[u8]) -> Read<'_, Option<u64>> {
    match text.first() {
        None | Some(b'@') => Ok((text, None)),
        Some(_) => number64(text).map(|(text, number)| (text, Some(number))),
    }
}

fn hears(text: &[u8]) -> Read<'_, Hears> {
    let (text, letter) = one_of("utn").parse(text)?;
    let hears = match letter {
        'u' => Hears::Datagrams,
        't' => Hears::Link,
        _ => Hears::Nothing,
    };
    Ok((text, hears))
}

/// Dots, as many as PADDING_LIMIT.
fn padding(text: &[u8]) -> Read<'_, u16> {
    let dots = take_while_m_n(1, usize::from(PADDING_LIMIT), |octet| octet == b'.');
    dots.map(|dots: &[u8]| u16::try_from(dots.len()).unwrap_or(PADDING_LIMIT)).parse(text)
}

/// Reads the line before a payload, given without its CRLF.
///
/// # Errors
/// The line is no DAT.
pub fn read_data(line: &[u8]) -> Result<DataHead, WireError> {
    let fields = line.strip_prefix(DAT.as_bytes()).ok_or(WireError::Syntax("no payload is announced"))?;
    whole(data_head, fields)
}

/// The fields of DAT on a link.
pub(super) fn data_head(text: &[u8]) -> Read<'_, DataHead> {
    let len = at_most(u32::try_from(PAYLOAD_LIMIT).unwrap_or(u32::MAX), "a payload is too long");
    let (text, (ttl, way, flow, source, destination, len)) =
        (field(hex8), field(way), field(flow), field(id), field(id), field(len)).parse(text)?;
    if ttl > TTL_LIMIT {
        return fail(WireError::Range("a TTL is above 32"));
    }
    if flow.is_report() && (len > 0 || way != Way::Link) {
        return fail(WireError::Range("a report has a payload, or goes as a datagram"));
    }
    Ok((text, DataHead { ttl, way, flow, source, destination, len }))
}

/// The fields of DAT in a datagram: the link's token is the last.
pub(super) fn datagram_head(text: &[u8]) -> Read<'_, (Token, DataHead)> {
    let (text, (head, token)) = (data_head, field(token)).parse(text)?;
    if head.way != Way::Datagram {
        return fail(WireError::Range("a payload that is to take links came as a datagram"));
    }
    Ok((text, (token, head)))
}

fn way(text: &[u8]) -> Read<'_, Way> {
    let (text, letter) = one_of("lg").parse(text)?;
    Ok((text, if letter == 'l' { Way::Link } else { Way::Datagram }))
}

fn flow(text: &[u8]) -> Read<'_, Flow> {
    let (text, kind) = one_of("dmerauxbc").parse(text)?;
    let (text, number) = hex_number(text)?;
    let flow = match kind {
        'd' => Flow::Data,
        'm' => Flow::Marked,
        'e' => Flow::Echo,
        'r' => Flow::Reply,
        'a' => Flow::Arrived,
        'u' => Flow::Unreachable,
        'x' => Flow::Expired,
        'b' => Flow::Busy,
        _ => Flow::Crowded,
    };
    Ok((text, flow(number)))
}
