//! What must hold of a node whatever the octets: for fuzzers.

use super::lawful::specimen;
use super::machine::Overlay;
use crate::record::checks;

/// Gives a node with small bounds any inputs and commands, and repeats them from their recording: see
/// [`record::checks`](checks::any_inputs).
///
/// # Panics
/// The node does, or it does something else when it is given the same again.
pub fn any_inputs(octets: &[u8]) {
    checks::any_inputs::<Overlay>(specimen(7), octets);
}
