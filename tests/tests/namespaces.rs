//! Real processes on hosts of their own: a link that is cut one way is gone around.

use std::io::Write as _;
use std::time::Duration;

use egoist_tests::cuts::{Cut, Overlay};
use egoist_tests::namespaces::Hosts;
use egoist_tests::processes;

const NODES: u8 = 6;
const TRIALS: usize = 3;
/// Three missed beats, four deviations and a flood take one second; the machine is shared.
const AROUND: Duration = Duration::from_secs(5);

/// Says why nothing is tested, on the terminal itself: the harness keeps what a passing test prints.
fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: a_link_cut_one_way_is_gone_around: {why}");
}

#[test]
fn a_link_cut_one_way_is_gone_around() {
    if let Some(missing) = processes::missing() {
        return skip(&missing);
    }
    let hosts = match Hosts::new(NODES + 1) {
        Ok(hosts) => hosts,
        Err(why) => return skip(&format!("it needs root, ip and nft: {why}")),
    };
    let folder = tempfile::tempdir().unwrap();
    let mut overlay = Overlay::start(hosts, NODES, folder.path());
    let cut = Cut { name: "own link, one way", link: 0, both_ways: false };
    let times: Vec<Duration> = (2..=TRIALS + 1).filter_map(|to| overlay.trial(cut, 1, to)).collect();
    assert!(!times.is_empty(), "no cut hit a path");
    assert!(times.iter().all(|time| *time < AROUND), "{times:?}");
}
