//! Real processes on hosts of their own: names that move, and addresses of which the first leads nowhere.
//!
//! Needs root, `ip` and `nft`, and says so where it has them not.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use egoist_tests::namespaces::Hosts;
use egoist_tests::processes::{self, Node};

const PORT: u16 = 61_300;
const NAME: &str = "boot.egoist.test";
/// A name that moved is looked up again within 15 s, and the overlays find each other a few healing periods later.
const MOVED: Duration = Duration::from_secs(60);
/// A newcomer is linked in seconds; a dead address costs it a quarter of a second at a time.
const REACHED: Duration = Duration::from_secs(20);

/// Says why nothing is tested, on the terminal itself: the harness keeps what a passing test prints.
fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

fn hosts(count: u8) -> Option<Hosts> {
    if let Some(missing) = processes::missing() {
        skip(&missing);
        return None;
    }
    Hosts::new(count).map_err(|why| skip(&format!("it needs root, ip and nft: {why}"))).ok()
}

fn at(host: u8) -> String {
    format!("{}:{PORT}", Hosts::address(host))
}

fn start(hosts: &Hosts, verb: &str, host: u8, folder: &Path, more: &[&str]) -> Node {
    let program = hosts.command(host, &processes::binary());
    let more = [&["--network", "addresses"], more].concat();
    Node::run(program, verb, at(host), folder.join(host.to_string()), &more)
}

/// How long it takes until each of `nodes` reaches so many others.
fn until_reached(nodes: &mut [&mut Node], others: usize, limit: Duration) -> Duration {
    let begun = Instant::now();
    while nodes.iter_mut().any(|node| node.reached().is_none_or(|reached| reached.len() != others)) {
        assert!(begun.elapsed() < limit, "not all reach {others} others within {limit:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    begun.elapsed()
}

#[test]
fn a_bootstrap_whose_name_moves_divides_nobody_for_long() {
    let Some(hosts) = hosts(7) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (before, after, named) = (0, 4, format!("{NAME}:{PORT}"));
    for host in 0..7 {
        hosts.set_name(host, NAME, Hosts::address(if host < 4 { before } else { after })).unwrap();
    }
    let run = |verb: &str, host| start(&hosts, verb, host, folder.path(), &["--bootstrap", &named]);
    let mut gone = start(&hosts, "bootstrap", before, folder.path(), &[]);
    let (mut one, mut two, mut three) = (run("node", 1), run("node", 2), run("node", 3));
    until_reached(&mut [&mut one, &mut two, &mut three], 2, MOVED);
    gone.kill();
    let _bootstrap = start(&hosts, "bootstrap", after, folder.path(), &[]);
    let (mut five, mut six) = (run("node", 5), run("node", 6));
    until_reached(&mut [&mut five, &mut six], 1, MOVED);
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(one.reached().map(|reached| reached.len()), Some(2), "there are two overlays");
    for host in 1..4 {
        hosts.set_name(host, NAME, Hosts::address(after)).unwrap();
    }
    let nodes = &mut [&mut one, &mut two, &mut three, &mut five, &mut six];
    let took = until_reached(nodes, 4, MOVED);
    println!("one overlay {took:?} after the name had moved");
}

#[test]
fn nodes_whose_first_address_leads_nowhere_are_chosen_and_pinged() {
    let Some(hosts) = hosts(5) else { return };
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = at(0);
    let _bootstrap = start(&hosts, "bootstrap", 0, folder.path(), &[]);
    let dead = format!("{}:{PORT}", Hosts::address(199));
    let begun = Instant::now();
    let mut nodes: Vec<Node> = (1..5)
        .map(|host| {
            let more = ["--bootstrap", &bootstrap, "--advertise", &dead, "--advertise", &at(host)];
            start(&hosts, "node", host, folder.path(), &more)
        })
        .collect();
    until_reached(&mut nodes.iter_mut().collect::<Vec<_>>(), 3, REACHED);
    println!("all reach all {:?} after they began", begun.elapsed());
    for (node, to) in [(0, 4), (3, 1)] {
        let echo = nodes[node].ask("overlay.ping", &format!(r#""to":"{}","wait_ms":1000"#, at(to)));
        assert!(echo.is_some_and(|echo| echo["rtt_ms"].is_number()), "{to} is named by its other address");
    }
}
