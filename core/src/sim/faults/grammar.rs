//! The one grammar: an action for any few numbers.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Action, Island, Severity, Ways};
use crate::kernel::Rng;
use crate::sim::{Bursts, Restart, Slices, Sockets};

/// What an action is made of. Smaller numbers make simpler actions: all zeros wait for no time.
pub type Choices = [u16; 5];

/// How many octets make an action.
pub const OCTETS: usize = size_of::<Choices>();

const MILLION: u32 = 1_000_000;
/// The longest step of a clock, and the longest of the rare long ones, which are beyond the life of any record.
const STEP: Duration = Duration::from_secs(60);
const LONG_STEP: Duration = Duration::from_secs(2 * 3_600);
/// The fastest and slowest clock, of a million: forty times what a bad crystal does.
const DRIFT: u32 = 20_000;
/// The coarsest clock.
const GRAIN: Duration = Duration::from_millis(50);
const OVERSLEEP: Duration = Duration::from_secs(1);
const EARLY: Duration = Duration::from_millis(200);
const REORDERING: Duration = Duration::from_millis(500);
const FLAP: Duration = Duration::from_secs(2);
const SLICE: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(1);
/// The longest packet that passes a narrow way is from here to twice that.
const NARROW: usize = 500;
/// Octets a second that a slow reader reads at the most.
const READING: u64 = 4_000;

/// Draws a list of actions from a seed.
///
/// # Panics
/// Without nodes.
pub fn draw(rng: &mut Rng, severity: Severity, actions: usize) -> Vec<Action> {
    let mut number = || u16::try_from(rng.below(1 << 16)).unwrap_or(0);
    (0..actions).map(|_| Action::chosen([(); 5].map(|()| number()), severity)).collect()
}

/// Reads a list of actions off octets, [`OCTETS`] for each; what is left over is ignored.
///
/// # Panics
/// Without nodes.
pub fn decode(octets: &[u8], severity: Severity) -> Vec<Action> {
    let (pieces, _) = octets.as_chunks::<OCTETS>();
    let number = |piece: &[u8; OCTETS], i: usize| u16::from_le_bytes([piece[2 * i], piece[2 * i + 1]]);
    let choices = |piece: &[u8; OCTETS]| [0, 1, 2, 3, 4].map(|i| number(piece, i));
    pieces.iter().map(|piece| Action::chosen(choices(piece), severity)).collect()
}

impl Action {
    /// The action for these numbers: there is one for any. Nearly half are waits.
    ///
    /// # Panics
    /// Without nodes.
    pub fn chosen([kind, a, b, c, d]: Choices, severity: Severity) -> Action {
        assert!(severity.nodes > 0, "faults happen to nodes");
        let (node, other) = (usize::from(a) % severity.nodes, usize::from(b) % severity.nodes);
        match kind % 52 {
            0..22 => Action::Wait { time: part(severity.wait, a) },
            22 => Action::Kill { node },
            23 => Action::Halt { node },
            24 => Action::Restart { node, how: Restart::Keeping },
            25 => Action::Restart { node, how: Restart::Forgetting },
            26 | 27 => Action::Restart { node, how: Restart::Older(1 + (b % 3) as u8) },
            28 => Action::Cut { from: node, to: other, ways: Ways::One },
            29 => Action::Cut { from: node, to: other, ways: Ways::Both },
            30 => Action::Heal { a: node, b: other },
            31 => {
                let island = Island(u64::from(a) | u64::from(b) << 16);
                Action::Partition { island, time: part(severity.wait, c) }
            }
            32 => Action::Flap {
                a: node,
                b: other,
                every: at_least_1ms(part(FLAP, c)),
                times: 1 + (d % 8) as u8,
            },
            33 => Action::Sever { a: node, b: other },
            34 => Action::Freeze { node },
            35 => Action::Thaw { node },
            36 => Action::Hubs { count: 1 + usize::from(a) % 3 },
            48.. => Action::chosen_of_ways([kind % 52, a, b, c, d], severity),
            _ => Action::chosen_of_hosts([kind % 52, a, b, c, d], severity),
        }
    }

    /// Of those that concern some packets, or from where they come.
    fn chosen_of_ways([kind, a, b, c, d]: Choices, severity: Severity) -> Action {
        let (node, other) = (usize::from(a) % severity.nodes, usize::from(b) % severity.nodes);
        let ways = if c.is_multiple_of(2) { Ways::Both } else { Ways::One };
        match kind {
            48 => Action::Block { from: node, to: other, ways },
            49 => Action::Narrow { from: node, to: other, ways, octets: NARROW + usize::from(d) % NARROW },
            50 => Action::Translate { node },
            _ => {
                let sockets = if c.is_multiple_of(2) { Sockets::Any } else { Sockets::Bound };
                Action::Move { node, sockets, time: part(severity.wait, d) }
            }
        }
    }

    /// Of those that make things worse without breaking anything.
    fn chosen_of_hosts([kind, a, b, c, d]: Choices, severity: Severity) -> Action {
        let node = usize::from(a) % severity.nodes;
        match kind {
            37 => Action::Loss { per_million: share(severity.loss_per_million, a) },
            38 => {
                let begin_per_million = share(MILLION / 20, a);
                let end_per_million = MILLION / 20 + share(MILLION / 4, b);
                let loss_per_million = MILLION / 2 + share(MILLION / 2, c);
                Action::Bursts { bursts: Bursts { begin_per_million, end_per_million, loss_per_million } }
            }
            39 => Action::Duplicates { per_million: share(MILLION / 2, a) },
            40 => Action::Reordering { per_million: share(MILLION / 2, a), by: part(REORDERING, b) },
            41 => {
                let octets = if b.is_multiple_of(4) { 0 } else { u64::from(b) % READING };
                Action::Slow { node, octets, time: part(severity.wait, c) }
            }
            42 => Action::Step { node, by: part(if b % 8 == 7 { LONG_STEP } else { STEP }, c) },
            43 => {
                let drift = share(DRIFT, b).cast_signed();
                Action::Drift { node, per_million: if c.is_multiple_of(2) { drift } else { -drift } }
            }
            44 => Action::Coarse { node, grain: at_least_1ms(part(GRAIN, b)) },
            45 if b.is_multiple_of(2) => Action::Oversleep { node, most: part(OVERSLEEP, c) },
            45 => Action::Early { node, most: part(EARLY, c) },
            46 => {
                let (run, pause) = (at_least_1ms(part(SLICE, b)), at_least_1ms(part(PAUSE, c)));
                Action::Starve { node, slices: Slices { run, pause } }
            }
            _ => {
                let [on, off, time] = [b, c, d].map(|choice| at_least_1ms(part(severity.wait, choice)));
                Action::Churn { seed: a, on, off, time }
            }
        }
    }
}

/// So many 65,535ths of a time, in whole milliseconds where it is long: scripts are short.
fn part(most: Duration, choice: u16) -> Duration {
    let micros = most.as_micros() * u128::from(choice) / u128::from(u16::MAX);
    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
    Duration::from_micros(if micros >= 10_000 { micros - micros % 1_000 } else { micros })
}

fn at_least_1ms(time: Duration) -> Duration {
    time.max(Duration::from_millis(1))
}

/// So many 65,535ths of a number.
fn share(most: u32, choice: u16) -> u32 {
    u32::try_from(u64::from(most) * u64::from(choice) / u64::from(u16::MAX)).unwrap_or(most)
}
