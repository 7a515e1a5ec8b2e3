//! A record as the database keeps it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::super::flood::{CREDIBLE, age};
use super::super::wire::{Body, Contact, Hash, Listed, ListedRole, MoreAddresses, NodeName, Update, Upt};
use super::super::{Cost, Key, NodeId};
use super::index::{Index, dense};
use super::ledger::{RECORD_CHARGE, Turn};
use crate::kernel::Time;

/// The shortest life of a record in seconds, and that of a record which does not say: three refreshes a minute apart.
pub const MIN_LIFE: u32 = 180;
/// The longest life of a record in seconds: what is gone is forgotten within an hour, whatever its origin claimed. Under an
/// incarnation that is not [credible](CREDIBLE) it is [`MIN_LIFE`].
pub const MAX_LIFE: u32 = 3_600;

/// The metric that this version routes by; costs of another cannot be compared with it.
const DELAY: &[u8] = b"delay";

/// A node's record: the update as its origin wrote it, and what it says by the metric `delay`.
#[derive(Clone, Debug)]
pub struct Entry {
    id: NodeId,
    upt: Upt,
    links: Box<[Link]>,
    addrs: Box<[SocketAddr]>,
    /// When a record with its key was taken here first: it cannot be younger than that.
    pub(super) since: Time,
    received: Time,
    pub(super) expires: Time,
    life: u32,
    free: Option<u32>,
    k: Option<u32>,
    pub(super) absent: bool,
    left: bool,
    /// Which peer told of it, and when its node was first told of.
    pub(super) told: Option<(NodeId, Turn)>,
    /// Since when it is known that links lead to its node.
    pub(super) reached: Option<Time>,
}

/// What a record counts for in the database's sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) id: NodeId,
    pub(super) octets: usize,
    pub(super) hash: Hash,
    pub(super) told: Option<(NodeId, Turn)>,
}

/// A listed link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// The other end.
    pub id: NodeId,
    /// What the source of the record measured towards it.
    pub cost: Cost,
    /// Who chose it.
    pub role: ListedRole,
    /// The source gives it up once its replacement stands.
    pub bye: bool,
    /// The other end's dense index, or [`Link::UNKNOWN`]; true while the database's `unresolved` is false.
    pub(super) peer: u32,
}

impl Link {
    pub(super) const UNKNOWN: u32 = u32::MAX;

    fn new(listed: &Listed) -> Self {
        let Listed { id, cost, role, ref attributes } = *listed;
        Link { id, cost, role, bye: attributes.bye, peer: Self::UNKNOWN }
    }

    /// Whether the source of the record chose it.
    pub const fn is_chosen(&self) -> bool {
        matches!(self.role, ListedRole::Out | ListedRole::Both)
    }
}

/// The longest life of a record under this key, in seconds. Nobody goes above an incarnation that is not credible: whose id it
/// is cannot be heard before the record is gone.
const fn longest_life(key: Key) -> u32 {
    if key.incarnation > CREDIBLE { MIN_LIFE } else { MAX_LIFE }
}

impl Entry {
    /// The record that an update makes, received now; `None` if its age has reached its life.
    pub(super) fn new(now: Time, id: NodeId, upt: Upt, body: &Body) -> Option<Self> {
        let update = by_delay(body);
        let attributes = update.or(body.updates().first()).map(|update| &update.attributes);
        let said = attributes.and_then(|a| a.life).unwrap_or(MIN_LIFE);
        let life = said.clamp(MIN_LIFE, longest_life(upt.key));
        Some(Entry {
            id,
            links: links(id, update.map_or(&[], |update| &update.links)),
            addrs: attributes.map(|a| a.addrs[..].into()).unwrap_or_default(),
            since: now,
            received: now,
            expires: now + left(life, upt.age)?,
            life,
            free: attributes.and_then(|a| a.free),
            k: attributes.and_then(|a| a.k),
            absent: false,
            left: attributes.is_some_and(|a| a.left),
            told: None,
            reached: None,
            upt,
        })
    }

    /// The same record where one with its key was taken here first at `since`; `None` if its life is over then.
    pub(super) fn known_since(mut self, since: Time) -> Option<Self> {
        self.upt.age = self.upt.age.max(age::since(since, self.received));
        self.expires = self.received + left(self.life, self.upt.age)?;
        self.since = since;
        Some(self)
    }

    /// Takes the age of another copy, received now, if that is the lower one and could be true. The record may expire the
    /// later for it, and never later than its life after it came here first.
    pub(super) fn lower_age(&mut self, now: Time, claimed: u32) {
        let age = claimed.max(age::since(self.since, now));
        let Some(left) = left(self.life, age).filter(|_| age < self.age(now)) else { return };
        (self.upt.age, self.received) = (age, now);
        self.expires = self.expires.max(now + left);
    }

    /// Whose record it is.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// The update as it was received: what a relay passes on, its age aside.
    pub const fn upt(&self) -> &Upt {
        &self.upt
    }

    /// Its freshness.
    pub const fn key(&self) -> Key {
        self.upt.key
    }

    /// The hash of the update.
    pub const fn hash(&self) -> Hash {
        self.upt.hash
    }

    /// The node's name.
    pub const fn name(&self) -> &NodeName {
        &self.upt.source
    }

    /// Where the node listens: the address in its name, then the others it gave.
    pub fn addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        core::iter::once(self.upt.source.addr).chain(self.addrs.iter().copied())
    }

    /// The node, and where it is reached.
    pub fn contact(&self) -> Contact {
        Contact { name: self.upt.source, more: MoreAddresses::first(self.addrs.iter().copied()) }
    }

    /// How long it lives from the decision it tells of, from [`MIN_LIFE`] to [`MAX_LIFE`].
    pub const fn life(&self) -> Duration {
        Duration::from_secs(self.life as u64)
    }

    /// How many more may choose the node; `None` if it does not say.
    pub const fn free(&self) -> Option<u32> {
        self.free
    }

    /// How many the node chooses; `None` if it does not say.
    pub const fn k(&self) -> Option<u32> {
        self.k
    }

    /// Its links in ascending order of ids, each other node once, itself never.
    pub const fn links(&self) -> &[Link] {
        &self.links
    }

    /// The link to `id`, if it is listed.
    pub fn link(&self, id: NodeId) -> Option<&Link> {
        self.links.binary_search_by_key(&id, |link| link.id).ok().map(|at| &self.links[at])
    }

    /// The node's wiring: whom it chose and is not about to give up, in ascending order of ids.
    pub fn chosen(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.links.iter().filter(|link| link.is_chosen() && !link.bye).map(|link| link.id)
    }

    /// When it was received, or the youngest copy of it.
    pub const fn received(&self) -> Time {
        self.received
    }

    /// When it expires here.
    pub const fn expires(&self) -> Time {
        self.expires
    }

    /// Whether it is marked absent: its node is no destination and no candidate.
    pub const fn is_absent(&self) -> bool {
        self.absent
    }

    /// Whether its node has left in good order. Such a record is kept until it expires, so that no older one comes back
    /// in its place, and its node is nowhere counted.
    pub const fn has_left(&self) -> bool {
        self.left
    }

    /// Whether its node is there as far as anybody knows: it has neither left nor is it marked absent.
    pub const fn is_present(&self) -> bool {
        !self.left && !self.absent
    }

    /// Milliseconds since the decision it tells of: the age at which it was received, and what it spent here; the least that
    /// any copy had.
    pub fn age(&self, now: Time) -> u32 {
        age::after(self.upt.age, now.since(self.received))
    }

    /// When its key was taken here first, and how many milliseconds it was old then.
    pub fn first_taken(&self) -> (Time, u32) {
        (self.since, self.upt.age.saturating_sub(age::since(self.since, self.received)))
    }

    /// The peer that told of it; `None` for this node's own.
    pub fn teller(&self) -> Option<NodeId> {
        self.told.map(|(peer, _)| peer)
    }

    /// Since when it is known that links lead to its node, if they ever did while there was a record of it.
    pub const fn reached(&self) -> Option<Time> {
        self.reached
    }

    /// The how manieth its node was of all that peers told of.
    pub fn heard(&self) -> u64 {
        self.told.map_or(0, |(_, turn)| turn)
    }

    /// What its teller is charged for it.
    pub(super) fn charge(&self) -> usize {
        self.upt.body.len() + RECORD_CHARGE
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { id: self.id, octets: self.upt.body.len(), hash: self.upt.hash, told: self.told }
    }

    /// Brings the dense indices of its links up to date.
    pub(super) fn resolve(&mut self, index: &Index) {
        let mut rest = 0;
        for link in &mut self.links {
            let found = index.ids()[rest..].binary_search(&link.id);
            rest += found.unwrap_or_else(|place| place);
            link.peer = if found.is_ok() { dense(rest) } else { Link::UNKNOWN };
        }
    }
}

/// How long a record of this age, in milliseconds, may still live of so many seconds; `None` if it may not.
fn left(life: u32, age: u32) -> Option<Duration> {
    (life * 1_000).checked_sub(age).filter(|left| *left > 0).map(|left| Duration::from_millis(left.into()))
}

/// The update whose costs are delays, if there is one.
fn by_delay(body: &Body) -> Option<&Update> {
    body.updates().iter().find(|update| update.metric() == DELAY)
}

fn links(source: NodeId, listed: &[Listed]) -> Box<[Link]> {
    let mut links: Vec<Link> = listed.iter().map(Link::new).filter(|link| link.id != source).collect();
    links.sort_by_key(|link| link.id);
    links.dedup_by_key(|link| link.id);
    links.into_boxed_slice()
}
