//! Everybody starts at once.

use std::time::{Duration, Instant};

use egoist_core::kernel::Time;
use egoist_core::overlay::experiment::{Experiment, Plan};
use egoist_core::overlay::{Event, Overlay, oracle};

use egoist_tests::terrain::terrain;

use crate::overlay::running;

/// Until it counts as failed.
const PATIENCE: Duration = Duration::from_secs(2_400);
const LOOK: Duration = Duration::from_secs(1);

pub(crate) fn run(nodes: usize) {
    let begun = Instant::now();
    let mut plan = Plan::new(1, 1);
    plan.node.k = 4;
    let quiet = plan.node.periods.rewiring * 2;
    let mut experiment = Experiment::new(plan, &terrain(nodes, 1)).expect("a configuration");
    let world = experiment.world();
    let (mut equal, mut last) = (None, Duration::ZERO);
    let (mut time, mut rewired, mut before) = (Duration::ZERO, 0, world.totals());
    println!(
        "{:>9} {:>10} {:>12} {:>12} {:>10} {:>8}",
        "simulated", "rewirings", "frames", "datagrams", "dials", "work"
    );
    while time < PATIENCE && !(equal.is_some() && time > last + quiet) {
        time += LOOK;
        world.run_until(Time::ZERO + time, |at, _, event| {
            if matches!(event, Event::Rewired { .. }) {
                last = at.since(Time::ZERO);
                rewired += 1;
            }
        });
        let members: Vec<_> = running(world).filter(|(node, _)| *node < nodes).collect();
        let knows_all = |(_, m): &(usize, &Overlay)| m.database().len() >= nodes;
        if equal.is_none()
            && members.len() == nodes
            && members.iter().all(knows_all)
            && oracle::databases(&members).is_ok()
        {
            equal = Some(time);
            println!("databases equal after {time:?} of simulated time, {:.0?} of work", begun.elapsed());
        }
        if time.as_secs().is_multiple_of(60) {
            let totals = world.totals();
            println!(
                "{:>9} {:>10} {:>12} {:>12} {:>10} {:>8}",
                format!("{time:?}"),
                std::mem::take(&mut rewired),
                totals.frames - before.frames,
                totals.datagrams_sent - before.datagrams_sent,
                totals.dials - before.dials,
                format!("{:.0?}", begun.elapsed()),
            );
            before = totals;
        }
    }
    match equal {
        Some(_) if time > last + quiet => {
            println!("the last rewiring came after {last:?}: nobody rewired for two epochs");
        }
        _ => println!("still rewiring after {time:?}"),
    }
    println!(
        "{nodes} nodes, k = 4: {:.1} minutes of work, {}",
        begun.elapsed().as_secs_f64() / 60.0,
        memory()
    );
}

/// The most memory that this process had.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown");
    format!("at most {} of memory", peak.trim())
}
