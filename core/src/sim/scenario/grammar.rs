//! The one grammar of scripts: one for any numbers, drawn from a seed, by proptest, or read off octets.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Departure, Protocol, Script, Step, Terrain};
use crate::kernel::{Rng, Seed, Streams};
use crate::sim::faults::{self, Action, Severity};

/// The most steps that are read off octets.
pub const STEPS: usize = 24;
/// Nodes join within this time.
const JOINING: Duration = Duration::from_secs(10);
/// The longest wait between two faults.
const WAIT: Duration = Duration::from_secs(20);
/// The most datagrams lost, in a million.
const LOSS: u32 = 50_000;
/// The most jitter, in microseconds. With more, costs move by more than 5 % all the time on short ways, and news of them
/// is always on its way.
const JITTER: u64 = 5_000;
/// ... and on one network, where it is as large as the delays.
const LAN_JITTER: u64 = 300;
/// Processes begin their clocks at anything up to this.
const CLOCKS: Duration = Duration::from_secs(48 * 3_600);

/// A protocol of which there is a script for any numbers.
pub trait Drawn: Protocol {
    /// How many numbers a script is made of, its steps aside.
    const CHOICES: usize;

    /// The script for so many numbers, without steps: there is one for any. Smaller numbers make simpler scripts.
    fn chosen(choices: &[u16]) -> Script<Self>;

    /// A step of such a script: a fault, unless the protocol has orders to draw.
    fn step(script: &Script<Self>, choices: faults::Choices) -> Step<Self::Order> {
        Step::Fault(Action::chosen(choices, script.severity()))
    }
}

impl<P: Protocol> Script<P> {
    /// How bad drawn faults are: all hosts have them.
    pub fn severity(&self) -> Severity {
        Severity { nodes: self.nodes() + P::ATTENDANTS, wait: WAIT, loss_per_million: LOSS }
    }
}

impl<P: Drawn> Script<P> {
    /// The script for these numbers.
    ///
    /// # Panics
    /// There are not [`Drawn::CHOICES`] of them.
    pub fn chosen(choices: &[u16], steps: &[faults::Choices]) -> Self {
        assert_eq!(choices.len(), P::CHOICES, "so many numbers make a script");
        let mut script = P::chosen(choices);
        script.steps = steps.iter().map(|choices| P::step(&script, *choices)).collect();
        script
    }

    /// Draws a script with so many steps from a seed.
    pub fn drawn(rng: &mut Rng, steps: usize) -> Self {
        let mut number = || u16::try_from(rng.below(1 << 16)).unwrap_or(0);
        let choices: Vec<u16> = (0..P::CHOICES).map(|_| number()).collect();
        let steps: Vec<faults::Choices> = (0..steps).map(|_| [(); 5].map(|()| number())).collect();
        Self::chosen(&choices, &steps)
    }

    /// Reads a script off octets: there is one for any. What is missing counts as zeros, and what goes beyond [`STEPS`]
    /// steps is ignored.
    pub fn decoded(octets: &[u8]) -> Self {
        let (head, rest) = octets.split_at(octets.len().min(P::CHOICES * size_of::<u16>()));
        let mut choices = vec![0; P::CHOICES];
        for (choice, pair) in choices.iter_mut().zip(head.chunks(2)) {
            *choice = pair.iter().rev().fold(0, |number, octet| number << 8 | u16::from(*octet));
        }
        let steps = rest.as_chunks::<{ faults::OCTETS }>().0.iter().take(STEPS);
        let number =
            |piece: &[u8; faults::OCTETS], i: usize| u16::from_le_bytes([piece[2 * i], piece[2 * i + 1]]);
        let steps: Vec<faults::Choices> =
            steps.map(|piece| [0, 1, 2, 3, 4].map(|i| number(piece, i))).collect();
        Self::chosen(&choices, &steps)
    }
}

/// The numbers that what is common to all protocols is made of. Smaller ones make it simpler.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ground {
    /// How many nodes: 3 to 24, most of them few, since what is wrong with three is seldom right with sixteen.
    pub nodes: u16,
    /// The seed's upper and lower half.
    pub seed: [u16; 2],
    /// Over what part of ten seconds the joins are spread.
    pub spread: u16,
    /// [`Script::terrain`].
    pub terrain: u16,
    /// [`Script::jitter`]: none half of the time.
    pub jitter: u16,
    /// [`Script::loss_per_million`]: none half of the time.
    pub loss: u16,
    /// [`Script::clocks`]: one time for all three times of four.
    pub clocks: u16,
    /// [`Script::departures`]: one of three nodes at most, and three nodes at most.
    pub departures: [u16; 7],
}

impl Ground {
    /// A script on this ground, without steps.
    pub fn script<P: Protocol>(self, plan: P) -> Script<P> {
        let nodes = number_of_nodes(self.nodes);
        let seed = u64::from(self.seed[0]) << 16 | u64::from(self.seed[1]);
        let terrain = Terrain::ALL[usize::from(self.terrain) % Terrain::ALL.len()];
        let most_jitter = if terrain == Terrain::Lan { LAN_JITTER } else { JITTER };
        Script {
            seed,
            joins: joins(seed, nodes, self.spread),
            terrain,
            jitter: Duration::from_micros(sometimes(self.jitter, most_jitter)),
            loss_per_million: u32::try_from(sometimes(self.loss, LOSS.into())).unwrap_or(LOSS),
            clocks: if self.clocks % 4 == 3 { CLOCKS } else { Duration::ZERO },
            plan,
            steps: Vec::new(),
            departures: departures(nodes, self.departures),
        }
    }
}

fn number_of_nodes(choice: u16) -> usize {
    let (class, within) = (choice % 32, usize::from(choice / 32));
    match class {
        0..18 => 3 + within % 3,
        18..29 => 6 + within % 4,
        29..31 => 10 + within % 7,
        _ => 17 + within % 8,
    }
}

/// Nothing half of the time.
fn sometimes(choice: u16, most: u64) -> u64 {
    if choice.is_multiple_of(2) { 0 } else { most * u64::from(choice) / u64::from(u16::MAX) }
}

/// Everybody at once, or within some of the time that there is.
fn joins(seed: u64, nodes: usize, spread: u16) -> Vec<Duration> {
    let most = u64::try_from(JOINING.as_millis()).unwrap_or(0) * u64::from(spread) / u64::from(u16::MAX);
    let mut rng = Streams::new(Seed::from_u64(seed)).named("joins");
    (0..nodes).map(|_| Duration::from_millis(rng.below(most + 1))).collect()
}

/// At most one of three goes.
fn departures(nodes: usize, [count, rest @ ..]: [u16; 7]) -> Vec<(usize, Departure)> {
    let mut departures = Vec::new();
    for &[node, how] in rest.as_chunks::<2>().0.iter().take(usize::from(count % 4).min(nodes / 3)) {
        let node = usize::from(node) % nodes;
        let how = match how % 3 {
            0 => Departure::Kill,
            1 => Departure::Halt,
            _ => Departure::Leave,
        };
        if departures.iter().all(|(gone, _)| *gone != node) {
            departures.push((node, how));
        }
    }
    departures
}
