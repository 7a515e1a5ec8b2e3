//! An overlay whose datagrams all vanish: links carry the heartbeats, and short connections measure.

use std::time::Duration;

use egoist_core::kernel::{Seed, Time};
use egoist_core::overlay::Event;
use egoist_core::overlay::experiment::{Experiment, Plan};
use egoist_core::overlay::link::Carrier;
use egoist_core::sim::cities;

fn plan() -> Plan {
    let mut plan = Plan::new(4, 5);
    plan.node.k = 2;
    plan
}

#[test]
fn without_datagrams_the_overlay_forms_on_tcp_alone() {
    let cities = cities::matrix();
    let rows = cities.draw(10, Seed::from_u64(2)).expect("ten cities");
    let matrix = cities.select(&rows).expect("they are there");
    let mut experiment = Experiment::new(plan(), &matrix).expect("a configuration");
    experiment.world().set_loss(1_000_000);
    let last = std::iter::from_fn(|| experiment.next_epoch()).last().expect("four epochs");
    assert_eq!(last.judgement.unreachable_pairs, 0);
    assert!(last.judgement.cost_ratio.expect("all are reached") < 1.3, "{last:?}");
    for (node, member) in experiment.members() {
        for neighbor in member.neighbors() {
            assert_eq!(neighbor.carrier, Carrier::Tcp, "node {node}");
            assert!(!neighbor.suspected, "node {node}");
        }
        let unmeasured = member.routes().iter().filter(|route| route.direct.is_none()).count();
        assert_eq!(unmeasured, 0, "node {node} measured everybody");
    }
}

#[test]
fn seldom_beats_on_links_alone_keep_them() {
    let cities = cities::matrix();
    let rows = cities.draw(6, Seed::from_u64(3)).expect("six cities");
    let matrix = cities.select(&rows).expect("they are there");
    let mut plan = plan();
    plan.node.periods.heartbeat = Duration::from_secs(5);
    let mut experiment = Experiment::new(plan, &matrix).expect("a configuration");
    experiment.world().set_loss(1_000_000);
    let mut suspected = 0;
    experiment.world().run_until(Time::from_secs(300), |_, _, event| {
        suspected += usize::from(matches!(event, Event::Suspected { .. }));
    });
    let carried = experiment.members().flat_map(|(_, member)| member.neighbors());
    assert!(carried.filter(|neighbor| neighbor.carrier == Carrier::Tcp).count() >= 12);
    assert_eq!(suspected, 0);
}
