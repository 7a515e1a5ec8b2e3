//! Starting, crashing, freezing, and what a disk keeps.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::super::net::address;
use super::super::slab::Key;
use super::super::tally::Kind;
use super::super::tcp::{Conn, EndState, Segment, Side};
use super::{Boot, Condition, Delivery, Disk, Event, Node, World, short};
use crate::kernel::{Input, Loaded, Machine, Page, Scanned, StoreError, StoreOp, Time, Until, scan};

/// What a node finds on its disk when it starts again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// What it had stored, as far as that had been answered.
    Keeping,
    /// Nothing.
    Forgetting,
    /// What it had stored before so many of its latest starts, from 1: an older snapshot, without even the trace of the
    /// starts since. What was before the first, or longer ago than eight, is nothing.
    Older(u8),
}

/// How many older states of a disk a world remembers.
const SNAPSHOTS: usize = 8;

impl<M> Node<M> {
    /// The machine, if it runs and has not ended.
    pub(super) const fn awake(&mut self) -> Option<&mut M> {
        if self.done { None } else { self.machine.as_mut() }
    }

    fn store(&mut self, ops: Vec<StoreOp>, until: Until) -> Result<(), StoreError> {
        if let Some(error) = self.disk_fails {
            return Err(error);
        }
        ops.into_iter().for_each(|op| self.change(op.key, op.value));
        if until == Until::Synced {
            self.unsynced.clear();
        }
        Ok(())
    }

    fn change(&mut self, key: Bytes, value: Option<Bytes>) {
        let before = put(&mut self.disk, key.clone(), value);
        let synced = self.unsynced.entry(key.clone()).or_insert(before);
        if synced.as_ref() == self.disk.get(&key) {
            self.unsynced.remove(&key);
        }
    }

    /// Takes back what was written and not synced.
    fn lose_unsynced(&mut self) {
        for (key, synced) in mem::take(&mut self.unsynced) {
            put(&mut self.disk, key, synced);
        }
    }

    /// What it had stored before so many of its latest starts.
    fn older(&mut self, starts: u8) -> BTreeMap<Bytes, Bytes> {
        let starts = usize::from(starts.max(1));
        self.snapshots.drain(..(starts - 1).min(self.snapshots.len()));
        self.snapshots.pop_front().unwrap_or_default()
    }
}

/// Puts a value under a key, or nothing; what was there.
fn put(disk: &mut BTreeMap<Bytes, Bytes>, key: Bytes, value: Option<Bytes>) -> Option<Bytes> {
    match value {
        Some(value) => disk.insert(key, value),
        None => disk.remove(&key),
    }
}

impl<M: Machine> World<M> {
    /// Has a node start at a time, now if that is past. A node that runs then goes on.
    pub fn start(&mut self, node: usize, at: Time) {
        self.at(at, Event::Boot { node: short(node) });
    }

    /// Ends a node's process, as kill -9 does: what was written stays written. Its host lives on and tells the peers: each connection ends in an orderly
    /// way or by a reset, as the seed says (which of the two a host does depends on what it had unread).
    pub fn kill(&mut self, node: usize) {
        if self.end_process(node, Condition::Down) {
            self.tally.count(Kind::Kill);
            for key in self.conns.keys() {
                for side in Side::BOTH {
                    self.leave(key, side, node);
                }
            }
        }
    }

    /// Ends a node's host, as a power cut does: silence, and what was written and not synced is lost.
    pub fn halt(&mut self, node: usize) {
        self.nodes[node].lose_unsynced();
        if self.end_process(node, Condition::Halted) {
            self.tally.count(Kind::Halt);
        }
        for key in self.conns.keys() {
            for side in Side::BOTH {
                self.vanish(key, side, node);
            }
        }
    }

    /// Starts a node again, now; if its process lives it is killed first. One that had moved is at home again.
    pub fn restart(&mut self, node: usize, how: Restart) {
        self.kill(node);
        self.come_home(node);
        let n = &mut self.nodes[node];
        let kept = match how {
            Restart::Keeping => n.disk.clone(),
            Restart::Forgetting => BTreeMap::new(),
            Restart::Older(starts) => n.older(starts),
        };
        if kept != n.disk {
            self.tally.count(if how == Restart::Forgetting { Kind::Forgotten } else { Kind::Restored });
        } else if !kept.is_empty() {
            self.tally.count(Kind::Kept);
        }
        if how != Restart::Keeping {
            n.unsynced.clear();
        }
        n.disk = kept;
        self.boot(node);
    }

    /// Stops a running process, as SIGSTOP does: connections stay, and what arrives waits.
    pub fn freeze(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        n.stopped |= n.machine.is_some();
        if n.condition == Condition::Running {
            n.condition = Condition::Frozen;
        }
    }

    /// Lets a frozen process go on: it gets all that waits, in order, then the time.
    pub fn thaw(&mut self, node: usize) {
        self.nodes[node].stopped = false;
        self.go_on(node);
    }

    /// Lets a frozen process go on, unless it is stopped or waits for a slice.
    pub(super) fn go_on(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let pausing = n.driver.as_ref().is_some_and(|driver| driver.pausing);
        if n.condition != Condition::Frozen || n.stopped || pausing {
            return;
        }
        n.condition = Condition::Running;
        n.datagrams_waiting = 0;
        for delivery in mem::take(&mut n.inbox) {
            self.deliver(node, delivery);
        }
        self.drain(node);
    }

    /// From now on a node's stores, loads and scans fail; what it had stored stays.
    pub fn break_disk(&mut self, node: usize) {
        self.nodes[node].disk_fails = Some(StoreError::Broken);
    }

    /// From now on there is no room for a node's stores; what it had stored can be read.
    pub fn fill_disk(&mut self, node: usize) {
        self.nodes[node].disk_fails = Some(StoreError::Full);
    }

    /// From now on a node's stores, loads and scans work again.
    pub fn mend_disk(&mut self, node: usize) {
        self.nodes[node].disk_fails = None;
    }

    /// Makes the machine and runs it.
    pub(super) fn boot(&mut self, node: usize) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        self.begin_clock(node);
        let (now, seed) = (self.shown(node), self.seed.child(node as u64));
        let wall_time = self.wall_time(node);
        let n = &mut self.nodes[node];
        let was_halted = mem::replace(&mut n.condition, Condition::Running) == Condition::Halted;
        n.starts += 1;
        n.snapshots.push_front(n.disk.clone());
        n.snapshots.truncate(SNAPSHOTS);
        let seed = seed.child(u64::from(n.starts));
        n.machine =
            Some((n.make)(Boot { node, seed, start: n.starts, now, wall_time, address: address(node) }));
        if was_halted {
            self.host_is_back(node);
        }
        self.drain(node);
    }

    /// Whether there was one.
    fn end_process(&mut self, node: usize, after: Condition) -> bool {
        let n = &mut self.nodes[node];
        let ran = n.machine.take().is_some();
        n.done = false;
        if ran || after == Condition::Halted {
            n.condition = after;
        }
        n.inbox.clear();
        n.datagrams_waiting = 0;
        n.stopped = false;
        if let Some(driver) = &mut n.driver {
            driver.process_ended();
        }
        (n.wanted, n.scheduled, n.tick) = (u64::MAX, u64::MAX, n.tick.wrapping_add(1));
        ran
    }

    /// A machine has ended: what it left open is broken off, and what it closed is still written.
    pub(super) fn end(&mut self, node: usize) {
        self.nodes[node].done = true;
        for key in self.conns.keys() {
            for side in Side::BOTH {
                let closing = |c: &Conn| matches!(c.end(side).state, EndState::Closing { .. });
                if !self.conns.get(key).is_some_and(closing) {
                    self.leave(key, side, node);
                }
            }
        }
    }

    /// The process of an end is gone, and the host says so to the other end.
    fn leave(&mut self, key: Key, side: Side, node: usize) {
        let Some(c) = self.conns.get_mut(key) else { return };
        let state = c.end(side).state;
        if c.node(side) != node || state == EndState::Gone {
            return;
        }
        c.end_mut(side).leave();
        let last = match state {
            EndState::Dialing(_) if !c.acked => None,
            EndState::Closing { fin_sent: true } => None,
            EndState::Open | EndState::Closing { .. } if self.ends_rng.percent(50) => Some(Segment::Fin),
            _ => Some(Segment::Rst),
        };
        match last {
            Some(Segment::Rst) => self.reset(key, side),
            Some(segment) => self.transmit(key, side, segment),
            None => {}
        }
        self.forget(key);
    }

    fn vanish(&mut self, key: Key, side: Side, node: usize) {
        let Some(c) = self.conns.get_mut(key) else { return };
        if c.node(side) != node {
            return;
        }
        c.end_mut(side).leave();
        let held = mem::take(&mut c.end_mut(side).held);
        if held.iter().any(|segment| matches!(segment, Segment::Rst)) {
            // The reset never left: the peer hears of it when it speaks next.
            c.end_mut(side).rst_sent = false;
        }
        if held.iter().any(|segment| matches!(segment, Segment::Ack)) {
            // The acceptor's process will never hear of it.
            c.end_mut(side.other()).leave();
        }
        self.forget(key);
    }

    /// A host answers again: peers that had sent to it in vain hear that it knows nothing of their connections, and
    /// dials go on.
    fn host_is_back(&mut self, node: usize) {
        for key in self.conns.keys() {
            for side in Side::BOTH {
                let Some(c) = self.conns.get_mut(key) else { continue };
                if c.node(side) != node || !mem::take(&mut c.end_mut(side.other()).lost) {
                    continue;
                }
                match c.end(side.other()).state {
                    EndState::Dialing(_) => self.arrive(key, side, Segment::Syn),
                    EndState::Gone => {}
                    _ => self.reset(key, side),
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, node: usize, delivery: Delivery) {
        self.nodes[node].counters.events += 1;
        match delivery {
            Delivery::Datagram(packet) => self.hand_datagram(node, &packet),
            Delivery::Segment { conn, to, segment } => self.take_segment(conn, to, segment),
            Delivery::Deadline { conn } => self.dial_timed_out(conn),
            Delivery::Linger { conn, side } => self.lingered(conn, side),
            Delivery::GiveUp { conn, side } => self.gave_up(conn, side),
            Delivery::Stored { ticket, result } => self.feed(node, Input::Stored { ticket, result }),
            Delivery::Scanned { ticket, page } => {
                let page = page.as_ref().map_or(Scanned::Failed, Page::scanned);
                self.feed(node, Input::Scanned { ticket, page });
            }
            Delivery::Loaded { ticket, value } => {
                let value = match &value {
                    Some(Some(value)) => Loaded::Value(value),
                    Some(None) => Loaded::Absent,
                    None => Loaded::Failed,
                };
                self.feed(node, Input::Loaded { ticket, value });
            }
        }
    }

    pub(super) fn disk_done(&mut self, node: usize, job: Key) {
        let Some(job) = self.jobs.remove(job) else { return };
        let n = &mut self.nodes[node];
        if n.machine.is_none() || n.starts != job.start {
            return;
        }
        let ticket = job.ticket;
        let readable = n.disk_fails != Some(StoreError::Broken);
        let done = match job.what {
            Disk::Load(key) => {
                Delivery::Loaded { ticket, value: readable.then(|| n.disk.get(&key).cloned()) }
            }
            Disk::Scan { prefix, after } => {
                let page = readable.then(|| Page::of(scan(&n.disk, &prefix, after.as_ref())));
                Delivery::Scanned { ticket, page }
            }
            Disk::Store { ops, until } => Delivery::Stored { ticket, result: n.store(ops, until) },
        };
        self.now_or_later(node, done);
    }

    /// Hands over what reaches a process, or keeps it while the process is frozen.
    pub(super) fn now_or_later(&mut self, node: usize, delivery: Delivery) {
        if self.nodes[node].condition == Condition::Frozen {
            self.wait_for_process(node, delivery);
        } else {
            self.deliver(node, delivery);
        }
    }

    pub(super) fn wait_for_process(&mut self, node: usize, delivery: Delivery) {
        let n = &mut self.nodes[node];
        self.tally.count(if n.stopped { Kind::Freeze } else { Kind::Starve });
        n.inbox.push_back(delivery);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::kernel::Seed;
    use crate::sim::Config;
    use crate::sim::tests::chatter::Chatter;

    fn op(key: u8, value: Option<u8>) -> StoreOp {
        StoreOp {
            key: Bytes::copy_from_slice(&[key]),
            value: value.map(|value| Bytes::copy_from_slice(&[value])),
        }
    }

    #[test]
    fn no_more_is_remembered_of_what_is_not_synced_than_was_and_is_there() {
        let mut world = World::new(Config::default(), |_: usize, _: usize| 1, Seed::from_u64(7));
        let node = world.add(Chatter::quiet);
        let n = &mut world.nodes[node];
        n.store(vec![op(0, Some(0)), op(1, Some(0))], Until::Synced).unwrap();
        let synced = n.disk.clone();
        for value in 0..=255 {
            let ops = vec![
                op(0, Some(value)),
                op(1, None),
                op(2, Some(value)),
                op(value, Some(1)),
                op(value, None),
            ];
            n.store(ops, Until::Written).unwrap();
            assert!(n.unsynced.len() <= 3, "{:?}", n.unsynced);
        }
        world.halt(node);
        assert_eq!(world.nodes[node].disk, synced);
    }

    #[test]
    fn a_disk_fails_as_it_was_told_to() {
        let mut world = World::new(Config::default(), |_: usize, _: usize| 1, Seed::from_u64(7));
        let node = world.add(Chatter::quiet);
        let put = |world: &mut World<Chatter>| world.nodes[node].store(vec![op(0, Some(0))], Until::Written);
        world.break_disk(node);
        assert_eq!(put(&mut world), Err(StoreError::Broken));
        world.fill_disk(node);
        assert_eq!(put(&mut world), Err(StoreError::Full));
        world.mend_disk(node);
        assert_eq!(put(&mut world), Ok(()));
    }
}
