//! The most chosen nodes die at once.

use std::collections::BTreeMap;
use std::time::Duration;

use egoist_core::overlay::{Event, NodeId};

use crate::overlay::{Tables, chosen, ms, running, settled};

const HUBS: usize = 3;
const WATCHED: Duration = Duration::from_secs(10);

/// How they die.
#[derive(Clone, Copy, Debug)]
enum Death {
    Killed,
    PowerCut,
}

pub(crate) fn run(nodes: usize) {
    for death in [Death::Killed, Death::PowerCut] {
        die(nodes, death);
    }
}

fn die(nodes: usize, death: Death) {
    let mut experiment = settled(nodes, 3, 10, 1);
    let mut hubs: Vec<(usize, usize)> =
        chosen(&experiment).into_iter().map(|(node, by)| (by, node)).collect();
    hubs.sort_unstable();
    hubs.reverse();
    hubs.truncate(HUBS);
    println!(
        "{nodes} nodes, k = 3, {death:?}: {}",
        hubs.iter().map(|(by, node)| format!("{node} (chosen by {by})")).collect::<Vec<_>>().join(", ")
    );
    let world = experiment.world();
    let names = Tables::of(world);
    for (_, hub) in &hubs {
        match death {
            Death::Killed => world.kill(*hub),
            Death::PowerCut => world.halt(*hub),
        }
    }
    let live: Vec<usize> = running(world).map(|(node, _)| node).filter(|node| *node < nodes).collect();
    let start = world.now();
    let mut replacements: BTreeMap<NodeId, usize> = BTreeMap::new();
    let (mut last, mut line) = (usize::MAX, Vec::new());
    while world.now() < start + WATCHED {
        world.run_until(world.now() + ms(100), |_, _, event| {
            if let Event::Rewired { added, .. } = event {
                added.iter().for_each(|id| *replacements.entry(*id).or_default() += 1);
            }
        });
        let broken = Tables::of(world).broken(world, &live);
        if broken != last {
            line.push(format!("{:.1} s: {broken}", world.now().since(start).as_secs_f64()));
            last = broken;
        }
    }
    println!("  pairs of {} broken after: {}", live.len() * (live.len() - 1), line.join(", "));
    let mut targets: Vec<(usize, usize)> =
        replacements.iter().filter_map(|(id, times)| Some((*times, names.node(*id)?))).collect();
    targets.sort_unstable();
    targets.reverse();
    let all: usize = targets.iter().map(|(times, _)| times).sum();
    let most: Vec<String> =
        targets.iter().take(5).map(|(times, node)| format!("{node} by {times}")).collect();
    println!(
        "  {all} links chosen within {WATCHED:?}, of {} nodes; most: {}",
        targets.len(),
        most.join(", ")
    );
}
