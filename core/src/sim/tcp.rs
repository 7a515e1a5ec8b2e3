//! A connection as the network sees it: two ends, and what is on its way between them.

use alloc::collections::VecDeque;
use core::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::slab::Key;
use crate::kernel::{ConnId, Port, Ticket, Time};

/// Which end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Dialler = 0,
    Acceptor = 1,
}

impl Side {
    pub(super) const BOTH: [Side; 2] = [Side::Dialler, Side::Acceptor];

    pub(super) const fn other(self) -> Side {
        match self {
            Side::Dialler => Side::Acceptor,
            Side::Acceptor => Side::Dialler,
        }
    }
}

/// What goes over the network for a connection, in order in each direction.
#[derive(Debug)]
pub(super) enum Segment {
    Syn,
    SynAck,
    Refused,
    /// The dialler heard the SYN-ACK: the acceptor's process is told.
    Ack,
    Data(Bytes),
    /// The receiver has read so many octets for which the sender was waiting.
    Room(usize),
    Fin,
    Rst,
}

impl Segment {
    /// Octets that it carries.
    pub(super) fn len(&self) -> usize {
        match self {
            Segment::Data(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EndState {
    /// The SYN is out.
    Dialing(Ticket),
    /// The SYN-ACK is out; the process knows nothing yet.
    Pending,
    Open,
    /// The machine asked for an orderly close and has not been told of its end.
    Closing {
        fin_sent: bool,
    },
    /// Nobody is there any more, or not yet.
    Gone,
}

/// One end, and the direction that leads away from it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) node: u32,
    pub(super) state: EndState,
    pub(super) reading: bool,
    /// What the machine has left, and what arrived while reading was off.
    pub(super) received: BytesMut,
    /// How much of it the machine has not been shown.
    pub(super) unread: usize,
    /// The peer's FIN arrived while reading was off.
    pub(super) fin_waits: bool,
    /// What the window has no room for.
    pub(super) unsent: VecDeque<Bytes>,
    /// Octets sent that the other end has not read.
    pub(super) outstanding: usize,
    /// What is on its way to the other end, with the times of arrival.
    pub(super) wire: VecDeque<(u64, Segment)>,
    /// What waits for a cut to heal, or for a way to widen.
    pub(super) held: VecDeque<Segment>,
    /// Since when a segment is sent again and again that is too long for the way.
    pub(super) stalled: Option<Time>,
    /// Something from here met a dead host, which will say so if it comes back.
    pub(super) lost: bool,
    pub(super) rst_sent: bool,
    /// Since when its host waits in vain for an answer.
    pub(super) unanswered: Option<Time>,
}

impl End {
    fn new(node: usize, state: EndState) -> Self {
        End {
            node: u32::try_from(node).expect("nodes have addresses of 24 bits"),
            state,
            reading: true,
            received: BytesMut::new(),
            unread: 0,
            fin_waits: false,
            unsent: VecDeque::new(),
            outstanding: 0,
            wire: VecDeque::new(),
            held: VecDeque::new(),
            stalled: None,
            lost: false,
            rst_sent: false,
            unanswered: None,
        }
    }

    /// Nobody is there any more: what only the process had is lost.
    pub(super) fn leave(&mut self) {
        self.state = EndState::Gone;
        self.unsent = VecDeque::new();
        self.received = BytesMut::new();
    }

    /// Whether a segment has to wait behind one that is too long for the way. Acknowledgements do not, and resets find their
    /// way in the end.
    pub(super) fn queues_behind(&self, segment: &Segment) -> bool {
        self.stalled.is_some() && matches!(segment, Segment::Data(_) | Segment::Fin)
    }

    /// Takes off `unsent` what the window has room for now: a frame or a part of one.
    pub(super) fn next_piece(&mut self, window: usize) -> Option<Bytes> {
        let room = window.saturating_sub(self.outstanding);
        let front = self.unsent.front_mut()?;
        if room == 0 {
            return None;
        }
        let piece = if front.len() <= room { self.unsent.pop_front()? } else { front.split_to(room) };
        self.outstanding += piece.len();
        Some(piece)
    }
}

#[derive(Debug)]
pub(super) struct Conn {
    ends: [End; 2],
    /// The acceptor's port.
    pub(super) port: Port,
    /// Where the dialler is, as the acceptor sees it, and where it dialled.
    pub(super) addresses: [SocketAddr; 2],
    /// The dialler's host has answered the SYN-ACK.
    pub(super) acked: bool,
    /// The network has forgotten it: whatever either end sends vanishes.
    pub(super) severed: bool,
}

impl Conn {
    pub(super) fn new(
        from: usize,
        ticket: Ticket,
        to: usize,
        port: Port,
        addresses: [SocketAddr; 2],
    ) -> Self {
        let ends = [End::new(from, EndState::Dialing(ticket)), End::new(to, EndState::Gone)];
        Conn { ends, port, addresses, acked: false, severed: false }
    }

    pub(super) fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(super) fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    pub(super) fn node(&self, side: Side) -> usize {
        self.end(side).node as usize
    }

    pub(super) fn is_gone(&self, side: Side) -> bool {
        self.end(side).state == EndState::Gone
    }
}

/// An end's name: 31 bits for how often the place was used, 32 for the place, one for the side.
pub(super) fn conn_id(key: Key, side: Side) -> ConnId {
    ConnId(u64::from(key.generation) << 33 | u64::from(key.slot) << 1 | side as u64)
}

#[allow(clippy::cast_possible_truncation, reason = "the parts of conn_id")]
pub(super) const fn conn_key(conn: ConnId) -> (Key, Side) {
    let side = if conn.0 & 1 == 0 { Side::Dialler } else { Side::Acceptor };
    (Key { slot: (conn.0 >> 1) as u32, generation: (conn.0 >> 33) as u32 }, side)
}
