//! Nodes that die and come back.

use std::collections::BTreeMap;
use std::time::Duration;

use egoist_core::kernel::{Seed, Streams, Time};
use egoist_core::sim::{Condition, Restart};

use crate::overlay::{Tables, ms, percent, settled};

const HOUR: Duration = Duration::from_secs(3_600);
/// The dead come back after this time.
const DOWN: Duration = Duration::from_secs(60);
/// Detection takes up to a second, and the news some more; pairs are not counted within this time of a death.
const AFTER_A_DEATH: Duration = Duration::from_secs(2);
const LOOK: Duration = ms(250);

pub(crate) fn run(nodes: usize) {
    let mut experiment = settled(nodes, 3, 10, 1);
    let world = experiment.world();
    let mut rng = Streams::new(Seed::from_u64(1)).named("churn");
    let between = Duration::from_secs(60) * 10 / u32::try_from(nodes).expect("a few");
    println!(
        "{nodes} nodes, k = 3: one dies every {between:?} for an hour, half of them by power cut, and is back after {DOWN:?}"
    );
    let start = world.now();
    let (mut next, mut last, mut deaths) = (start, start, 0);
    let mut back: BTreeMap<Time, usize> = BTreeMap::new();
    let mut up: BTreeMap<usize, Time> = (0..nodes).map(|node| (node, Time::ZERO)).collect();
    let (mut settled_pairs, mut settled_broken, mut pairs, mut broken, mut worst) = (0, 0, 0, 0, 0);
    while world.now() < start + HOUR {
        if world.now() >= next {
            next = next + between;
            let live: Vec<usize> = (0..nodes).filter(|n| world.condition(*n) == Condition::Running).collect();
            let victim = live[rng.index(live.len())];
            if rng.percent(50) {
                world.kill(victim);
            } else {
                world.halt(victim);
            }
            back.insert(world.now() + DOWN, victim);
            up.remove(&victim);
            (last, deaths) = (world.now(), deaths + 1);
        }
        while let Some(entry) = back.first_entry().filter(|entry| *entry.key() <= world.now()) {
            let node = entry.remove();
            world.restart(node, Restart::Keeping);
            up.insert(node, world.now());
        }
        world.run_until(world.now() + LOOK, |_, _, _| ());
        let tables = Tables::of(world);
        let live: Vec<usize> = up.keys().copied().collect();
        let missing = tables.broken(world, &live);
        (pairs, broken) = (pairs + live.len() * (live.len() - 1), broken + missing);
        if world.now().since(last) > AFTER_A_DEATH {
            settled_pairs += live.len() * (live.len() - 1);
            settled_broken += missing;
            worst = worst.max(missing);
        }
    }
    println!("{deaths} deaths, {} live nodes at the end", up.len());
    println!("pairs reached at any time:                     {:.4} %", 100.0 - percent(broken, pairs));
    println!(
        "pairs reached, two seconds after a death aside: {:.4} %, at worst {worst} pairs missing",
        100.0 - percent(settled_broken, settled_pairs)
    );
}
