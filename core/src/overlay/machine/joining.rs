//! Coming in: bootstraps asked until somebody answers, and the names that they tell.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::refusing::refused_for;
use super::streams::{Dial, no_fault, peer_fault};
use super::{Overlay, Timer};
use crate::kernel::{Class, CloseHow, ConnId};
use crate::overlay::addresses::Addresses;
use crate::overlay::bootstraps::{BootstrapError, Outcomes};
use crate::overlay::config::BOOTSTRAPS_LIMIT;
use crate::overlay::database::Entry;
use crate::overlay::event::{Event, Refusal, Reply};
use crate::overlay::names::NodeId;
use crate::overlay::registrations::Registrations;
use crate::overlay::wire::{Contact, Others, Packet, Registration};

/// Names remembered that are in no record yet; more than one answer of a bootstrap holds.
const NAMES: usize = 1_024;
/// The longest wait between two attempts.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest wait while a bootstrap answers and knows nobody.
const ALONE: Duration = Duration::from_secs(5);

/// What a node knows on its way in.
#[derive(Clone, Debug, Default)]
pub(super) struct Joining {
    names: BTreeMap<NodeId, Contact>,
    pub(super) newcomers: Registrations,
    tries: u32,
    next: usize,
    /// The bootstrap that is being asked.
    asking: Option<SocketAddr>,
    pub(super) outcomes: Outcomes,
    /// A bootstrap that nobody knew before waits to be asked.
    moved: bool,
}

impl Joining {
    /// The ids of the names heard.
    pub(super) fn names(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.names.keys().copied()
    }
}

impl Overlay {
    /// Asks the next bootstrap, unless one is being asked.
    pub(super) fn join(&mut self) {
        if self.joining.asking.is_some() || !self.is_running() {
            return;
        }
        self.emit(Event::Seeking);
        self.ask_bootstrap();
    }

    fn ask_bootstrap(&mut self) {
        let bootstraps = &self.config.bootstraps;
        if self.joining.asking.is_some() || bootstraps.is_empty() || !self.is_running() {
            return;
        }
        let to = bootstraps[self.joining.next % bootstraps.len()];
        self.joining.next = self.joining.next.wrapping_add(1);
        (self.joining.asking, self.joining.moved) = (Some(to), false);
        if self.is_mine(to) {
            return self.bootstrap_failed(BootstrapError::Itself);
        }
        self.dial(Dial::Boot, to);
    }

    /// A bootstrap has answered, or will not, and why. That is said once until it changes.
    fn asked_bootstrap(&mut self, error: Option<BootstrapError>) {
        if let Some(address) = self.joining.asking.take()
            && self.joining.outcomes.note(address, error.clone())
            && let Some(why) = error
        {
            self.emit(Event::BootstrapFailed { address, why });
        }
        if self.joining.moved {
            self.ask_bootstrap();
        }
    }

    /// REG, on a connection to a bootstrap.
    pub(super) fn register(&mut self, conn: ConnId) {
        let Some(me) = self.me() else { return };
        let k = u32::try_from(self.config.k).unwrap_or(u32::MAX);
        let registration = Registration {
            node: self.my_contact(me),
            k,
            network: Some(self.config.network.clone()),
            all: false,
            over: false,
            other: Others::NONE,
        };
        self.send_packet(conn, Class::Urgent, &Packet::Reg(registration));
    }

    pub(super) fn bootstrap_answer(&mut self, conn: ConnId, packet: Packet) {
        match packet {
            Packet::Net(names) => {
                self.hang_up(conn, CloseHow::Flush, no_fault("answered"));
                self.challenge_twins(&names);
                self.named(&names);
                self.asked_bootstrap(None);
            }
            Packet::Nack(nack) => {
                self.hang_up(conn, CloseHow::Flush, refused_for(nack.reason.as_ref()));
                if let Some(address) = self.joining.asking {
                    self.told_refusal(address, &nack);
                }
                self.bootstrap_failed(nack.reason.map_or(BootstrapError::Closed, BootstrapError::Refused));
            }
            _ => self.misbehaved(conn, peer_fault("a registration answered with something else")),
        }
    }

    /// The bootstrap named those who are there.
    fn named(&mut self, names: &[Contact]) {
        self.learn_names(names);
        if self.has_company() {
            self.joining.tries = 0;
            return self.heal_named(names);
        }
        self.choosing.refused.clear();
        self.form();
        self.join_later(ALONE);
    }

    /// The bootstraps are found elsewhere from now on. Nothing is said before the state is durable.
    pub(super) fn bootstraps_moved(&mut self, addresses: Vec<SocketAddr>) -> Result<Reply, Refusal> {
        let addresses = distinct(addresses);
        self.takes(&addresses, BOOTSTRAPS_LIMIT)?;
        let moved = addresses.iter().position(|addr| !self.config.bootstraps.contains(addr));
        self.joining.outcomes.keep(&addresses);
        self.config.bootstraps = addresses;
        if let Some(first) = moved {
            (self.joining.next, self.joining.tries, self.joining.moved) = (first, 0, true);
            self.ask_bootstrap();
        }
        Ok(Reply::Noted)
    }

    /// Whether a live link leads into the overlay; one to somebody who only watches does not.
    pub(super) fn has_company(&self) -> bool {
        self.links.values().any(|link| link.live() && !link.idle())
    }

    /// The bootstrap that was asked told nothing.
    pub(super) fn bootstrap_failed(&mut self, why: BootstrapError) {
        self.asked_bootstrap(Some(why));
        if !self.has_company() {
            self.form();
            self.join_later(PATIENCE);
        }
    }

    /// Asks again, for ever, at growing distances.
    fn join_later(&mut self, at_most: Duration) {
        let wait =
            self.config.periods.boot_delay.saturating_mul(1 << self.joining.tries.min(10)).min(at_most);
        self.joining.tries = self.joining.tries.saturating_add(1);
        let wait = self.random.timing.jittered(wait, 25).max(Duration::from_millis(1));
        self.timers.after(Timer::Join, wait);
    }

    /// The last link is gone: ask again at once.
    pub(super) fn join_if_alone(&mut self) {
        if !self.has_company() && self.is_running() {
            self.joining.tries = 0;
            self.join_later(self.config.periods.boot_delay);
        }
    }

    pub(super) fn learn_names(&mut self, names: &[Contact]) {
        for name in names {
            self.learn_name(name.clone());
        }
    }

    /// Remembers a name and soon measures the way, unless a record tells more.
    pub(super) fn learn_name(&mut self, contact: Contact) {
        let Some(id) = contact.name.id.filter(|id| self.me().is_some_and(|me| me.id != *id)) else { return };
        let room = self.joining.names.len() < NAMES || self.joining.names.contains_key(&id);
        if room && !contact.addrs().collect::<Addresses>().is_empty() {
            self.joining.names.insert(id, contact);
        }
    }

    /// Where to reach `id`, what answered last first: as its newest record says, then as it greeted; as somebody told, or
    /// as it was remembered, where there is neither.
    pub(super) fn addresses_of(&self, id: NodeId) -> Addresses {
        let record = self.database.get(id).into_iter().flat_map(Entry::addrs);
        let greeted = self.links.get(&id).map(|link| link.name.addr);
        let mut all: Addresses = record.chain(greeted).collect();
        if all.is_empty() {
            let heard = self.joining.names.get(&id).into_iter().chain(self.remembered_contact(id));
            all = heard.flat_map(Contact::addrs).collect();
        }
        if let Some(at) = self.probes.get(id).and_then(|peer| peer.at) {
            all.prefer(at);
        }
        all
    }

    /// A name that led nowhere is forgotten, unless a record stands behind it.
    pub(super) fn forget_name(&mut self, id: NodeId) {
        self.joining.names.remove(&id);
    }
}

/// The same addresses in the same order, each once.
pub(super) fn distinct(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut seen = BTreeSet::new();
    addresses.retain(|address| seen.insert(*address));
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Input, Loaded, Machine, Output, Seed, Time};
    use crate::overlay::wire::Network;
    use crate::overlay::{Command, Config};

    fn dials(node: &mut Overlay) -> Vec<SocketAddr> {
        let mut dials = Vec::new();
        while let Some(output) = node.poll() {
            match output {
                Output::Dial { to, .. } => dials.push(to),
                Output::Load { ticket, .. } => {
                    node.handle(Time::ZERO, Input::Loaded { ticket, value: Loaded::Absent });
                }
                Output::Store { ticket, .. } => {
                    node.handle(Time::ZERO, Input::Stored { ticket, result: Ok(()) });
                }
                _ => {}
            }
        }
        dials
    }

    #[test]
    fn bootstraps_that_move_are_asked_where_they_are() {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let mut node =
            Overlay::new(Config::new(Seed::from_u64(1), Network::new("n").unwrap(), at(1))).unwrap();
        assert_eq!(node.command(Time::ZERO, Command::Bootstraps(Vec::new())), Ok(Reply::Noted));
        assert_eq!(dials(&mut node), []);
        assert_eq!(node.command(Time::ZERO, Command::Bootstraps(alloc::vec![at(2)])), Ok(Reply::Noted));
        assert_eq!(dials(&mut node), [at(2)]);
        assert_eq!(node.command(Time::ZERO, Command::Leave), Ok(Reply::Leaving));
        assert_eq!(node.command(Time::ZERO, Command::Bootstraps(Vec::new())), Err(Refusal::NotRunning));
    }
}
