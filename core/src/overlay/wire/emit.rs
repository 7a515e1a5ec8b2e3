//! From values to text.

use bytes::{BufMut, Bytes, BytesMut};

use super::super::names::{Key, NodeId, Token};
use super::limits::{self, NEIGHBOR_DELIMITER, OVERLAY_DELIMITER, PACK_DELIMITER, UPDT_DELIMITER};
use super::pen::{Items, hex8, hex64, put_address, put_hex128, put_links, put_list, put_number, put_range};
use super::plain::Reason;
use super::texts::BodyText;
use super::value::{
    Ask, Attributes, Beat, Body, Capabilities, Contact, DataHead, Greeting, Hash, Hears, LinkAttributes,
    Listed, ListedRole, Nack, NodeName, Packet, Ping, Pong, Record, Registration, Removal, Role, Segment,
    Sum, Teardown, Update, Upt, Way,
};

pub(super) const CRLF: &[u8] = b"\r\n";
/// What a packet of a few fixed fields needs at most: HB, the longest, takes 82 octets.
const SHORT: usize = 96;
/// What the fields before a body need at most, and CRLF after it.
const BEFORE_BODY: usize = 192;
/// What a node with its id takes, by and large.
const PER_NODE: usize = 56;

impl Packet {
    /// Its word.
    pub fn word(&self) -> &str {
        match self {
            Packet::Lnk(_) => limits::LNK,
            Packet::Reg(_) => limits::REGISTER,
            Packet::Net(_) => limits::NET_PACKET,
            Packet::Over(_) => limits::OVERLAY_PACKET,
            Packet::Upt(_) => limits::UPDATE,
            Packet::Rmv(_) => limits::REMOVE,
            Packet::Trd(_) => limits::TEARDOWN,
            Packet::Nack(_) => limits::NACK,
            Packet::Seg(_) => limits::SEG,
            Packet::Sum(_) => limits::SUM,
            Packet::Ask(_) => limits::ASK,
            Packet::Ping(_) => limits::PING,
            Packet::Pong(_) => limits::PONG,
            Packet::Hb(_) => limits::HB,
            Packet::Dat(_) => limits::DAT,
            Packet::Chn(_) => limits::CHANNEL,
            Packet::Crd(_) => limits::CREDIT,
            Packet::End(_) => limits::END,
            Packet::Unknown(line) => line.word(),
        }
    }

    /// The packet as text with CRLF, in one piece however long it is (see [`frames`](super::frames)). Of DAT and CHN it is
    /// the line before the payload.
    pub fn emit(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.size_hint());
        self.emit_into(&mut out);
        out.freeze()
    }

    /// Appends what [`emit`](Packet::emit) answers.
    pub fn emit_into(&self, out: &mut BytesMut) {
        if !matches!(self, Packet::Unknown(_) | Packet::Seg(_)) {
            put_word(out, self.word());
        }
        match self {
            Packet::Lnk(greeting) => greeting.put(out),
            Packet::Reg(registration) => registration.put(out),
            Packet::Net(nodes) => put_list(out, NEIGHBOR_DELIMITER, nodes),
            Packet::Over(records) => put_list(out, OVERLAY_DELIMITER, records),
            Packet::Upt(upt) => upt.put_aged(upt.age, out),
            Packet::Rmv(removal) => removal.put(out),
            Packet::Trd(teardown) => teardown.put(out),
            Packet::Nack(nack) => nack.put(out),
            Packet::Seg(Segment { message, index, count, chunk }) => {
                put_piece_head(out, *message, *index, *count);
                out.put_slice(chunk);
            }
            Packet::Sum(sum) => sum.put(out),
            Packet::Ask(ask) => ask.put(out),
            Packet::Ping(ping) => ping.put(out),
            Packet::Pong(pong) => pong.put(out),
            Packet::Hb(beat) => beat.put(out),
            Packet::Dat(head) => head.put(out),
            Packet::Chn(octets) | Packet::Crd(octets) => octets.put(out),
            Packet::End(channel) => channel.put(out),
            Packet::Unknown(line) => out.put_slice(line.as_bytes()),
        }
        out.put_slice(CRLF);
    }

    fn size_hint(&self) -> usize {
        match self {
            Packet::Net(nodes) => SHORT + PER_NODE * nodes.len(),
            Packet::Ask(ask) => SHORT + PER_NODE * (ask.have.len() + 1),
            Packet::Over(records) => {
                let links: usize = records.iter().map(|record| record.links.len()).sum();
                SHORT + PER_NODE * (2 * records.len() + links)
            }
            Packet::Upt(upt) => BEFORE_BODY + upt.body.len(),
            Packet::Seg(segment) => SHORT + segment.chunk.len(),
            Packet::Unknown(line) => line.as_bytes().len() + CRLF.len(),
            Packet::Ping(_) | Packet::Pong(_) | Packet::Hb(_) => SHORT,
            Packet::Chn(_) | Packet::Crd(_) | Packet::End(_) => SHORT,
            _ => BEFORE_BODY,
        }
    }
}

/// PING with CRLF.
pub fn emit_ping(ping: &Ping) -> Bytes {
    Packet::Ping(*ping).emit()
}

/// PING with CRLF, padded to so many octets in all, as far as it is shorter.
pub fn emit_padded_ping(ping: &Ping, octets: usize) -> Bytes {
    let short = emit_ping(&Ping { padding: 0, ..*ping }).len();
    emit_ping(&Ping { padding: padding(short, octets), ..*ping })
}

/// PONG with CRLF.
pub fn emit_pong(pong: &Pong) -> Bytes {
    Packet::Pong(*pong).emit()
}

/// HB with CRLF.
pub fn emit_beat(beat: &Beat) -> Bytes {
    Packet::Hb(*beat).emit()
}

/// HB with CRLF, padded to so many octets in all, as far as it is shorter.
pub fn emit_padded_beat(beat: &Beat, octets: usize) -> Bytes {
    let short = emit_beat(&Beat { padding: 0, ..*beat }).len();
    emit_beat(&Beat { padding: padding(short, octets), ..*beat })
}

/// The padding that makes a packet of `short` octets one of so many.
fn padding(short: usize, octets: usize) -> u16 {
    let padding = u16::try_from(octets.saturating_sub(short + 1));
    padding.unwrap_or(limits::PADDING_LIMIT).min(limits::PADDING_LIMIT)
}

fn put_padding(out: &mut impl BufMut, padding: u16) {
    if padding > 0 {
        out.put_u8(b'@');
        out.put_bytes(b'.', padding.into());
    }
}

/// DAT: its line, the payload, and the CRLF after each. The length written is that of `payload`.
pub fn emit_data(head: &DataHead, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(data_size(payload));
    put_data(head, payload, &mut out);
    out.freeze()
}

/// DAT as a datagram, with the token that the receiver gave the link.
pub fn emit_datagram(token: Token, head: &DataHead, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(data_size(payload));
    put_head(&DataHead { way: Way::Datagram, ..*head }, payload, &mut out);
    out.put_u8(b'@');
    token.put(&mut out);
    put_payload(payload, &mut out);
    out.freeze()
}

/// What [`emit_data`] and [`emit_datagram`] need at most.
pub const fn data_size(payload: &[u8]) -> usize {
    BEFORE_BODY + payload.len()
}

/// Appends what [`emit_data`] answers.
pub fn put_data(head: &DataHead, payload: &[u8], out: &mut BytesMut) {
    put_head(head, payload, out);
    put_payload(payload, out);
}

fn put_head(head: &DataHead, payload: &[u8], out: &mut BytesMut) {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    put_word(out, limits::DAT);
    DataHead { len, ..*head }.put(out);
}

pub(super) fn put_payload(payload: &[u8], out: &mut BytesMut) {
    out.put_slice(CRLF);
    out.put_slice(payload);
    out.put_slice(CRLF);
}

/// Where the TTL stands in DAT.
const TTL: core::ops::Range<usize> = limits::DAT.len() + 1..limits::DAT.len() + 3;

/// Writes another TTL into what [`emit_data`] answered: a relay changes nothing else.
pub fn set_ttl(frame: &mut [u8], ttl: u8) {
    if let Some(digits) = frame.get_mut(TTL) {
        digits.copy_from_slice(&hex8(ttl));
    }
}

impl Body {
    /// The body as text.
    pub fn emit(&self) -> BodyText {
        let links: usize = self.updates.iter().map(|update| update.links.len()).sum();
        let mut out = BytesMut::with_capacity(SHORT * self.updates.len() + PER_NODE * links);
        for (at, update) in self.updates.iter().enumerate() {
            if at > 0 {
                out.put_slice(UPDT_DELIMITER);
            }
            update.put(&mut out);
        }
        BodyText::of(out.freeze())
    }
}

impl Upt {
    /// The packet as text with CRLF and the age given, the origin's octets as they came.
    pub fn frame(&self, age: u32) -> Bytes {
        let mut out = BytesMut::with_capacity(BEFORE_BODY + self.body.len());
        put_word(&mut out, limits::UPDATE);
        self.put_aged(age, &mut out);
        out.put_slice(CRLF);
        out.freeze()
    }

    fn put_aged(&self, age: u32, out: &mut BytesMut) {
        self.hash.put(out);
        out.put_u8(b'@');
        self.key.put(out);
        out.put_u8(b'@');
        self.source.put(out);
        out.put_u8(b'@');
        put_number(out, u64::from(age));
        out.put_u8(b'@');
        out.put_slice(&self.body);
    }
}

pub(super) fn put_word(out: &mut impl BufMut, word: &str) {
    out.put_slice(word.as_bytes());
    out.put_u8(PACK_DELIMITER);
}

/// What has a text; of a packet it is what stands after the word and its `@`.
pub(super) trait Put {
    /// Appends it.
    fn put(&self, out: &mut impl BufMut);
}

impl Put for Greeting {
    fn put(&self, out: &mut impl BufMut) {
        put_number(out, u64::from(self.version));
        out.put_u8(b'@');
        out.put_slice(self.network.as_str().as_bytes());
        out.put_u8(b'@');
        self.node.put(out);
        out.put_slice(match self.role {
            Role::Chooser => b"@o@",
            Role::Guest => b"@g@",
            Role::Watcher => b"@w@",
            Role::Chosen => b"@i@",
        });
        self.token.put(out);
        out.put_u8(b'@');
        self.caps.put(out);
    }
}

impl Put for Capabilities {
    fn put(&self, out: &mut impl BufMut) {
        let mut items = Items::first(out);
        items.number(b"start=", self.start);
        if !self.rides.is_empty() {
            self.rides.put(items.next(b"ride="));
        }
        items.other(self.other.as_bytes());
    }
}

impl Put for Registration {
    fn put(&self, out: &mut impl BufMut) {
        self.node.put(out);
        out.put_u8(b'@');
        put_number(out, u64::from(self.k));
        if self.network.is_some() || self.all || self.over || !self.other.is_empty() {
            out.put_u8(b'@');
            let mut items = Items::first(out);
            if let Some(network) = &self.network {
                items.next(b"net=").put_slice(network.as_str().as_bytes());
            }
            items.flag(b"all", self.all);
            items.flag(b"over", self.over);
            items.other(self.other.as_bytes());
        }
    }
}

impl Put for Removal {
    fn put(&self, out: &mut impl BufMut) {
        self.hash.put(out);
        out.put_u8(b'@');
        self.key.put(out);
        out.put_u8(b'@');
        self.reporter.put(out);
        out.put_u8(b'@');
        (self.victim, self.victim_key).put(out);
    }
}

impl Put for Teardown {
    fn put(&self, out: &mut impl BufMut) {
        self.node.put(out);
        if let Some(reason) = &self.reason {
            out.put_u8(b'@');
            out.put_slice(reason.as_str().as_bytes());
        }
    }
}

impl Put for Nack {
    fn put(&self, out: &mut impl BufMut) {
        out.put_slice(self.word.as_str().as_bytes());
        if self.reason.is_some() || !self.nodes.is_empty() {
            out.put_u8(b'@');
            out.put_slice(self.reason.as_ref().map_or("", Reason::as_str).as_bytes());
        }
        if !self.nodes.is_empty() {
            out.put_u8(b'@');
            put_list(out, NEIGHBOR_DELIMITER, &self.nodes);
        }
    }
}

/// What stands before the octets of a piece, the word included.
pub(super) fn put_piece_head(out: &mut impl BufMut, message: u32, index: u16, count: u16) {
    put_word(out, limits::SEG);
    put_number(out, u64::from(message));
    out.put_u8(b'@');
    put_number(out, u64::from(index));
    out.put_u8(b'@');
    put_number(out, u64::from(count));
    out.put_u8(b'@');
}

impl Put for Sum {
    fn put(&self, out: &mut impl BufMut) {
        put_range(out, self.range);
        put_number(out, u64::from(self.count));
        out.put_u8(b'@');
        put_hex128(out, self.digest.0);
    }
}

impl Put for Ask {
    fn put(&self, out: &mut impl BufMut) {
        put_range(out, self.range);
        put_list(out, NEIGHBOR_DELIMITER, &self.have);
    }
}

impl Put for (NodeId, Key) {
    fn put(&self, out: &mut impl BufMut) {
        self.0.put(out);
        out.put_u8(b',');
        self.1.put(out);
    }
}

impl Put for Ping {
    fn put(&self, out: &mut impl BufMut) {
        self.token.put(out);
        out.put_u8(b'@');
        self.id.put(out);
        put_padding(out, self.padding);
    }
}

impl Put for Pong {
    fn put(&self, out: &mut impl BufMut) {
        self.token.put(out);
        out.put_u8(b'@');
        self.id.put(out);
    }
}

impl Put for Beat {
    fn put(&self, out: &mut impl BufMut) {
        self.token.put(out);
        for n in [self.number, self.heard, self.held] {
            out.put_u8(b'@');
            put_number(out, n);
        }
        out.put_slice(match self.hears {
            Hears::Datagrams => b"@u@",
            Hears::Link => b"@t@",
            Hears::Nothing => b"@n@",
        });
        put_number(out, self.full);
        out.put_u8(b'@');
        if let Some(read) = self.read {
            put_number(out, read);
        }
        put_padding(out, self.padding);
    }
}

impl Put for DataHead {
    fn put(&self, out: &mut impl BufMut) {
        out.put_slice(&hex8(self.ttl));
        out.put_slice(match self.way {
            Way::Link => b"@l@",
            Way::Datagram => b"@g@",
        });
        let (kind, number) = self.flow.parts();
        out.put_u8(kind);
        let digits = hex64(number);
        out.put_slice(&digits[(number.leading_zeros() as usize / 4).min(15)..]);
        out.put_u8(b'@');
        self.source.put(out);
        out.put_u8(b'@');
        self.destination.put(out);
        out.put_u8(b'@');
        put_number(out, u64::from(self.len));
    }
}

impl Put for Record {
    fn put(&self, out: &mut impl BufMut) {
        self.node.put(out);
        out.put_u8(b',');
        self.key.put(out);
        out.put_u8(b',');
        put_number(out, u64::from(self.age));
        put_links(out, &self.links);
    }
}

impl Put for Update {
    fn put(&self, out: &mut impl BufMut) {
        self.attributes.put(out);
        put_links(out, &self.links);
    }
}

impl Put for Attributes {
    fn put(&self, out: &mut impl BufMut) {
        let mut items = Items::first(out);
        items.number(b"life=", self.life);
        items.number(b"free=", self.free);
        items.number(b"k=", self.k);
        if let Some(metric) = &self.metric {
            items.next(b"metric=").put_slice(metric.as_bytes());
        }
        for addr in &self.addrs {
            put_address(items.next(b"addr="), *addr);
        }
        if self.left {
            items.next(b"left");
        }
        items.other(self.other.as_bytes());
    }
}

impl Put for Listed {
    fn put(&self, out: &mut impl BufMut) {
        self.id.put(out);
        out.put_u8(b',');
        put_number(out, u64::from(self.cost.micros()));
        out.put_slice(match self.role {
            ListedRole::Out => b",o",
            ListedRole::In => b",i",
            ListedRole::Both => b",b",
        });
        self.attributes.put(out);
    }
}

impl Put for LinkAttributes {
    fn put(&self, out: &mut impl BufMut) {
        let mut items = Items::after(out);
        items.flag(b"bye", self.bye);
        items.other(self.other.as_bytes());
    }
}

impl Put for NodeName {
    fn put(&self, out: &mut impl BufMut) {
        put_address(out, self.addr);
        if let Some(id) = self.id {
            out.put_u8(b'~');
            id.put(out);
        }
    }
}

impl Put for Contact {
    fn put(&self, out: &mut impl BufMut) {
        self.name.put(out);
        for addr in &self.more {
            out.put_u8(b',');
            put_address(out, *addr);
        }
    }
}

impl Put for NodeId {
    fn put(&self, out: &mut impl BufMut) {
        put_hex128(out, self.0);
    }
}

impl Put for Hash {
    fn put(&self, out: &mut impl BufMut) {
        put_hex128(out, self.0);
    }
}

impl Put for Token {
    fn put(&self, out: &mut impl BufMut) {
        out.put_slice(&hex64(self.0));
    }
}

impl Put for Key {
    fn put(&self, out: &mut impl BufMut) {
        put_number(out, u64::from(self.incarnation));
        out.put_u8(b'.');
        put_number(out, u64::from(self.sequence));
    }
}
