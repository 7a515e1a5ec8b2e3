//! A link that comes and goes.

use std::collections::BTreeMap;

use egoist_core::overlay::Event;

use crate::overlay::{Tables, ms, percent, running, settled};

/// How long the link is up, and then down, in milliseconds: at 1 Hz, and slower, so that its ends notice.
const HALVES: [u64; 3] = [500, 1_000, 2_500];
const SECONDS: u64 = 600;

pub(crate) fn run(nodes: usize) {
    HALVES.into_iter().for_each(|half| flap(nodes, half));
}

fn flap(nodes: usize, length: u64) {
    let mut experiment = settled(nodes, 3, 10, 1);
    let (a, b) = busiest(&Tables::of(experiment.world()));
    println!(
        "{nodes} nodes, k = 3: the link between {a} and {b}, which most routes take, is down for {length} ms and up for {length} ms, for {SECONDS} s"
    );
    let world = experiment.world();
    let start = world.now();
    let mut rewirings: BTreeMap<(usize, u64), usize> = BTreeMap::new();
    let (mut before, mut changes, mut broken, mut looks) = (Tables::of(world), 0, 0, 0);
    for half in 0..SECONDS * 1_000 / length {
        if half % 2 == 0 {
            world.cut(a, b);
            world.cut(b, a);
        } else {
            world.heal(a, b);
            world.heal(b, a);
        }
        world.run_until(start + ms((half + 1) * length), |at, node, event| {
            if matches!(event, Event::Rewired { .. }) {
                *rewirings.entry((node, at.since(start).as_secs() / 60)).or_default() += 1;
            }
        });
        let now = Tables::of(world);
        changes += now.hops.iter().filter(|(pair, hop)| before.hops.get(pair) != Some(hop)).count();
        let live: Vec<usize> = running(world).map(|(node, _)| node).filter(|node| *node < nodes).collect();
        broken += now.broken(world, &live);
        (before, looks) = (now, looks + 1);
    }
    let minutes = usize::try_from(SECONDS / 60).expect("a few");
    println!("rewirings of a node in a minute: at most {}", rewirings.values().max().unwrap_or(&0));
    println!(
        "rewirings: {} in all, {:.3} a node and minute",
        rewirings.values().sum::<usize>(),
        percent(rewirings.values().sum(), nodes * minutes) / 100.0
    );
    println!(
        "next hops that changed: {:.1} a second of {}",
        percent(changes, 100 * usize::try_from(SECONDS).expect("a few")),
        nodes * (nodes - 1)
    );
    println!(
        "pairs broken when looked at, every {length} ms: {:.3} %",
        percent(broken, looks * nodes * (nodes - 1))
    );
}

/// The link that most next hops lead over.
fn busiest(tables: &Tables) -> (usize, usize) {
    let mut used: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for ((from, _), hop) in &tables.hops {
        *used.entry(((*from).min(*hop), (*from).max(*hop))).or_default() += 1;
    }
    used.into_iter().max_by_key(|(_, uses)| *uses).map(|(link, _)| link).expect("an overlay has links")
}
