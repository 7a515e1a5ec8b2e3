//! The liar: what it says beside the honest node that it hides behind, and what it makes of that node's own words.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::forgery::{Forger, empty_sum, last_age};
use super::lie::Lie;
use super::neighbor::{Event, Victim};
use super::wires::Wires;
use crate::kernel::{Class, ConnId, How, Input, Output, Rng, Ticket, Time};
use crate::overlay::database::Entry;
use crate::overlay::event;
use crate::overlay::machine::Overlay;
use crate::overlay::names::Token;
use crate::overlay::wire::{self, Beat, Datagram, Packet, Pong, Upt};

/// How long a dial of the liar's own may take.
const DIAL: Duration = Duration::from_secs(5);
/// How many records the liar remembers: the first that it hears, since old ones are what it is after.
const MEMORY: usize = 1_024;
/// How many registrations it sends at once, more than anybody remembers, and how many summaries to each neighbour.
const REGISTRATIONS: usize = 1_100;
const SUMS: usize = 50;
/// Between two beats where it usurps a place.
const BEAT: Duration = Duration::from_millis(200);
/// By how much longer than they were its beats say that they were held, in microseconds.
const HELD: u64 = 1_000_000;

/// One who lies when told to.
pub struct Liar {
    forger: Forger,
    wires: Wires,
    /// What is said on connections of its own once they are open.
    dials: BTreeMap<Ticket, Bytes>,
    /// Those connections.
    visits: BTreeMap<ConnId, Visit>,
    /// Whether it beats on them.
    usurps: bool,
    tickets: u64,
    memory: Vec<Upt>,
    /// What it makes of the honest node's words from now on, and on whose account.
    standing: Option<(Lie, Victim)>,
    out: VecDeque<Output<Event>>,
}

/// A connection of the liar's own: the token that its beats carry, if it was welcome, and how many it sent.
#[derive(Default)]
struct Visit {
    token: Option<Token>,
    beats: u64,
    beaten: Time,
}

impl Liar {
    /// One who has not lied yet. What it makes up follows from `rng`.
    pub fn new(rng: Rng) -> Self {
        Liar {
            forger: Forger::new(rng),
            wires: Wires::default(),
            dials: BTreeMap::new(),
            visits: BTreeMap::new(),
            usurps: false,
            tickets: 0,
            memory: Vec::new(),
            standing: None,
            out: VecDeque::new(),
        }
    }

    /// What it has to say itself.
    pub(super) fn poll(&mut self) -> Option<Output<Event>> {
        self.out.pop_front()
    }

    /// Takes what is about its own connections, and leaves the rest to the honest node.
    pub(super) fn hear<'a>(&mut self, now: Time, input: Input<'a>) -> Option<Input<'a>> {
        match input {
            Input::Opened { conn, how: How::Dialed(ticket), .. } if self.dials.contains_key(&ticket) => {
                self.visit(conn, ticket);
                None
            }
            Input::DialFailed { ticket, .. } if self.dials.remove(&ticket).is_some() => None,
            Input::Received { conn, bytes } if self.visits.contains_key(&conn) => {
                self.welcomed(conn, bytes);
                bytes.clear();
                None
            }
            Input::Flushed { conn, .. } if self.visits.contains_key(&conn) => None,
            Input::Closed { conn, .. } if self.visits.remove(&conn).is_some() => None,
            Input::Tick => {
                self.beat(now);
                Some(input)
            }
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
        self.visits.insert(conn, Visit::default());
        self.out.push_back(Output::Send { conn, frame, class: Class::Urgent, solo: false });
    }

    /// Somebody answers on a connection of its own.
    fn welcomed(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some(visit) = self.visits.get_mut(&conn).filter(|visit| visit.token.is_none()) else { return };
        let line = bytes.split(|octet| *octet == b'\r').next().unwrap_or_default();
        if let Ok(Packet::Lnk(greeting)) = wire::read(&Bytes::copy_from_slice(line)) {
            visit.token = Some(greeting.token);
        }
    }

    /// Beats where it usurps a place, on the connections themselves.
    fn beat(&mut self, now: Time) {
        for (conn, visit) in self.visits.iter_mut().filter(|_| self.usurps) {
            if let Some(token) = visit.token.filter(|_| now.since(visit.beaten) >= BEAT) {
                (visit.beats, visit.beaten) = (visit.beats + 1, now);
                let frame = Packet::Hb(Beat::first(token, visit.beats)).emit();
                self.out.push_back(Output::Send { conn: *conn, frame, class: Class::Urgent, solo: false });
            }
        }
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
                self.standing = Some((lie, victim));
            }
            Lie::StaleImpersonation | Lie::UnfitImpersonation => {
                self.pose(now, lie, victim, overlay, &[victim.to]);
            }
            Lie::Impersonation | Lie::Usurpation => {
                self.usurps = lie == Lie::Usurpation;
                let mine = |id| Some(id) == overlay.id() || id == victim.id;
                let others = overlay.database().entries().filter(|entry| !mine(entry.id()));
                let all: Vec<SocketAddr> = others.map(|entry| entry.name().addr).collect();
                self.pose(now, lie, victim, overlay, &all);
            }
            Lie::Registrations => {
                for _ in 0..REGISTRATIONS {
                    let frame = self.forger.registration();
                    self.dial(now, victim.to, frame);
                }
                self.lied(lie, victim);
            }
            _ => self.say_to_all(lie, victim, overlay),
        }
    }

    /// Greets under the victim's id.
    fn pose(&mut self, now: Time, lie: Lie, victim: Victim, overlay: &Overlay, at: &[SocketAddr]) {
        for to in at {
            if let Some(frame) = self.forger.greeting(lie, victim, overlay) {
                self.dial(now, *to, frame);
            }
        }
        self.lied(lie, victim);
    }

    fn say_to_all(&mut self, lie: Lie, victim: Victim, overlay: &Overlay) {
        let frames = match lie {
            Lie::Replays | Lie::Revival => self.replays(lie, overlay),
            Lie::EmptySums => alloc::vec![empty_sum(); SUMS],
            _ => self.forger.frames(lie, victim, overlay),
        };
        let links: Vec<ConnId> = self.wires.links().collect();
        if !frames.is_empty() && !links.is_empty() {
            self.lied(lie, victim);
        }
        for conn in links {
            frames.iter().for_each(|frame| self.say(conn, frame.clone()));
        }
    }

    /// What it remembers as if it were new; of those who have left alone for a revival.
    fn replays(&self, lie: Lie, overlay: &Overlay) -> Vec<Bytes> {
        let gone = |upt: &&Upt| {
            let entry = upt.source.id.and_then(|id| overlay.database().get(id));
            entry.is_none_or(Entry::has_left) == (lie == Lie::Revival)
        };
        self.memory.iter().filter(gone).map(|upt| upt.frame(0)).collect()
    }

    fn lied(&mut self, lie: Lie, victim: Victim) {
        self.out.push_back(Output::Event(Event::Lied { lie, about: victim.id }));
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
        let (lie, victim) = self.standing.filter(|(lie, _)| matches!(lie, Lie::OldAges | Lie::YoungAges))?;
        let line = frame.strip_suffix(b"\r\n").filter(|line| line.starts_with(b"UPT@"))?;
        let Ok(Packet::Upt(upt)) = wire::read(&frame.slice_ref(line)) else { return None };
        let entry = overlay.database().get(upt.source.id?).filter(|_| upt.source.id != overlay.id())?;
        let age = if lie == Lie::YoungAges { 0 } else { last_age(entry.life()) };
        self.lied(lie, victim);
        Some(upt.frame(age))
    }

    fn distorted_datagram(&mut self, payload: &Bytes) -> Option<Bytes> {
        let (lie, victim) = self.standing?;
        let changed = match (lie, wire::read_datagram(payload)) {
            (Lie::Beats, Ok(Datagram::Hb(beat))) => {
                let held = beat.held.saturating_add(HELD);
                Packet::Hb(Beat { held, ..beat })
            }
            (Lie::Pongs, Ok(Datagram::Pong(pong))) => Packet::Pong(Pong { id: victim.id, ..pong }),
            _ => return None,
        };
        self.lied(lie, victim);
        Some(changed.emit())
    }
}
