//! What machines want done, and when they want to be woken.

use bytes::Bytes;

use super::super::net::place;
use super::super::slab::Key;
use super::super::tally::Kind;
use super::super::tcp::{EndState, Side, conn_id, conn_key};
use super::{Condition, Delivery, Disk, Event, FollowUp, Job, Packet, World, short};
use crate::kernel::{Closed, DialError, Input, Machine, Output, Port, Ticket, Until};

/// How often a machine may answer what it hears at once of its own outputs before it is said to spin.
const ROUNDS: usize = 1_000_000;

impl<M: Machine> World<M> {
    /// Takes everything that the machine wants done, then asks when to wake it.
    pub(super) fn drain(&mut self, node: usize) {
        for _ in 0..ROUNDS {
            while let Some(output) = self.nodes[node].machine.as_mut().and_then(Machine::poll) {
                if let Some(observer) = &mut self.observer {
                    observer(self.now, node, &output);
                }
                self.apply(node, output);
            }
            let Some(next) = self.follow_ups.pop_front() else {
                return self.schedule(node);
            };
            self.follow_up(node, next);
        }
        panic!("node {node} goes on for ever at {:?}: its outputs cause more outputs", self.now);
    }

    fn apply(&mut self, node: usize, output: Output<M::Event>) {
        match output {
            Output::Datagram { port, to, payload, class: _ } => self.send_datagram(node, port, to, payload),
            Output::Send { conn, frame, class: _, solo: _ } => self.send(node, conn, frame),
            Output::Event(event) => self.events.push_back((self.now, node, event)),
            Output::Dial { ticket, to, deadline } => self.dial(node, ticket, to, deadline),
            Output::Reading { conn, on } => self.set_reading(node, conn, on),
            Output::Close { conn, how, why: _ } => self.close(node, conn, how),
            Output::Store { ticket, ops, until } => self.disk_job(node, ticket, Disk::Store { ops, until }),
            Output::Load { ticket, key } => self.disk_job(node, ticket, Disk::Load(key)),
            Output::Scan { ticket, prefix, after } => {
                self.disk_job(node, ticket, Disk::Scan { prefix, after });
            }
            Output::Done => self.end(node),
        }
    }

    fn follow_up(&mut self, node: usize, next: FollowUp) {
        let input = match next {
            FollowUp::Present { conn, side } => return self.present_again(conn, side),
            FollowUp::Flushed { conn, side, n } => {
                let open = self.conns.get(conn).is_some_and(|c| c.end(side).state == EndState::Open);
                if !open {
                    return;
                }
                Input::Flushed { conn: conn_id(conn, side), n }
            }
            FollowUp::Closed { conn, side } => Input::Closed { conn: conn_id(conn, side), why: Closed::ByUs },
            FollowUp::Unreachable { ticket } => Input::DialFailed { ticket, why: DialError::Unreachable },
        };
        let now = self.shown(node);
        if let Some(machine) = self.nodes[node].awake() {
            machine.handle(now, input);
        }
    }

    /// Keeps at most one tick in the queue that counts: an earlier one overtakes it, a later one waits until it fires.
    pub(super) fn schedule(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let Some(wake) = n.awake().and_then(|machine| machine.poll_timeout()) else {
            n.wanted = u64::MAX;
            return;
        };
        let wanted = match &n.driver {
            None => wake.at.as_micros(),
            Some(driver) => driver.clock.when(wake.at),
        };
        (n.wanted, n.why) = (wanted.max(self.now.as_micros()), wake.why);
        self.put_tick(node);
    }

    fn put_tick(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        if n.wanted < n.scheduled {
            n.scheduled = n.wanted;
            n.tick = n.tick.wrapping_add(1);
            let at = match &mut n.driver {
                None => n.wanted,
                Some(driver) => driver.sleep(self.now.as_micros(), n.wanted),
            };
            self.queue.push(at, Event::Tick { node: short(node), tick: n.tick });
        }
    }

    /// # Panics
    /// If the machine, just woken, wants to be woken again in the present.
    pub(super) fn tick(&mut self, node: usize, tick: u32) {
        let now = self.now;
        let n = &mut self.nodes[node];
        if n.tick != tick {
            return;
        }
        n.scheduled = u64::MAX;
        if n.condition != Condition::Running {
            return;
        }
        if n.wanted != now.as_micros() {
            let early = n.wanted > now.as_micros();
            if early && !n.driver.as_mut().is_some_and(|driver| driver.wakes_early(n.wanted)) {
                return self.put_tick(node);
            }
            self.tally.count(if early { Kind::EarlyWake } else { Kind::Oversleep });
        }
        n.counters.events += 1;
        n.counters.woke(n.why, 1);
        self.feed(node, Input::Tick);
        let n = &self.nodes[node];
        assert!(
            n.wanted > now.as_micros(),
            "node {node} was woken at {now:?} for {:?} and wants to be woken at once again: a broken machine",
            n.why
        );
    }

    fn send_datagram(&mut self, node: usize, port: Port, to: core::net::SocketAddr, payload: Bytes) {
        let counters = &mut self.nodes[node].counters;
        counters.datagrams_sent += 1;
        counters.datagram_bytes += payload.len() as u64;
        let known = place(to).filter(|(to, ..)| *to < self.nodes.len());
        self.note_nowhere(known.and_then(|(_, _, port)| port));
        let Some((to, at, Some(to_port))) = known else { return self.lost(node) };
        let source = self.net.abodes.source(node, port).filter(|_| self.net.abodes.is_there(to, at));
        let Some(source) = source else {
            self.tally.count(Kind::Moved);
            return self.lost(node);
        };
        let Some(delay) = self.net.datagram_delay(node, to, payload.len(), &mut self.tally) else {
            return self.lost(node);
        };
        if self.net.abodes.is_translated(node) {
            self.tally.count(Kind::Translated);
        }
        let packet = Packet { payload, from: short(node), source, port: to_port.0 };
        if let Some(delay) = self.net.copy_delay(node, to, &mut self.tally) {
            self.post(to, delay, packet.clone());
        }
        self.post(to, delay, packet);
    }

    fn post(&mut self, to: usize, delay: u64, packet: Packet) {
        let packet = self.packets.insert(packet);
        self.queue
            .push(self.now.as_micros().saturating_add(delay), Event::Datagram { to: short(to), packet });
    }

    /// Counts what goes to an address at which no node listens, whatever becomes of it.
    pub(super) fn note_nowhere(&mut self, port: Option<Port>) {
        if port.is_none_or(|port| port.0 >= self.config.ports) {
            self.tally.count(Kind::Nowhere);
        }
    }

    pub(super) fn lost(&mut self, sender: usize) {
        self.nodes[sender].counters.datagrams_lost += 1;
    }

    /// A datagram reaches its host.
    pub(super) fn datagram(&mut self, to: usize, packet: Key) {
        let Some(packet) = self.packets.remove(packet) else { return };
        let n = &mut self.nodes[to];
        match n.condition {
            Condition::Running if packet.port < self.config.ports => {
                n.counters.events += 1;
                self.hand_datagram(to, &packet);
            }
            Condition::Frozen
                if packet.port < self.config.ports && n.datagrams_waiting < self.config.datagram_backlog =>
            {
                n.datagrams_waiting += 1;
                self.wait_for_process(to, Delivery::Datagram(packet));
            }
            _ => self.lost(packet.from as usize),
        }
    }

    pub(super) fn hand_datagram(&mut self, to: usize, packet: &Packet) {
        let (port, from) = (Port(packet.port), packet.source);
        self.feed(to, Input::Datagram { port, from, bytes: &packet.payload });
    }

    fn send(&mut self, node: usize, conn: crate::kernel::ConnId, frame: Bytes) {
        let counters = &mut self.nodes[node].counters;
        counters.frames += 1;
        counters.frame_bytes += frame.len() as u64;
        let Some((key, side)) = self.open_end(node, conn) else { return };
        let Some(c) = self.conns.get_mut(key) else { return };
        if frame.is_empty() {
            return;
        }
        c.end_mut(side).unsent.push_back(frame);
        let n = self.flow(key, side);
        match self.follow_ups.back_mut() {
            Some(FollowUp::Flushed { conn, side: s, n: before }) if (*conn, *s) == (key, side) => {
                *before += n;
            }
            _ if n > 0 => self.follow_ups.push_back(FollowUp::Flushed { conn: key, side, n }),
            _ => {}
        }
    }

    /// The end that a machine names, unless the machine has closed it or it is gone.
    ///
    /// # Panics
    /// If the machine was never given that name.
    pub(super) fn open_end(&self, node: usize, conn: crate::kernel::ConnId) -> Option<(Key, Side)> {
        let (key, side) = conn_key(conn);
        assert!(self.conns.was_given(key), "node {node} names a connection that never was: {conn:?}");
        let c = self.conns.get(key)?;
        assert_eq!(c.node(side), node, "node {node} names another node's connection: {conn:?}");
        (c.end(side).state == EndState::Open).then_some((key, side))
    }

    fn disk_job(&mut self, node: usize, ticket: Ticket, what: Disk) {
        let takes = match what {
            Disk::Store { until: Until::Written, .. } => self.config.write,
            _ => self.config.disk,
        };
        let n = &mut self.nodes[node];
        n.disk_free = n.disk_free.max(self.now + takes);
        let (start, at) = (n.starts, n.disk_free);
        let job = self.jobs.insert(Job { start, ticket, what });
        self.at(at, Event::Disk { node: short(node), job });
    }
}
