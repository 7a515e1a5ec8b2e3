//! A scenario for each lie and seed.

use core::time::Duration;

use super::{FORGETTING, Lie, Order, Plan, Scenario};
use crate::kernel::{Rng, Seed, Streams};
use crate::overlay::database::LinkMode;
use crate::sim::Restart;
use crate::sim::faults::{Action, Severity};
use crate::sim::scenario::{Ground, Step};

/// Nodes have so long to meet, and to decide for the first time.
const MEETING: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(90)];
/// Between two lies.
const PAUSE: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(40)];
/// From registrations to a newcomer.
const FLOODING: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(2)];
/// Of a hundred scenarios so many have faults beside the lies.
const TROUBLED: u64 = 25;
/// The most lies of a scenario, less one.
const LIES: usize = 4;
/// ... where they are of many kinds.
const MIXED: usize = 12;
/// In so many of a hundred of those somebody leaves before.
const LEAVING: u64 = 30;

impl Scenario {
    /// A scenario in which a liar tells lies of one kind: one for each seed.
    pub fn of(lie: Lie, seed: u64) -> Scenario {
        Scenario::drawn_of(&[lie], seed)
    }

    /// A scenario in which a liar tells some of these lies.
    ///
    /// # Panics
    /// There are none.
    pub fn drawn_of(lies: &[Lie], seed: u64) -> Scenario {
        let mut rng = Streams::new(Seed::from_u64(seed)).named("dishonest");
        let mut scenario = ground(&mut rng);
        scenario.seed = seed;
        let (nodes, troubled) = (scenario.nodes(), rng.percent(TROUBLED));
        scenario.steps.push(wait(&mut rng, MEETING));
        if lies.contains(&Lie::Revival) && (lies.len() == 1 || rng.percent(LEAVING)) {
            scenario.steps.push(Step::Order { node: nodes - 1, order: Order::Leave });
            scenario.steps.push(Step::Fault(Action::Wait { time: FORGETTING }));
        }
        for _ in 0..=rng.index(if lies.len() == 1 { LIES } else { MIXED }) {
            let lie = lies[rng.index(lies.len())];
            scenario.have_told(lie, &mut rng);
            if troubled {
                let fault = fault(&mut rng, scenario.severity());
                if !scenario.brings_back(&fault) {
                    scenario.steps.push(Step::Fault(fault));
                }
            }
            scenario.steps.push(wait(&mut rng, PAUSE));
        }
        if rng.percent(50) {
            scenario.steps.push(Step::Fault(Action::Wait { time: FORGETTING }));
        }
        scenario
    }

    /// Whether a fault starts one again who has left, at once or with everybody who is down at the end: it would be a member
    /// as before.
    fn brings_back(&self, fault: &Action) -> bool {
        match fault {
            Action::Restart { node, .. } | Action::Kill { node } | Action::Halt { node } => {
                self.leaves(*node)
            }
            Action::Churn { .. } => (0..self.nodes()).any(|node| self.leaves(node)),
            _ => false,
        }
    }

    /// Who leaves is the last of all nodes: those before it are there.
    fn have_told(&mut self, lie: Lie, rng: &mut Rng) {
        let there = (0..self.nodes()).filter(|node| !self.leaves(*node)).count();
        let to = rng.index(there);
        let node = (to + 1 + rng.index(there - 1)) % there;
        // Who has just begun asks the bootstrap.
        let to = if lie == Lie::Registrations { self.bootstrap() } else { to };
        self.steps.push(Step::Order { node, order: Order::Suffer { lie, to } });
        if lie == Lie::Registrations {
            self.steps.push(wait(rng, FLOODING));
            self.steps.push(Step::Fault(Action::Restart { node, how: Restart::Forgetting }));
        }
    }
}

/// Where nodes are, and how they are set up.
fn ground(rng: &mut Rng) -> Scenario {
    let mut number = || u16::try_from(rng.below(1 << 16)).unwrap_or(0);
    let ground = Ground {
        nodes: number(),
        seed: [0, 0],
        spread: number(),
        terrain: number(),
        jitter: number(),
        loss: number(),
        clocks: number(),
        departures: [0; 7],
    };
    let [k, links, ids, liar] = [number(), number(), number(), number()];
    let links = if links.is_multiple_of(4) { LinkMode::Directed } else { LinkMode::Mutual };
    let (configured_ids, meshed) = (ids % 2 == 1, liar % 4 != 3);
    ground.script(Plan { k: 2 + usize::from(k % 2), links, configured_ids, meshed })
}

fn fault(rng: &mut Rng, severity: Severity) -> Action {
    Action::chosen([(); 5].map(|()| u16::try_from(rng.below(1 << 16)).unwrap_or(0)), severity)
}

fn wait(rng: &mut Rng, [least, most]: [Duration; 2]) -> Step<Order> {
    let millis = rng.between(least, most).as_millis();
    Step::Fault(Action::Wait { time: Duration::from_millis(u64::try_from(millis).unwrap_or(0)) })
}
