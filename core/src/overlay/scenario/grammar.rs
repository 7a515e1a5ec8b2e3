//! The one grammar of scenarios: one for any numbers, drawn from a seed, by proptest, or read off octets.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Departure, Scenario, Stale, Standing, Terrain, stale};
use crate::kernel::{Rng, Seed, Streams};
use crate::overlay::config::{Bounds, PolicyKind};
use crate::overlay::database::LinkMode;
use crate::sim::Sockets;
use crate::sim::faults::{self, Action, Severity, Ways};

/// What a scenario is made of, its faults aside. Smaller numbers make simpler scenarios.
pub type Choices = [u16; 22];

/// How many octets that is.
const OCTETS: usize = size_of::<Choices>();
/// The most actions that are read off octets.
pub const ACTIONS: usize = 24;
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

impl Scenario {
    /// The scenario for these numbers: there is one for any. 3 to 24 nodes, most of them few: what is wrong with three is
    /// seldom right with sixteen.
    pub fn chosen(choices: Choices, actions: &[faults::Choices]) -> Scenario {
        let [
            nodes,
            high,
            low,
            spread,
            k,
            policy,
            links,
            terrain,
            jitter,
            loss,
            ids,
            clocks,
            stands,
            one,
            other,
            gone @ ..,
        ] = choices;
        let nodes = number_of_nodes(nodes);
        let seed = u64::from(high) << 16 | u64::from(low);
        let terrain = terrain_of(terrain);
        let most_jitter = if terrain == Terrain::Lan { LAN_JITTER } else { JITTER };
        Scenario {
            seed,
            joins: joins(seed, nodes, spread),
            k: 1 + usize::from(k % 4),
            policy: match policy % 10 {
                8 => PolicyKind::KRandom,
                9 => PolicyKind::FullMesh,
                _ => PolicyKind::BestResponse,
            },
            links: if links.is_multiple_of(2) { LinkMode::Mutual } else { LinkMode::Directed },
            terrain,
            jitter: Duration::from_micros(sometimes(jitter, most_jitter)),
            loss_per_million: u32::try_from(sometimes(loss, LOSS.into())).unwrap_or(LOSS),
            configured_ids: ids % 2 == 1,
            hashes: if ids / 2 % 4 == 3 { 0 } else { Bounds::default().hashes },
            stale: if ids / 8 % 4 == 3 { drawn_stale(seed, nodes) } else { Vec::new() },
            clocks: if clocks % 4 == 3 { CLOCKS } else { Duration::ZERO },
            faults: actions.iter().map(|choices| Action::chosen(*choices, severity(nodes))).collect(),
            departures: departures(nodes, gone),
            stands: standing(nodes, [stands, one, other]),
        }
    }

    /// Draws a scenario with so many actions from a seed.
    pub fn drawn(rng: &mut Rng, actions: usize) -> Scenario {
        let mut number = || u16::try_from(rng.below(1 << 16)).unwrap_or(0);
        let choices = [(); 22].map(|()| number());
        let actions: Vec<faults::Choices> = (0..actions).map(|_| [(); 5].map(|()| number())).collect();
        Scenario::chosen(choices, &actions)
    }

    /// Reads a scenario off octets: there is one for any. What is missing counts as zeros, and what goes beyond
    /// [`ACTIONS`] actions is ignored.
    pub fn decoded(octets: &[u8]) -> Scenario {
        let (head, rest) = octets.split_at(octets.len().min(OCTETS));
        let mut whole = [0; OCTETS];
        whole[..head.len()].copy_from_slice(head);
        let mut choices = [0; 22];
        for (choice, pair) in choices.iter_mut().zip(whole.as_chunks::<2>().0) {
            *choice = u16::from_le_bytes(*pair);
        }
        let scenario = Scenario::chosen(choices, &[]);
        let rest = &rest[..rest.len().min(ACTIONS * faults::OCTETS)];
        Scenario { faults: faults::decode(rest, severity(scenario.nodes())), ..scenario }
    }
}

fn terrain_of(choice: u16) -> Terrain {
    match choice % 4 {
        0 => Terrain::Plane,
        1 => Terrain::Symmetric,
        2 => Terrain::Asymmetric,
        _ => Terrain::Lan,
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

fn drawn_stale(seed: u64, nodes: usize) -> Vec<(usize, Stale)> {
    stale::draw(nodes, &mut Streams::new(Seed::from_u64(seed)).named("stale"))
}

/// The bootstrap has faults as well.
fn severity(nodes: usize) -> Severity {
    Severity { nodes: nodes + 1, wait: WAIT, loss_per_million: LOSS }
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

/// Nothing in a fifth of all cases.
fn standing(nodes: usize, [kind, one, other]: [u16; 3]) -> Option<Standing> {
    let node = usize::from(one) % nodes;
    let other = (node + 1 + usize::from(other) % (nodes - 1)) % nodes;
    let ways = if kind / 5 % 2 == 0 { Ways::Both } else { Ways::One };
    match kind % 5 {
        0 => None,
        4 => Some(Standing::Translated { node }),
        1 => Some(Standing::Blocked { node, ways }),
        2 => Some(Standing::Narrow { from: node, to: other, ways }),
        _ => {
            let sockets = if ways == Ways::Both { Sockets::Any } else { Sockets::Bound };
            Some(Standing::Moved { node, sockets })
        }
    }
}
