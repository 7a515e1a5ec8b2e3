//! What small overlays put out, as hashes that a refactoring may not change.

#[path = "trace/world.rs"]
mod world;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use egoist_core::overlay::{LinkMode, Overlay};
use egoist_core::sim::Trace;

/// Each with mutual and with directed links.
const SEEDS: u64 = 8;

/// The hash of every output of every node, and how many there were.
fn traced(seed: u64, links: LinkMode) -> (u64, usize) {
    let seen = Rc::new(RefCell::new((Trace::new(), 0)));
    let shared = Rc::clone(&seen);
    let mut world =
        world::world(seed, move |boot| Overlay::new(world::config(boot, links)).expect("a configuration"));
    world.observe(move |now, node, output| {
        let (trace, count) = &mut *shared.borrow_mut();
        trace.add(now, node, output);
        *count += 1;
    });
    world::live(&mut world);
    let (trace, count) = &*seen.borrow();
    (trace.hash(), *count)
}

#[test]
fn a_refactoring_changes_no_output() {
    let mut hashes = String::from("links    seed  outputs             hash\n");
    for (name, links) in [("mutual", LinkMode::Mutual), ("directed", LinkMode::Directed)] {
        for seed in 0..SEEDS {
            let (hash, count) = traced(seed, links);
            writeln!(hashes, "{name:<8} {seed:>4} {count:>8} {hash:016x}").unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/hashes.txt");
    if std::env::var_os("EGOIST_BLESS").is_some() {
        fs::write(&path, &hashes).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(
        committed == hashes,
        "the overlay puts out something else than before:\n{hashes}\nand before:\n{committed}\nIf that is wanted, accept \
         it with EGOIST_BLESS=1 cargo test -p egoist-tests --test trace, and say in the commit what changed and why."
    );
}
