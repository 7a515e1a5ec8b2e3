//! That lies are told as they are called, and that the oracles see what they do.

use alloc::string::ToString;

use super::*;
use crate::kernel::Time;
use crate::sim::faults::{Action, Agenda};
use crate::sim::scenario::Watch as _;

/// Five nodes, and a liar that lies about the second a minute later, to the first where it is told to one alone.
fn with(lie: Lie) -> Scenario {
    let told = Step::Order { node: 1, order: Order::Suffer { lie, to: 0 } };
    let wait = |secs| Step::Fault(Action::Wait { time: Duration::from_secs(secs) });
    let steps = vec![wait(60), told, wait(40)];
    Scenario { seed: 3, joins: vec![Duration::ZERO; 5], steps, ..Scenario::calm() }
}

/// A world of these nodes after so long, without lies.
fn after(scenario: &Scenario, time: Duration) -> (World<Neighbor>, Watch) {
    let (mut world, mut watch) = (scenario.world(), Watch::default());
    let mut agenda = Agenda::new(<Plan as scenario::Protocol>::hubs);
    watch.pass(scenario, &mut world, &mut agenda, time).unwrap();
    (world, watch)
}

#[test]
fn orders_and_plans_are_written_and_read() {
    for lie in Lie::ALL {
        let order = Order::Suffer { lie, to: 3 };
        assert_eq!(order.to_string().parse(), Ok(order));
        for seed in 0..20 {
            let scenario = Scenario::of(lie, seed);
            assert_eq!(scenario.to_string().parse(), Ok(scenario));
        }
    }
    assert_eq!("leave".parse(), Ok(Order::Leave));
    for text in ["suffer", "suffer nothing 1", "suffer beats", "leave 1"] {
        assert_eq!(text.parse::<Order>(), Err(NotAnOrder(text.to_string())));
    }
    let read = |text: &str| text.parse::<Scenario>().map_err(|error| error.to_string());
    assert!(read("joins 0s 0s\ntell 0 suffer beats 3\n").is_ok());
    assert_eq!(read("joins 0s 0s\ntell 0 suffer beats 4\n"), Err("there is no node 4".to_string()));
    assert_eq!(read("joins 0s\nliar honest\n"), Err("line 2 is not understood: \"liar honest\"".to_string()));
}

#[test]
fn a_liar_that_says_nothing_is_a_node_like_any_other() {
    let scenario = Scenario { steps: Vec::new(), ..with(Lie::Beats) };
    let (mut world, mut watch) = after(&scenario, Duration::from_secs(60));
    let links =
        |world: &World<Neighbor>| world.machine(scenario.liar()).map(|liar| liar.overlay().neighbors().len());
    assert_eq!(links(&world), Some(5), "next to everybody");
    assert!(Lie::ALL.into_iter().all(|lie| watch.told(lie) == 0));
    assert_eq!(scenario.honest(&world).len(), 5);
    watch.recovered(&scenario, world.now());
    let mut agenda = Agenda::new(<Plan as scenario::Protocol>::hubs);
    watch.pass(&scenario, &mut world, &mut agenda, scenario.settling()).unwrap();
    assert_eq!(links(&world), None, "it has ended");
    assert_eq!(scenario.judge(&world), Ok(()));
}

/// All but false answers to probes: everybody is a neighbour of the liar, and nobody is probed.
#[test]
fn every_lie_is_told() {
    for lie in Lie::ALL.into_iter().filter(|lie| !matches!(lie, Lie::Revival | Lie::Pongs)) {
        let mut watch = Watch::default();
        let _ = with(lie).run_watched(&mut watch);
        assert!(watch.told(lie) > 0, "{lie:?}");
    }
    let told = |lie| {
        let mut watch = Watch::default();
        (0..8).for_each(|seed| _ = Scenario::of(lie, seed).run_watched(&mut watch));
        watch.told(lie)
    };
    assert!(told(Lie::Revival) > 0 && told(Lie::Pongs) > 0);
}

#[test]
fn who_has_left_is_no_member() {
    let leave = Step::Order { node: 4, order: Order::Leave };
    let wait = Step::Fault(Action::Wait { time: Duration::from_secs(30) });
    let scenario = Scenario { steps: vec![wait, leave], ..with(Lie::Beats) };
    let (world, _) = after(&scenario, Duration::from_secs(10));
    assert_eq!(scenario.honest(&world).iter().map(|(node, _)| *node).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(scenario.run().err().map(|why| why.to_string()), None);
}

/// What a liar can do until there are identities: it has a node's place, and after its end the node has it again.
#[test]
fn a_usurper_has_the_place_of_its_victim() {
    let scenario = with(Lie::Usurpation);
    let (mut world, _) = after(&scenario, Duration::from_secs(60));
    let since = |world: &World<Neighbor>| {
        let id = world.machine(1)?.overlay().id()?;
        let neighbors = world.machine(0)?.overlay().neighbors();
        neighbors.into_iter().find(|n| n.id == id).map(|n| n.since)
    };
    let before = since(&world);
    <Plan as scenario::Protocol>::order(
        &scenario,
        &mut world,
        1,
        &Order::Suffer { lie: Lie::Usurpation, to: 0 },
    );
    world.run_until(Time::from_secs(65), |_, _, _| ());
    assert!(since(&world) > before, "{before:?}");
    assert!(scenario.run().is_ok());
}
