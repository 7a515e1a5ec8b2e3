//! Nodes of ours and of gossip-python in one network.

use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use egoist_core::gossip::{Config, Gossip, Kind};
use egoist_core::kernel::Seed;
use egoist_mio::gossip::ClientError;
use egoist_tests::module::{Module, UNBOUNDED, say};
use egoist_tests::own_gossip::Own;
use egoist_tests::real_gossip::RealGossip;

const TYPE: u16 = 600;
/// Longer than what nobody asks for is waited for before a connection is closed.
const STILL: Duration = Duration::from_secs(4);
/// How often ours comes and goes.
const RETURNS: usize = 5;

fn auto(seed: u64) -> Config {
    Config::auto(Seed::from_u64(seed))
}

fn has_compatible(count: usize) -> impl Fn(&Gossip) -> bool + Copy + Send + 'static {
    move |node| node.peers().filter(|peer| peer.kind == Kind::Compatible).count() == count
}

#[test]
fn what_is_announced_anywhere_is_heard_everywhere_once() {
    let Some(gossip) = RealGossip::mesh(2) else { return };
    let real = gossip.peer_addr(0);
    let ours =
        [auto(1), Config::compatible(Seed::from_u64(2)), auto(3)].map(|config| Own::start(config, &[real]));
    // Who hears of a node dials it, so that each of ours has a link with each real one.
    for node in [&ours[0], &ours[2]] {
        node.until("a link with both real nodes", |node| {
            node.peers().filter(|peer| peer.kind == Kind::Compatible).count() >= 2
        });
    }
    let apis = [0, 1].map(|node| gossip.api_addr(node)).into_iter().chain(ours.iter().map(|node| node.api));
    let mut modules: Vec<Module> = apis.map(|api| Module::new(api, &[TYPE])).collect();
    let mut times = Vec::new();
    for round in 0..4 {
        for from in 0..modules.len() {
            let data = format!("{round} from {from}").into_bytes();
            let begin = Instant::now();
            modules[from].sender.announce(UNBOUNDED, TYPE, &data).unwrap();
            for (at, module) in modules.iter_mut().enumerate().filter(|(at, _)| *at != from) {
                assert_eq!(module.accept(TYPE).unwrap(), data, "at {at}");
            }
            times.push(begin.elapsed());
        }
    }
    times.sort_unstable();
    say(&format!(
        "five modules have heard after {:.1?}, {:.1?} at most",
        times[times.len() / 2],
        times[times.len() - 1]
    ));
}

#[test]
fn ours_between_two_real_ones_passes_on_what_its_module_finds_valid_and_nothing_else() {
    let Some(mut gossip) = RealGossip::mesh(1) else { return };
    let ours = Own::start(auto(1), &[gossip.peer_addr(0)]);
    ours.until("a link with the first", has_compatible(1));
    let end = gossip.leaf(ours.peers);
    ours.until("a link with both", has_compatible(2));
    let speaker = Module::new(gossip.api_addr(0), &[]);
    let mut middle = Module::new(ours.api, &[TYPE]);
    let mut last = Module::new(gossip.api_addr(end), &[TYPE]);
    for round in 0..20 {
        let (evil, good) = (format!("evil {round}"), format!("good {round}"));
        speaker.sender.announce(UNBOUNDED, TYPE, evil.as_bytes()).unwrap();
        let wrong = middle.hear(TYPE).unwrap();
        assert_eq!(wrong.data, evil.as_bytes());
        middle.sender.reject(wrong.id).unwrap();
        speaker.sender.announce(UNBOUNDED, TYPE, good.as_bytes()).unwrap();
        assert_eq!(middle.accept(TYPE).unwrap(), good.as_bytes());
        assert_eq!(last.accept(TYPE).unwrap(), good.as_bytes());
    }
    let counters = ours.ask(Gossip::counters);
    assert_eq!((counters.valid, counters.invalid, counters.misbehaved), (20, 20, 0));
}

#[test]
fn ours_comes_and_goes_and_the_real_ones_stay_whole() {
    let Some(mut gossip) = RealGossip::mesh(2) else { return };
    let (first, second) = (gossip.peer_addr(0), gossip.peer_addr(1));
    let mut address = None;
    for seed in 0..RETURNS {
        let config = auto(seed as u64);
        let ours = match address {
            None => Own::start(config, &[first, second]),
            Some(address) => Own::start_at(address, config, &[first, second]),
        };
        address = Some(ours.peers);
        ours.until("a link with both", has_compatible(2));
    }
    // The end of a connection is told with the next one: a module's.
    let mut modules = [0, 1].map(|node| Module::new(gossip.api_addr(node), &[TYPE]));
    [0, 1].into_iter().for_each(|node| gossip.linked(node, 2));
    modules[0].sender.announce(UNBOUNDED, TYPE, b"still here").unwrap();
    assert_eq!(modules[1].accept(TYPE).unwrap(), b"still here");
    modules[0].notifications.set_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(matches!(modules[0].hear(TYPE), Err(ClientError::Silence)), "who announced is not told");
}

/// Its part for peers ends when it comes to a request whose connection is no more.
#[test]
fn ours_leaves_a_real_node_that_stands_still_and_it_goes_on_whole() {
    let Some(mut gossip) = RealGossip::mesh(2) else { return };
    gossip.pause(0);
    let ours = Own::start(auto(1), &[gossip.peer_addr(0)]);
    ours.until("a link", has_compatible(1));
    let leaving = spawn(move || drop(ours));
    sleep(STILL);
    gossip.resume(0);
    leaving.join().unwrap();
    let mut modules = [0, 1].map(|node| Module::new(gossip.api_addr(node), &[TYPE]));
    modules[1].sender.announce(UNBOUNDED, TYPE, b"still here").unwrap();
    assert_eq!(modules[0].accept(TYPE).unwrap(), b"still here");
    assert_eq!(gossip.died(0), [""; 0]);
}

#[test]
fn a_burst_reaches_a_real_node_whole() {
    let Some(gossip) = RealGossip::keeping(1_000) else { return };
    let gossip = gossip.with_mesh(1);
    let ours = Own::start(auto(1), &[gossip.peer_addr(0)]);
    ours.until("a link", has_compatible(1));
    let mut listener = Module::new(gossip.api_addr(0), &[TYPE]);
    let speaker = Module::new(ours.api, &[]);
    let data = |serial: u16| {
        let mut data = vec![0; if serial.is_multiple_of(10) { 6_000 } else { 72 }];
        data[..2].copy_from_slice(&serial.to_be_bytes());
        data
    };
    for serial in 0..100 {
        speaker.sender.announce(UNBOUNDED, TYPE, &data(serial)).unwrap();
    }
    for serial in 0..100 {
        assert!(listener.accept(TYPE).unwrap() == data(serial), "{serial}");
    }
}
