//! The fuzz corpora, run on the compiler that the product is built with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use egoist_core::overlay::scenario::{self, Scenario};
use egoist_core::overlay::wire::{self, Packet, checks};
use egoist_core::sim::faults::Action;

/// The files of a target's corpus, name and octets, in the order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "{target}: the corpus has {} files", files.len());
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).unwrap())).collect()
}

fn replay(target: &str, check: fn(&[u8])) {
    for (file, octets) in corpus(target) {
        let held = std::panic::catch_unwind(|| check(&octets));
        assert!(held.is_ok(), "{}", file.display());
    }
}

#[test]
fn overlay_wire() {
    replay("overlay_wire", checks::line);
}

#[test]
fn overlay_datagram() {
    replay("overlay_datagram", checks::datagram);
}

#[test]
fn overlay_seg() {
    replay("overlay_seg", checks::segments);
}

#[test]
fn overlay_actions() {
    replay("overlay_actions", scenario::check);
}

#[test]
fn overlay_actions_has_every_fault() {
    let scenarios: Vec<Scenario> =
        corpus("overlay_actions").iter().map(|(_, octets)| Scenario::decoded(octets)).collect();
    let word = |action: &Action| action.to_string().split(' ').next().map(str::to_owned);
    let words: BTreeSet<String> = scenarios.iter().flat_map(Scenario::faults).filter_map(word).collect();
    let all = [
        "block",
        "bursts",
        "churn",
        "coarse",
        "cut",
        "drift",
        "duplicates",
        "early",
        "flap",
        "freeze",
        "halt",
        "heal",
        "hubs",
        "kill",
        "loss",
        "move",
        "narrow",
        "oversleep",
        "partition",
        "reordering",
        "restart",
        "sever",
        "slow",
        "starve",
        "step",
        "thaw",
        "translate",
        "wait",
    ];
    assert_eq!(words, all.map(str::to_owned).into());
}

#[test]
fn overlay_wire_has_every_word() {
    let packets =
        corpus("overlay_wire").into_iter().filter_map(|(_, octets)| wire::read(&Bytes::from(octets)).ok());
    let words: BTreeSet<String> = packets
        .filter(|packet| !matches!(packet, Packet::Unknown(_)))
        .map(|packet| packet.word().to_owned())
        .collect();
    let all = [
        "ASK", "DAT", "HB", "LNK", "NACK", "NET", "OVER", "PING", "PONG", "REG", "RMV", "SEG", "SUM", "TRD",
        "UPT",
    ];
    assert_eq!(words, all.map(str::to_owned).into());
}
