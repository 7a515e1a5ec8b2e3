//! What holds for any octets whatever: the bodies of the fuzz targets, also run on their corpora.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use super::super::super::kernel::Time;
use super::super::names::Key;
use super::*;

/// A line is refused, or means something that is written exactly so.
///
/// # Panics
/// It is neither.
pub fn line(octets: &[u8]) {
    let line = Bytes::copy_from_slice(octets);
    let Ok(packet) = read(&line) else { return };
    let emitted = packet.emit();
    assert_eq!(emitted.strip_suffix(b"\r\n"), Some(octets), "an accepted line is emitted as it was");
    assert!(octets.starts_with(packet.word().as_bytes()));
    assert_eq!(read(&emitted.slice(..octets.len())).as_ref(), Ok(&packet));
    match &packet {
        Packet::Upt(upt) => {
            assert_eq!(upt.frame(upt.age), emitted);
            record(upt);
        }
        Packet::Rmv(removal) => {
            let true_one =
                Removal::originate(removal.key, removal.reporter, removal.victim, removal.victim_key);
            assert_eq!(removal.verify(), true_one.hash == removal.hash);
        }
        _ => {}
    }
    pieces(&packet, &emitted);
}

/// A record's body is refused whole, or is written as it was; the true hash covers all but the age.
fn record(upt: &Upt) {
    let Ok(body) = upt.parse_body() else { return };
    assert_eq!(body.emit(), upt.body, "an accepted body is emitted as it was");
    let own = Upt::originate(upt.key, upt.source, upt.age, &body);
    assert!(own.verify());
    assert_eq!(upt.verify(), own.hash == upt.hash);
    assert!(Upt { age: !upt.age, ..own.detach() }.verify(), "the hash is not over the age");
    let sequence = if upt.key.sequence == 1 { 2 } else { 1 };
    assert!(!Upt { key: Key { sequence, ..upt.key }, ..own }.verify(), "the hash is over the key");
}

/// A packet's frames are within the limit, and put together again they are the packet.
fn pieces(packet: &Packet, emitted: &Bytes) {
    let (mut message, mut reassembly) = (7, Reassembly::new());
    let frames = frames(packet, &mut message);
    if let [alone] = &frames[..] {
        assert!(alone == emitted && alone.len() <= PKT_LIMIT + 2);
        return;
    }
    let mut whole = None;
    for frame in frames.iter().rev() {
        assert!(whole.is_none() && frame.len() <= PKT_LIMIT + 2);
        let Ok(Packet::Seg(segment)) = read(&frame.slice(..frame.len() - 2)) else {
            panic!("a piece is a SEG");
        };
        whole = reassembly.push(Time::ZERO, segment).expect("own pieces are taken");
    }
    assert_eq!(whole.as_deref(), emitted.strip_suffix(b"\r\n"));
}

/// A datagram is refused, or means something that is written exactly so, its last CRLF aside.
///
/// # Panics
/// It is neither.
pub fn datagram(octets: &[u8]) {
    let emitted = match read_datagram(octets) {
        Ok(Datagram::Ping(ping)) => emit_ping(&ping),
        Ok(Datagram::Pong(pong)) => emit_pong(&pong),
        Ok(Datagram::Hb(beat)) => emit_beat(&beat),
        Ok(Datagram::Dat(token, head, payload)) => {
            assert!(payload.len() <= PAYLOAD_LIMIT);
            emit_datagram(token, &head, payload)
        }
        Ok(Datagram::Unknown) | Err(_) => return,
    };
    assert!(octets == emitted || Some(octets) == emitted.strip_suffix(b"\r\n"));
}

/// Pieces as a link would take them, beside a plain model. The octets are a script: a line `+` and a number lets so many
/// seconds pass, any other is read as a packet, of which SEG counts. (Whole seconds, so that ends of time-outs are met.)
///
/// # Panics
/// Reassembly and model differ.
pub fn segments(script: &[u8]) {
    let (mut now, mut reassembly, mut model) = (Time::ZERO, Reassembly::new(), Model::default());
    for line in script.split(|b| *b == b'\n') {
        if let Some(number) = line.strip_prefix(b"+") {
            let secs = core::str::from_utf8(number).ok().and_then(|text| text.parse::<u8>().ok());
            now = now + Duration::from_secs(u64::from(secs.unwrap_or(0)));
            assert_eq!(reassembly.expire(now), model.expire(now));
        } else if let Ok(Packet::Seg(segment)) = read(&Bytes::copy_from_slice(line)) {
            let expected = model.push(now, &segment);
            assert_eq!(reassembly.push(now, segment), expected);
            if let Ok(Some(whole)) = expected {
                let packet = read_reassembled(&whole);
                assert!(!matches!(packet, Ok(Packet::Seg(_) | Packet::Dat(_))));
            }
        }
        assert_eq!(reassembly.next_expiry(), model.oldest().map(|since| since + SEG_TIMEOUT));
    }
}

/// Incomplete packets as a list that is gone through from end to end.
#[derive(Default)]
struct Model(Vec<(u32, Time, u16, BTreeMap<u16, Bytes>)>);

impl Model {
    fn oldest(&self) -> Option<Time> {
        self.0.iter().map(|packet| packet.1).min()
    }

    fn expire(&mut self, now: Time) -> usize {
        let before = self.0.len();
        self.0.retain(|packet| now.since(packet.1) < SEG_TIMEOUT);
        before - self.0.len()
    }

    fn charged(&self) -> usize {
        self.0.iter().flat_map(|packet| packet.3.values()).map(|piece| piece.len() + PIECE_CHARGE).sum()
    }

    fn push(&mut self, now: Time, segment: &Segment) -> Result<Option<Bytes>, SegError> {
        self.expire(now);
        let (full, charged) = (self.0.len() == UNFINISHED_LIMIT, self.charged());
        let at = self.0.iter().position(|packet| packet.0 == segment.message);
        if let Some((_, _, count, pieces)) = at.map(|at| &self.0[at]) {
            if *count != segment.count {
                return Err(SegError::Count);
            }
            if let Some(piece) = pieces.get(&segment.index) {
                return if *piece == segment.chunk { Ok(None) } else { Err(SegError::Conflict) };
            }
        } else if segment.count == 1 {
            return Ok(Some(segment.chunk.clone()));
        } else if full {
            return Err(SegError::Packets);
        }
        if charged + segment.chunk.len() + PIECE_CHARGE > REASSEMBLY_LIMIT {
            return Err(SegError::Octets);
        }
        let at = at.unwrap_or_else(|| {
            self.0.push((segment.message, now, segment.count, BTreeMap::new()));
            self.0.len() - 1
        });
        self.0[at].3.insert(segment.index, segment.chunk.clone());
        if self.0[at].3.len() < usize::from(segment.count) {
            return Ok(None);
        }
        let mut whole = BytesMut::new();
        self.0.remove(at).3.values().for_each(|piece| whole.extend_from_slice(piece));
        Ok(Some(whole.freeze()))
    }
}
