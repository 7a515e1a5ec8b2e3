//! The liar: what it says beside the honest node that it hides behind, and what it makes of that node's own words.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::forgery::{Forger, empty_sum, last_age};
use super::lie::Lie;
use super::neighbor::{Event, Victim};
use super::wires::Wires;
use crate::kernel::{Class, ConnId, How, Input, Output, Rng, Ticket, Time};
use crate::overlay::event;
use crate::overlay::machine::Overlay;
use crate::overlay::wire::{self, Datagram, Packet, Pong, Upt};

/// How long a dial of the liar's own may take.
const DIAL: Duration = Duration::from_secs(5);
/// How many records the liar remembers: the first that it hears, since old ones are what it is after.
const MEMORY: usize = 1_024;
/// How many registrations it sends at once, and how many summaries to each neighbour.
const REGISTRATIONS: usize = 40;
const SUMS: usize = 50;
/// By how much longer than they were its beats say that they were held, in microseconds.
const HELD: u64 = 1_000_000;

/// One who lies when told to.
pub struct Liar {
    forger: Forger,
    wires: Wires,
    /// What is said on connections of its own once they are open.
    dials: BTreeMap<Ticket, Bytes>,
    /// Those connections.
    visits: BTreeSet<ConnId>,
    tickets: u64,
    memory: Vec<Upt>,
    /// What it makes of the honest node's words from now on, on whose account, and whether that has shown.
    standing: Option<(Lie, Victim)>,
    shown: bool,
    out: VecDeque<Output<Event>>,
}

impl Liar {
    /// One who has not lied yet. What it makes up follows from `rng`.
    pub fn new(rng: Rng) -> Self {
        Liar {
            forger: Forger::new(rng),
            wires: Wires::default(),
            dials: BTreeMap::new(),
            visits: BTreeSet::new(),
            tickets: 0,
            memory: Vec::new(),
            standing: None,
            shown: false,
            out: VecDeque::new(),
        }
    }

    /// What it has to say itself.
    pub(super) fn poll(&mut self) -> Option<Output<Event>> {
        self.out.pop_front()
    }

    /// Takes what is about its own connections, and leaves the rest to the honest node.
    pub(super) fn hear<'a>(&mut self, input: Input<'a>) -> Option<Input<'a>> {
        match input {
            Input::Opened { conn, how: How::Dialed(ticket), .. } if self.dials.contains_key(&ticket) => {
                self.visit(conn, ticket);
                None
            }
            Input::DialFailed { ticket, .. } if self.dials.remove(&ticket).is_some() => None,
            Input::Received { conn, bytes } if self.visits.contains(&conn) => {
                bytes.clear();
                None
            }
            Input::Flushed { conn, .. } if self.visits.contains(&conn) => None,
            Input::Closed { conn, .. } if self.visits.remove(&conn) => None,
            Input::Flushed { conn, n } => {
                let n = self.wires.flushed(conn, n);
                (n > 0).then_some(Input::Flushed { conn, n })
            }
            Input::Received { conn, bytes } => {
                self.wires.received(conn, bytes);
                self.remember(bytes);
                Some(Input::Received { conn, bytes })
            }
            Input::Closed { conn, .. } => {
                self.wires.closed(conn);
                Some(input)
            }
            _ => Some(input),
        }
    }

    fn visit(&mut self, conn: ConnId, ticket: Ticket) {
        let frame = self.dials.remove(&ticket).unwrap_or_default();
        self.visits.insert(conn);
        self.out.push_back(Output::Send { conn, frame, class: Class::Urgent, solo: false });
    }

    fn remember(&mut self, bytes: &[u8]) {
        for line in bytes.split(|octet| *octet == b'\n').filter(|line| line.starts_with(b"UPT@")) {
            let line = Bytes::copy_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            if let Ok(Packet::Upt(upt)) = wire::read(&line)
                && self.memory.len() < MEMORY
                && upt.verify()
            {
                self.memory.push(upt);
            }
        }
    }

    /// Lies. What it says follows from what the honest node knows.
    pub(super) fn tell(&mut self, now: Time, lie: Lie, victim: Victim, overlay: &Overlay) {
        match lie {
            Lie::OldAges | Lie::YoungAges | Lie::Beats | Lie::Pongs => {
                (self.standing, self.shown) = (Some((lie, victim)), false);
            }
            Lie::Impersonation | Lie::StaleImpersonation | Lie::Registrations => {
                let frame = self.forger.stranger(lie, victim, overlay);
                let times = if lie == Lie::Registrations { REGISTRATIONS } else { 1 };
                if let Some(frame) = frame {
                    (0..times).for_each(|_| self.dial(now, victim.to, frame.clone()));
                    self.lied(lie);
                }
            }
            _ => self.say_to_all(lie, victim, overlay),
        }
    }

    fn say_to_all(&mut self, lie: Lie, victim: Victim, overlay: &Overlay) {
        let frames = match lie {
            Lie::Replays | Lie::Revival => self.replays(lie, overlay),
            Lie::EmptySums => alloc::vec![empty_sum(); SUMS],
            _ => self.forger.frames(lie, victim, overlay),
        };
        let links: Vec<ConnId> = self.wires.links().collect();
        if !frames.is_empty() && !links.is_empty() {
            self.lied(lie);
        }
        for conn in links {
            frames.iter().for_each(|frame| self.say(conn, frame.clone()));
        }
    }

    /// What it remembers as if it were new; of those who have left alone for a revival.
    fn replays(&self, lie: Lie, overlay: &Overlay) -> Vec<Bytes> {
        let gone = |upt: &&Upt| {
            let entry = upt.source.id.and_then(|id| overlay.database().get(id));
            entry.is_none_or(|entry| entry.has_left()) == (lie == Lie::Revival)
        };
        self.memory.iter().filter(gone).map(|upt| upt.frame(0)).collect()
    }

    fn lied(&mut self, lie: Lie) {
        self.out.push_back(Output::Event(Event::Lied(lie)));
    }

    fn say(&mut self, conn: ConnId, frame: Bytes) {
        self.wires.sent(conn, frame.len(), 0);
        self.out.push_back(Output::Send { conn, frame, class: Class::Control, solo: false });
    }

    /// Tickets of its own are counted from the top, and the honest node's from the bottom.
    fn dial(&mut self, now: Time, to: SocketAddr, frame: Bytes) {
        self.tickets += 1;
        let ticket = Ticket(u64::MAX - self.tickets);
        self.dials.insert(ticket, frame);
        self.out.push_back(Output::Dial { ticket, to, deadline: now + DIAL });
    }

    /// What becomes of something that the honest node says.
    pub(super) fn distort(
        &mut self,
        output: Output<event::Event>,
        overlay: &Overlay,
    ) -> Output<event::Event> {
        match output {
            Output::Send { conn, frame, class, solo } => {
                let changed = self.distorted_frame(&frame, overlay);
                let said = changed.unwrap_or_else(|| frame.clone());
                self.wires.sent(conn, said.len(), frame.len());
                self.wires.said(conn, &said);
                Output::Send { conn, frame: said, class, solo }
            }
            Output::Datagram { port, to, payload, class } => {
                let payload = self.distorted_datagram(&payload).unwrap_or(payload);
                Output::Datagram { port, to, payload, class }
            }
            Output::Close { conn, how, why } => {
                self.wires.closed(conn);
                Output::Close { conn, how, why }
            }
            other => other,
        }
    }

    /// A record of somebody else with another age.
    fn distorted_frame(&mut self, frame: &Bytes, overlay: &Overlay) -> Option<Bytes> {
        let (lie, _) = self.standing.filter(|(lie, _)| matches!(lie, Lie::OldAges | Lie::YoungAges))?;
        let line = frame.strip_suffix(b"\r\n").filter(|line| line.starts_with(b"UPT@"))?;
        let Ok(Packet::Upt(upt)) = wire::read(&frame.slice_ref(line)) else { return None };
        let entry = overlay.database().get(upt.source.id?).filter(|_| upt.source.id != overlay.id())?;
        let age = if lie == Lie::YoungAges { 0 } else { last_age(entry.life()) };
        self.show(lie);
        Some(upt.frame(age))
    }

    fn distorted_datagram(&mut self, payload: &Bytes) -> Option<Bytes> {
        let (lie, victim) = self.standing?;
        let changed = match (lie, wire::read_datagram(payload)) {
            (Lie::Beats, Ok(Datagram::Hb(beat))) => {
                let held = beat.held.saturating_add(HELD);
                Packet::Hb(wire::Beat { held, ..beat })
            }
            (Lie::Pongs, Ok(Datagram::Pong(pong))) => Packet::Pong(Pong { id: victim.id, ..pong }),
            _ => return None,
        };
        self.show(lie);
        Some(changed.emit())
    }

    fn show(&mut self, lie: Lie) {
        if !core::mem::replace(&mut self.shown, true) {
            self.lied(lie);
        }
    }
}
