//! Each part of a riding node, as those reach it who know nodes of that protocol alone.

use egoist_core::gossip::{self, Gossip};
use egoist_core::overlay::{self, Overlay};
use egoist_core::riding::{Command, Refusal, Reply, Riding};
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::protocol::Access;

/// The overlay in a riding node, and its gossip.
#[derive(Clone, Copy)]
pub(crate) struct Inside<A>(pub(crate) A);

impl<A: Access<Riding>> Access<Overlay> for Inside<A> {
    fn machine<'h>(&self, host: &'h Host<MioNet>) -> &'h Overlay {
        self.0.machine(host).overlay()
    }

    /// # Panics
    /// It is to leave and gossip refuses: whoever wants that asks the node.
    fn command(
        &self,
        host: &mut Host<MioNet>,
        command: overlay::Command,
    ) -> Result<overlay::Reply, overlay::Refusal> {
        match self.0.command(host, Command::Overlay(command)) {
            Ok(Reply::Overlay(reply)) => Ok(reply),
            Err(Refusal::Overlay(refusal)) => Err(refusal),
            Ok(Reply::Gossip(_)) | Err(Refusal::Gossip(_)) => {
                unreachable!("the overlay answers its commands")
            }
        }
    }
}

impl<A: Access<Riding>> Access<Gossip> for Inside<A> {
    fn machine<'h>(&self, host: &'h Host<MioNet>) -> &'h Gossip {
        self.0.machine(host).gossip()
    }
    /// # Panics
    /// It is to leave and the overlay refuses: whoever wants that asks the node.
    fn command(
        &self,
        host: &mut Host<MioNet>,
        command: gossip::Command,
    ) -> Result<gossip::Reply, gossip::Refusal> {
        match self.0.command(host, Command::Gossip(command)) {
            Ok(Reply::Gossip(reply)) => Ok(reply),
            Err(Refusal::Gossip(refusal)) => Err(refusal),
            Ok(Reply::Overlay(_)) | Err(Refusal::Overlay(_)) => unreachable!("gossip answers its commands"),
        }
    }
}
