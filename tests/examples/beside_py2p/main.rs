//! py2p and ours, measured one after the other in the same way.
//!
//! ```text
//! cargo run --release -p egoist-tests --example beside_py2p
//! ```
//!
//! py2p is as shipped where it comes through a measurement, and otherwise repaired; the table says which. Broadcasts are counted
//! in bursts, short enough for py2p, from the first `send` until the last node has been told the last of them, and the
//! median of the bursts counts. Keys are got at each of three nodes in turn; a third of them is kept where it is asked for. A
//! whisper's way there and back is measured in the node of py2p itself. Real nodes are processes, ours are threads of this
//! one, each with an event loop of its own; both are on loopback.

mod ours;
mod real;

use std::time::Duration;

/// Octets of each broadcast, beside its number.
const LENGTH: usize = 32;
/// Broadcasts in a burst.
const BURST: usize = 200;
/// The same where each is told to nine others.
const SMALL_BURST: usize = 20;
const BURSTS: usize = 15;
const WHISPERS: usize = 1_000;
const GETS: usize = 30;
/// Between what is measured and what is measured next.
const PAUSE: Duration = Duration::from_millis(300);

/// The one in the middle.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// What py2p does and in which state, as shipped if it can be.
fn of_py2p(measure: impl Fn(&[&str]) -> Option<f64>) -> Option<(f64, &'static str)> {
    let shipped = measure(&["--as-shipped"]).map(|it| (it, "as shipped"));
    shipped.or_else(|| measure(&[]).map(|it| (it, "repaired")))
}

fn row(what: &str, unit: &str, is_rate: bool, py2p: Option<(f64, &str)>, ours: f64) {
    let Some((real, state)) = py2p else {
        return println!("| {what} | does not come through | {} {unit} | |", stated(ours));
    };
    let ratio = if is_rate { ours / real } else { real / ours };
    println!("| {what} | {} {unit}, {state} | {} {unit} | {ratio:.0} |", stated(real), stated(ours));
}

fn stated(number: f64) -> String {
    if number < 10.0 { format!("{number:.2}") } else { format!("{number:.0}") }
}

fn main() {
    println!("| what | py2p | ours | ratio |");
    println!("|---|---|---|---|");
    let pair = of_py2p(|flags| real::broadcasts(flags, 2, BURST));
    row("broadcasts of 32 octets, two nodes", "a second", true, pair, ours::broadcasts(2, BURST));
    let ten = of_py2p(|flags| real::broadcasts(flags, 10, SMALL_BURST));
    row("the same, ten nodes", "a second", true, ten, ours::broadcasts(10, SMALL_BURST));
    row("a whisper there and back, median", "ms", false, of_py2p(real::whisper), ours::whisper());
    row("a get of three Chord nodes, median", "ms", false, of_py2p(real::get), ours::get());
    row("set until another node gets it, median", "ms", false, of_py2p(real::set), ours::set());
}
