//! That scenarios do what they say, and that the grammar reaches every kind of them.

use alloc::collections::BTreeMap;

use super::ledger::Ledger;
use super::*;
use crate::kernel::{Streams, Time};
use crate::overlay::event::{Event, Reply};
use crate::sim::faults::Action;
use crate::sim::scenario::{Departure, Protocol as _, Step, Terrain};
use crate::sim::{Condition, Kind};

fn of(nodes: usize) -> Scenario {
    Scenario { seed: 7, joins: vec![Duration::ZERO; nodes], ..Scenario::calm() }
}

/// The same, set up in another way.
fn planned(nodes: usize, plan: Plan) -> Scenario {
    Scenario { plan, ..of(nodes) }
}

#[test]
fn a_calm_overlay_holds_within_seconds() {
    let held = of(5).run().unwrap();
    assert!(held.after > Duration::ZERO && held.after < Duration::from_secs(30), "{held:?}");
}

#[test]
fn nodes_that_have_not_met_are_judged_so() {
    let mut world = of(4).world();
    world.run_until(Time::from_millis(20), |_, _, _| ());
    assert!(matches!(of(4).judge(&world), Err(Difference::Missing { .. })), "{:?}", of(4).judge(&world));
    world.run_until(Time::from_secs(60), |_, _, _| ());
    assert_eq!(of(4).judge(&world), Ok(()));
    assert_eq!(frames(&world), (0..5).map(|node| world.counters(node).frames).sum::<u64>());
    assert!(frames(&world) > 100);
}

#[test]
fn how_long_oracles_may_take_depends_on_the_ring() {
    let settling = |k, links| planned(3, Plan { k, links, ..Plan::default() }).settling().as_secs();
    assert_eq!(settling(1, LinkMode::Directed), 360);
    assert_eq!(settling(1, LinkMode::Mutual), 120);
    assert_eq!(settling(2, LinkMode::Directed), 120);
}

#[test]
fn rules_follow_the_policy() {
    let rules = |policy| planned(3, Plan { policy, ..Plan::default() }).rules();
    assert_eq!(
        (rules(PolicyKind::BestResponse).k, rules(PolicyKind::BestResponse).connects),
        (Some(2), true)
    );
    assert_eq!((rules(PolicyKind::FullMesh).k, rules(PolicyKind::FullMesh).connects), (None, true));
    assert!(!rules(PolicyKind::KRandom).connects);
}

#[test]
fn a_storm_is_more_than_so_many_frames_for_each_pair() {
    assert_eq!(of(1).check_storm(1_200), Ok(()));
    assert_eq!(of(1).check_storm(1_201), Err(Difference::Storm { frames: 1_201 }));
    assert_eq!(of(4).check_storm(7_500), Ok(()));
    assert_eq!(of(4).check_storm(7_501), Err(Difference::Storm { frames: 7_501 }));
}

#[test]
fn what_a_scenario_asks_for_happens() {
    let quiet = of(4);
    let ids = |scenario: &Scenario| {
        let mut world = scenario.world();
        world.run_until(Time::from_secs(5), |_, _, _| ());
        let id = |node| world.machine(node).and_then(Overlay::id);
        ((0..4).map(id).collect::<Vec<_>>(), *world.tally())
    };
    let (drawn, tally) = ids(&quiet);
    assert_eq!(tally.of(Kind::Loss), 0);
    let configured = (0..4).map(|node| Some(configured_id(node))).collect::<Vec<_>>();
    assert_ne!(drawn, configured);
    assert_eq!(ids(&planned(4, Plan { configured_ids: true, ..Plan::default() })).0, configured);
    assert!(ids(&Scenario { loss_per_million: 300_000, ..quiet.clone() }).1.of(Kind::Loss) > 0);
    assert_eq!(tally.of(Kind::Offset), 0);
    assert!(ids(&Scenario { clocks: Duration::from_secs(60), ..quiet }).1.of(Kind::Offset) > 0);
}

#[test]
fn delays_vary_where_a_scenario_says_so() {
    let deviations = |jitter| {
        let mut world = Scenario { jitter, ..of(4) }.world();
        world.run_until(Time::from_secs(60), |_, _, _| ());
        let neighbors = world.machine(0).unwrap().neighbors();
        neighbors.iter().map(|n| n.deviation.unwrap()).max().unwrap()
    };
    assert!(deviations(Duration::ZERO) < Duration::from_micros(100));
    assert!(deviations(Duration::from_millis(50)) > Duration::from_millis(5));
}

/// Beats go another way than connections: that one of them is dead, the network alone can tell.
#[test]
fn a_connection_without_an_answer_is_given_up() {
    let mut world = of(2).world();
    world.run_until(Time::from_secs(60), |_, _, _| ());
    let since = |world: &World<Overlay>| world.machine(0).unwrap().neighbors()[0].since;
    let before = since(&world);
    world.sever(0, 1);
    world.run_until(Time::from_secs(200), |_, _, _| ());
    assert!(since(&world) > before);
}

#[test]
fn members_are_those_who_run_and_are_to_stay() {
    let scenario = Scenario { departures: vec![(1, Departure::Kill), (2, Departure::Leave)], ..of(4) };
    let mut world = scenario.world();
    world.run_until(Time::from_secs(5), |_, _, _| ());
    let numbers = |world: &World<Overlay>| scenario.members(world).iter().map(|m| m.0).collect::<Vec<_>>();
    assert_eq!(numbers(&world), [0, 3]);
    scenario.depart(&mut world);
    world.run_until(Time::from_secs(10), |_, _, _| ());
    let links = |node| world.machine(node).map(|overlay| overlay.neighbors().len());
    assert_eq!((world.condition(1), links(2)), (Condition::Down, Some(0)));
    assert!(links(3) > Some(0));
    world.kill(0);
    assert_eq!(numbers(&world), [3]);
}

#[test]
fn a_payload_that_is_ordered_arrives() {
    let (scenario, mut world) = (of(3), of(3).world());
    world.run_until(Time::from_secs(60), |_, _, _| ());
    for order in ["send 2 1500", "send 3 16", "send 1 0"] {
        Plan::order(&scenario, &mut world, 0, &order.parse().unwrap());
    }
    let mut arrived = Vec::new();
    world.run_until(Time::from_secs(70), |_, node, event| {
        if let Event::Delivered { payload, .. } = event {
            arrived.push((node, payload.len()));
        }
    });
    arrived.sort_unstable();
    assert_eq!(arrived, [(1, 0), (2, 1_500), (3, 16)], "the bootstrap is a node as well");
    world.kill(2);
    Plan::order(&scenario, &mut world, 0, &Order::Send { to: 2, octets: 1 });
    assert_eq!(world.machine(0).map(|node| node.id().is_some()), Some(true));
}

#[test]
fn hubs_are_those_whom_most_have_chosen() {
    let mut world = of(8).world();
    world.run_until(Time::from_secs(120), |_, _, _| ());
    let choosers = |node: usize| {
        let neighbors = world.machine(node).unwrap().neighbors();
        neighbors.iter().filter(|n| n.theirs == Theirs::Chosen).count()
    };
    let order = most_chosen(&world);
    assert_eq!(order.iter().copied().collect::<alloc::collections::BTreeSet<_>>(), (0..8).collect());
    assert!(order.is_sorted_by_key(|node| core::cmp::Reverse(choosers(*node))), "{order:?}");
    assert!(choosers(order[0]) > choosers(order[7]));
}

#[test]
fn payloads_go_around_what_is_cut_and_not_to_who_is_cut_off() {
    let ring = planned(4, Plan { k: 3, ..Plan::default() });
    let mut world = ring.world();
    world.run_until(Time::from_secs(120), |_, _, _| ());
    world.cut(0, 1);
    world.cut(1, 0);
    assert_eq!(ring.deliver(&mut world, &mut Watch::default()), Ok(()));
    for other in [0, 1, 3] {
        world.cut(other, 2);
        world.cut(2, other);
    }
    assert_eq!(
        ring.deliver(&mut world, &mut Watch::default()),
        Err(Difference::Undelivered { from: 0, to: 2 })
    );
}

#[test]
fn everybody_who_runs_sends_each_second() {
    let mut world = of(3).world();
    of(3).chatter(&mut world, &mut Ledger::default());
    world.run_until(Time::from_secs(60), |_, _, _| ());
    let mut heard = BTreeMap::new();
    for _ in 0..6 {
        of(3).chatter(&mut world, &mut Ledger::default());
        world.run_until(world.now() + Duration::from_secs(1), |_, node, event| {
            if let Event::Delivered { payload, .. } = event {
                *heard.entry((node, payload.len())).or_insert(0) += 1;
            }
        });
    }
    let each = [(0, 16), (0, 1_500), (1, 16), (1, 1_500), (2, 16), (2, 1_500)].map(|key| (key, 3));
    assert_eq!(heard, BTreeMap::from(each));
}

/// How often each answer comes, in percent of 20,000 drawn scenarios.
fn shares<K: Ord>(scenarios: &[Scenario], of: impl Fn(&Scenario) -> K) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for scenario in scenarios {
        *counts.entry(of(scenario)).or_insert(0) += 1;
    }
    counts.values_mut().for_each(|count| *count = (*count * 100 + scenarios.len() / 2) / scenarios.len());
    counts
}

#[track_caller]
fn assert_near<K: Ord + core::fmt::Debug>(shares: &BTreeMap<K, usize>, expected: &[(K, usize)]) {
    assert!(shares.keys().eq(expected.iter().map(|(key, _)| key)), "{shares:?}");
    assert!(expected.iter().all(|(key, share)| shares[key].abs_diff(*share) <= 2), "{shares:?}");
}

#[test]
fn the_grammar_reaches_every_kind_of_scenario() {
    let mut rng = Streams::new(Seed::from_u64(1)).named("grammar");
    let drawn: Vec<Scenario> = (0..20_000).map(|_| Scenario::drawn(&mut rng, 2)).collect();
    let sizes = shares(&drawn, |s| match s.nodes() {
        3..=5 => 0,
        6..=9 => 1,
        10..=16 => 2,
        17..=24 => 3,
        more => panic!("{more} nodes"),
    });
    assert_near(&sizes, &[(0, 56), (1, 34), (2, 6), (3, 3)]);
    assert_eq!(shares(&drawn, Scenario::nodes).into_keys().collect::<Vec<_>>(), (3..=24).collect::<Vec<_>>());
    assert_near(&shares(&drawn, |s| s.plan.k), &[(1, 25), (2, 25), (3, 25), (4, 25)]);
    let policies = shares(&drawn, |s| match s.plan.policy {
        PolicyKind::BestResponse => 0,
        PolicyKind::KRandom => 1,
        PolicyKind::FullMesh => 2,
        PolicyKind::Watch => panic!("nobody watches"),
    });
    assert_near(&policies, &[(0, 80), (1, 10), (2, 10)]);
    let terrains = [Terrain::Plane, Terrain::Symmetric, Terrain::Asymmetric, Terrain::Lan];
    let terrain = |s: &Scenario| terrains.iter().position(|t| *t == s.terrain);
    assert_near(&shares(&drawn, terrain), &[0, 1, 2, 3].map(|terrain| (Some(terrain), 25)));
    assert_near(&shares(&drawn, |s| s.plan.links == LinkMode::Mutual), &[(false, 50), (true, 50)]);
    assert_near(&shares(&drawn, |s| s.plan.configured_ids), &[(false, 50), (true, 50)]);
    let stands = shares(&drawn, |s| match s.plan.stands {
        None => 0,
        Some(Standing::Blocked { .. }) => 1,
        Some(Standing::Narrow { from, to, .. }) => 2 + usize::from(from == to),
        Some(Standing::Moved { .. }) => 4,
        Some(Standing::Translated { .. }) => 5,
    });
    assert_near(&stands, &[(0, 20), (1, 20), (2, 20), (4, 20), (5, 20)]);
    assert_near(&shares(&drawn, |s| s.plan.hashes == 0), &[(false, 75), (true, 25)]);
    assert_near(&shares(&drawn, |s| s.clocks.is_zero()), &[(false, 25), (true, 75)]);
    assert_near(&shares(&drawn, |s| s.jitter.is_zero()), &[(false, 50), (true, 50)]);
    assert_near(&shares(&drawn, |s| s.loss_per_million == 0), &[(false, 50), (true, 50)]);
}

#[test]
fn the_grammar_uses_the_whole_range_of_each_number() {
    let mut rng = Streams::new(Seed::from_u64(2)).named("grammar");
    let drawn: Vec<Scenario> = (0..20_000).map(|_| Scenario::drawn(&mut rng, 1)).collect();
    let most = |of: fn(&Scenario) -> u64| drawn.iter().map(of).max().unwrap();
    assert!((4_900..=5_000).contains(&most(|s| u64::try_from(s.jitter.as_micros()).unwrap())));
    assert!((49_000..=50_000).contains(&most(|s| s.loss_per_million.into())));
    let spread = most(|s| u64::try_from(s.joins.iter().max().unwrap().as_millis()).unwrap());
    assert!((9_500..=10_000).contains(&spread), "{spread}");
    let seeds = |bits: fn(u64) -> u64| {
        drawn.iter().map(|s| bits(s.seed)).collect::<alloc::collections::BTreeSet<_>>().len()
    };
    assert!(seeds(|seed| seed >> 16) > 10_000 && seeds(|seed| seed & 0xffff) > 10_000);
    // The bootstrap, the last, has faults as well.
    let faulty = drawn.iter().filter(|s| s.steps.iter().filter_map(Step::last_node).any(|n| n == s.nodes()));
    assert!(faulty.count() > 1_000);
}

#[test]
fn nodes_are_reached_at_whichever_of_their_addresses_answers() {
    let steps = vec![Step::Fault(Action::Wait { time: Duration::from_secs(60) })];
    let stale =
        (0..5).flat_map(|node| [(node, Stale::Silent), (node, Stale::Refused), (node, Stale::Silent)]);
    let scenario =
        Scenario { steps: steps.clone(), ..planned(5, Plan { stale: stale.collect(), ..Plan::default() }) };
    let held = scenario.run().unwrap();
    assert!(held.after < Duration::from_secs(30), "{held:?}");
    assert!(held.tally.of(Kind::Nowhere) > 20, "{held:?}");
    assert_eq!(Scenario { steps, ..of(5) }.run().unwrap().tally.of(Kind::Nowhere), 0);
}

/// Three nodes: each is linked with both others.
#[test]
fn one_who_has_moved_and_says_so_makes_its_links_anew_at_once() {
    let scenario = Scenario { terrain: Terrain::Lan, ..of(3) };
    let mut world = scenario.world();
    world.run_until(Time::from_secs(60), |_, _, _| ());
    world.move_away(1, sim::Sockets::Any);
    world.run_until(Time::from_millis(61_100), |_, _, _| ());
    let there = vec![sim::elsewhere(1, sim::BASE_PORT)];
    assert_eq!(world.command(1, Command::Advertise(there)), Some(Ok(Reply::Noted)));
    world.run_until(Time::from_secs(68), |_, _, _| ());
    assert!(scenario.ways(&world).all(|way| way.listed));
}

#[test]
fn one_who_has_moved_and_says_so_is_looked_for_where_it_is() {
    let sought_at_home = |addresses: Option<Vec<SocketAddr>>| {
        let mut world = Scenario { terrain: Terrain::Lan, ..of(5) }.world();
        world.run_until(Time::from_secs(60), |_, _, _| ());
        world.move_away(1, sim::Sockets::Any);
        world.run_until(Time::from_secs(65), |_, _, _| ());
        if let Some(addresses) = addresses {
            assert_eq!(world.command(1, Command::Advertise(addresses)), Some(Ok(Reply::Noted)));
        }
        world.run_until(Time::from_secs(90), |_, _, _| ());
        let before = world.tally().of(Kind::Moved);
        world.run_until(Time::from_secs(240), |_, _, _| ());
        let unreached = world.machine(1).map(|node| node.status().unreached);
        (world.tally().of(Kind::Moved) - before, unreached)
    };
    let (sought, _) = sought_at_home(None);
    assert!(sought > 0);
    let there = vec![sim::elsewhere(1, sim::BASE_PORT)];
    assert_eq!(sought_at_home(Some(there)), (0, Some(false)));
}

/// Eight nodes: four found the bootstrap when its name stood for the one that is gone, four where it stands for another.
#[test]
fn a_bootstrap_whose_name_moves_divides_nobody_for_long() {
    let (before, after) = (8, 9);
    let bootstrap_of = move |node| if node < 4 { before } else { after };
    let mut world: World<Overlay> =
        World::new(sim::Config::default(), |_: usize, _: usize| 10_000, Seed::from_u64(3));
    for node in 0..8 {
        world.add(move |boot: Boot| {
            let bootstraps = vec![sim::address(bootstrap_of(node))];
            Overlay::new(Config { bootstraps, ..of(8).config(boot.seed, boot.address) }).unwrap()
        });
    }
    for _ in [before, after] {
        world.add(|boot: Boot| {
            let config = of(8).config(boot.seed, boot.address);
            Overlay::new(Config { bootstraps: Vec::new(), ..config }.watching()).unwrap()
        });
    }
    let knows = |world: &World<Overlay>, node| world.machine(node).map(|n| n.nodes().len());
    (0..4).chain([before]).for_each(|node| world.start(node, Time::ZERO));
    world.run_until(Time::from_secs(90), |_, _, _| ());
    world.kill(before);
    (4..8).chain([after]).for_each(|node| world.start(node, Time::from_secs(90)));
    world.run_until(Time::from_secs(150), |_, _, _| ());
    assert_eq!((knows(&world, 0), knows(&world, 7)), (Some(4), Some(4)), "two overlays");
    let whole = (0..600).find(|_| {
        let mut seek = Vec::new();
        let at = world.now() + Duration::from_millis(100);
        world.run_until(at, |_, node, event| seek.extend((event == Event::Seeking).then_some(node)));
        for node in seek.into_iter().filter(|node| *node < 4) {
            let _ = world.command(node, Command::Bootstraps(vec![sim::address(after)]));
        }
        (0..8).all(|node| knows(&world, node) == Some(8))
    });
    assert!(whole.is_some_and(|tenths| tenths < 200), "one again within 20 s of looking: {whole:?}");
}

/// Hosts of one network, with jitter as large as the delays: what one choice gains over another there is noise.
#[test]
fn an_overlay_on_one_network_settles() {
    let minute = Duration::from_secs(60);
    let jitter = Duration::from_micros(300);
    for links in [LinkMode::Mutual, LinkMode::Directed] {
        let mut world = Scenario {
            terrain: Terrain::Lan,
            jitter,
            ..planned(20, Plan { k: 3, links, ..Plan::default() })
        }
        .world();
        world.run_until(Time::ZERO + minute * 10, |_, _, _| ());
        let mut rewired = 0;
        world.run_until(Time::ZERO + minute * 15, |_, _, event| {
            rewired += usize::from(matches!(event, Event::Rewired { .. }));
        });
        assert!(rewired <= 10, "{links:?}: {rewired} rewirings in five minutes");
    }
}
