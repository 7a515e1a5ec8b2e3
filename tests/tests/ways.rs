//! Real processes on hosts of their own, and ways that carry some packets and not others.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use egoist_tests::cuts::Overlay;
use egoist_tests::namespaces::Hosts;
use egoist_tests::probing::Prober;
use egoist_tests::processes::{self, Node};

const NODES: u8 = 5;
/// Before anything goes wrong: beats, measurements and a decision or two.
const REST: Duration = Duration::from_secs(10);
/// What is promised, doubled: the machine is shared.
const UNBLOCKED: Duration = Duration::from_secs(8);
const AROUND: Duration = Duration::from_secs(20);
const UNLISTED: Duration = Duration::from_secs(4);
/// A moved node that listens everywhere is known where it is.
const FOUND: Duration = Duration::from_secs(10);
/// For so long a moved node is looked at.
const WATCHED: Duration = Duration::from_secs(100);
/// Nothing takes longer than this, or it never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// An overlay at rest; or why nothing is tested, on the terminal itself: the harness keeps what a passing test prints.
fn overlay(name: &str, folder: &Path, start: fn(Hosts, u8, &Path) -> Overlay) -> Option<Overlay> {
    let hosts = match processes::missing() {
        Some(missing) => Err(missing),
        None => Hosts::new(NODES + 1).map_err(|why| format!("it needs root, ip and nft: {why}")),
    };
    match hosts {
        Ok(hosts) => {
            let overlay = start(hosts, NODES, folder);
            std::thread::sleep(REST);
            Some(overlay)
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {name}: {why}");
            None
        }
    }
}

/// Says a figure on the terminal.
fn say(what: &str, time: Option<Duration>) {
    let _ = writeln!(std::io::stderr(), "{what}: {time:?}");
}

#[test]
fn datagrams_that_are_blocked_are_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut overlay) = overlay("blocked", folder.path(), Overlay::start) else { return };
    let mut probers: Vec<Prober> = [1, 3, 4, 5]
        .map(|from| {
            let to = overlay.node(2).address.clone();
            Prober::new(&overlay.node(from).folder, &to).unwrap()
        })
        .into();
    probers.iter_mut().for_each(|prober| prober.run(Duration::from_millis(600)));
    overlay.hosts().block_datagrams(2).unwrap();
    let since = Instant::now();
    let time = probers.iter_mut().map(|prober| prober.recovery(since, PATIENCE)).max().unwrap();
    say("datagrams to a host blocked, until all reach it", time);
    assert!(time.is_some_and(|time| time < UNBLOCKED), "{time:?}");
    let others = overlay.count() - 1;
    while since.elapsed() < UNBLOCKED * 2 {
        std::thread::sleep(Duration::from_millis(100));
        let reached = overlay.node(1).reached().map(|reached| reached.len());
        assert_eq!(reached, Some(others), "after {:?}", since.elapsed());
    }
}

#[test]
fn a_way_that_does_not_carry_full_size_packets_is_gone_around() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut overlay) = overlay("narrow", folder.path(), Overlay::start) else { return };
    let near = 1;
    let far = (2..=overlay.count()).find(|to| overlay.path(near, *to).is_some_and(|path| path.len() == 2));
    let far = far.expect("a neighbour");
    let to = overlay.node(far).address.clone();
    let mut prober = Prober::new(&overlay.node(near).folder, &to).unwrap().with_size(1_000);
    prober.run(Duration::from_millis(600));
    assert!(prober.is_steady());
    let [a, b] = [near, far].map(|host| u8::try_from(host).unwrap());
    overlay.hosts().narrow(a, b, 600).unwrap();
    overlay.hosts().narrow(b, a, 600).unwrap();
    let time = prober.recovery(Instant::now(), PATIENCE);
    say("packets above 600 octets dropped, until payloads of 1,000 octets go around", time);
    assert!(time.is_some_and(|time| time < AROUND), "{time:?}");
}

/// One that moves, and what the others make of it: who lists it, at whichever address, gets answers.
fn moved(name: &str, start: fn(Hosts, u8, &Path) -> Overlay) -> Option<[View; 4]> {
    let folder = tempfile::tempdir().unwrap();
    let mut overlay = overlay(name, folder.path(), start)?;
    let old: SocketAddr = overlay.node(2).address.parse().unwrap();
    let new = SocketAddr::new(overlay.hosts().move_away(2).unwrap(), old.port());
    let mut views = [1, 3, 4, 5].map(|node| View::of(node, [old, new]));
    let since = Instant::now();
    while since.elapsed() < WATCHED {
        views.iter_mut().for_each(|view| view.look(overlay.node(view.node), since));
        std::thread::sleep(Duration::from_millis(50));
    }
    let longest = views.iter().map(|view| view.longest).max();
    say(
        &format!("{name}: an address is gone, the longest that somebody lists it without an answer"),
        longest,
    );
    assert!(longest.is_some_and(|longest| longest < UNLISTED), "{longest:?}");
    assert!(views.iter().all(|view| view.looks > 20), "somebody did not say whom it lists");
    Some(views)
}

/// What somebody makes of one who has moved.
struct View {
    node: usize,
    addresses: [String; 2],
    looks: usize,
    /// Since when it lists it and gets no answer.
    mute: Option<Instant>,
    longest: Duration,
    /// When an answer came first from where it is now.
    found: Option<Duration>,
}

impl View {
    fn of(node: usize, addresses: [SocketAddr; 2]) -> Self {
        let addresses = addresses.map(|address| address.to_string());
        View { node, addresses, looks: 0, mute: None, longest: Duration::ZERO, found: None }
    }

    fn look(&mut self, node: &mut Node, since: Instant) {
        let began = Instant::now();
        let Some(reached) = node.reached() else { return };
        self.looks += 1;
        let listed = self.addresses.iter().find(|address| reached.contains(address));
        let ping = |to: &String| node.ask("overlay.ping", &format!(r#""to":"{to}","wait_ms":500"#)).is_some();
        if listed.is_none_or(ping) {
            self.mute = None;
            if listed == Some(&self.addresses[1]) {
                self.found.get_or_insert(since.elapsed());
            }
            return;
        }
        self.longest = self.longest.max(self.mute.get_or_insert(began).elapsed());
    }
}

#[test]
fn a_moved_address_is_listed_by_nobody_who_gets_no_answer() {
    moved("moved", Overlay::start);
}

#[test]
fn a_moved_address_is_not_listed_for_the_datagrams_that_leave_from_the_new_one() {
    let Some(views) = moved("moved, listening everywhere", Overlay::start_everywhere) else { return };
    let found: Option<Vec<Duration>> = views.iter().map(|view| view.found).collect();
    let found = found.and_then(|found| found.into_iter().max());
    say("moved, listening everywhere: until all know it where it is and get answers", found);
    assert!(found.is_some_and(|found| found < FOUND), "{found:?}");
}
