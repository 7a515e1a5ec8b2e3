//! Where others reach this node, when that changes as it runs.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::Overlay;
use super::reached::Reached;
use super::starting::Life;
use crate::kernel::{Fault, Why};
use crate::overlay::config::AddressFault;
use crate::overlay::event::{Refusal, Reply};
use crate::overlay::names::NodeId;
use crate::overlay::wire::ADDRESSES_LIMIT;

/// What does not move with the node has fallen silent by then.
const SETTLED: Duration = Duration::from_secs(5);

impl Overlay {
    /// Others reach this node at `addresses` from now on. Links that still carry something stay.
    pub(super) fn advertise(&mut self, addresses: &[SocketAddr]) -> Result<Reply, Refusal> {
        self.takes(addresses, 1 + ADDRESSES_LIMIT)?;
        let (first, more) = addresses.split_first().ok_or(Refusal::Nowhere)?;
        if !self.addresses().eq(addresses.iter().copied()) {
            (self.config.address, self.config.more_addresses) = (*first, more.into());
            self.reached = Reached::default();
            self.origin.again();
            self.advertised = Some(self.timers.now());
            let silent: Vec<NodeId> =
                self.links.values().filter(|link| !link.live()).map(|link| link.peer).collect();
            silent.into_iter().for_each(|id| self.left_behind(id));
        }
        Ok(Reply::Noted)
    }

    /// Whether a user may give this node these addresses, at most `most`, to know or to tell.
    pub(super) fn takes(&self, addresses: &[SocketAddr], most: usize) -> Result<(), Refusal> {
        if matches!(self.life, Life::Leaving(_) | Life::Parting(_) | Life::Ending(_) | Life::Over(_)) {
            return Err(Refusal::NotRunning);
        }
        match addresses.iter().find_map(|address| AddressFault::of(*address)) {
            Some(fault) => Err(Refusal::Undialable(fault)),
            None if addresses.len() > most => Err(Refusal::TooMany),
            None => Ok(()),
        }
    }

    /// A neighbour is suspected. Where this node's address has changed just before, the connection is bound to one that is
    /// gone: it is made anew at once.
    pub(super) fn left_behind(&mut self, id: NodeId) {
        let lately = self.advertised.filter(|at| self.timers.now().since(*at) < SETTLED);
        if let Some(link) = self.links.get(&id).filter(|link| lately.is_some_and(|at| link.since <= at)) {
            let what = "its connection was made at an address that is gone";
            self.lose(link.conn, Why { fault: Fault::Own, what });
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::kernel::{Input, Loaded, Machine, Output, Seed, Time};
    use crate::overlay::config::Config;
    use crate::overlay::event::Command;
    use crate::overlay::wire::Network;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn run(node: &mut Overlay) {
        while let Some(output) = node.poll() {
            let input = match output {
                Output::Load { ticket, .. } => Input::Loaded { ticket, value: Loaded::Absent },
                Output::Store { ticket, .. } => Input::Stored { ticket, result: Ok(()) },
                _ => continue,
            };
            node.handle(Time::ZERO, input);
        }
    }

    #[test]
    fn the_next_record_has_the_addresses_that_are_advertised() {
        let config = Config::new(Seed::from_u64(1), Network::new("n").unwrap(), at(1));
        let mut node = Overlay::new(config).unwrap();
        run(&mut node);
        let told = |node: &Overlay| {
            let entry = node.database().get(node.id().unwrap()).unwrap();
            (entry.key().sequence, entry.addrs().collect::<Vec<_>>())
        };
        let before = told(&node);
        assert_eq!(before.1, [at(1)]);
        for (addresses, sequences) in [(vec![at(1)], 0), (vec![at(2), at(3)], 1), (vec![at(2), at(3)], 1)] {
            assert_eq!(node.command(Time::ZERO, Command::Advertise(addresses.clone())), Ok(Reply::Noted));
            assert_eq!(told(&node), (before.0 + sequences, addresses), "once for each change");
        }
        let many = (1..=2 + u16::try_from(ADDRESSES_LIMIT).unwrap()).map(at).collect();
        for (addresses, refusal) in [
            (vec![], Refusal::Nowhere),
            (vec![at(0)], Refusal::Undialable(AddressFault::NoPort)),
            (vec![at(4), "0.0.0.0:9".parse().unwrap()], Refusal::Undialable(AddressFault::Unspecified)),
            (many, Refusal::TooMany),
        ] {
            assert_eq!(node.command(Time::ZERO, Command::Advertise(addresses)), Err(refusal));
        }
        assert!(node.addresses().eq([at(2), at(3)]));
        assert_eq!(node.command(Time::ZERO, Command::Leave), Ok(Reply::Leaving));
        assert_eq!(node.command(Time::ZERO, Command::Advertise(vec![at(1)])), Err(Refusal::NotRunning));
    }
}
