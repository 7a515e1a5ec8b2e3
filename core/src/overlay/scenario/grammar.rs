//! The grammar of scenarios: one for any numbers.

use alloc::vec::Vec;

use super::{Plan, Scenario, Stale, Standing, stale};
use crate::kernel::{Seed, Streams};
use crate::overlay::config::{Bounds, PolicyKind};
use crate::overlay::database::LinkMode;
use crate::sim::Sockets;
use crate::sim::faults::Ways;
use crate::sim::scenario::{Drawn, Ground};

/// What a scenario is made of, its steps aside. Smaller numbers make simpler scenarios.
pub type Choices = [u16; 22];

impl Drawn for Plan {
    const CHOICES: usize = size_of::<Choices>() / size_of::<u16>();

    /// # Panics
    /// There are fewer numbers.
    fn chosen(choices: &[u16]) -> Scenario {
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
            departures @ ..,
        ] = *choices.first_chunk::<22>().expect("so many numbers make a scenario");
        let ground = Ground { nodes, seed: [high, low], spread, terrain, jitter, loss, clocks, departures };
        let mut scenario = ground.script(Plan {
            k: 1 + usize::from(k % 4),
            policy: match policy % 10 {
                8 => PolicyKind::KRandom,
                9 => PolicyKind::FullMesh,
                _ => PolicyKind::BestResponse,
            },
            links: if links.is_multiple_of(2) { LinkMode::Mutual } else { LinkMode::Directed },
            configured_ids: ids % 2 == 1,
            hashes: if ids / 2 % 4 == 3 { 0 } else { Bounds::default().hashes },
            ..Plan::default()
        });
        if ids / 8 % 4 == 3 {
            scenario.plan.stale = drawn_stale(scenario.seed, scenario.nodes());
        }
        scenario.plan.stands = standing(scenario.nodes(), [stands, one, other]);
        scenario
    }
}

fn drawn_stale(seed: u64, nodes: usize) -> Vec<(usize, Stale)> {
    stale::draw(nodes, &mut Streams::new(Seed::from_u64(seed)).named("stale"))
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
