//! The laws of a machine, and those of the driver that the scripts are, at once.

use super::Lawful;
use crate::kernel::{Checked, How, Patience, Port, Rng};

/// The scripts answer after any time, hours too; whatever else the contract asks of a driver they keep.
impl<M: Lawful> Lawful for Checked<M> {
    const WAKES_PER_SECOND: u32 = M::WAKES_PER_SECOND;
    const IN_FLIGHT: usize = M::IN_FLIGHT;
    const PORTS: u16 = M::PORTS;

    fn specimen(seed: u64) -> Self {
        Checked::with_patience(M::specimen(seed), Patience::ENDLESS)
    }

    fn stream(how: How, rng: &mut Rng) -> Vec<u8> {
        M::stream(how, rng)
    }

    fn datagram(port: Port, rng: &mut Rng) -> Option<Vec<u8>> {
        M::datagram(port, rng)
    }

    fn command(rng: &mut Rng) -> Option<Self::Command> {
        <M as Lawful>::command(rng)
    }
}
