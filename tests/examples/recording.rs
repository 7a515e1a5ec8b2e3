//! Whether what real processes record is replayed to the bit.
//!
//! ```text
//! cargo build --release && cargo run --release -p egoist-tests --example recording -- [SECONDS] [NODES]
//! ```
//!
//! Starts a bootstrap and NODES (16) nodes on loopback with default periods, each with `--record`, for SECONDS (600).
//! After a third of the time one is killed (SIGKILL), and five seconds later started again on its state. At the end all
//! are asked to leave, and each recording is replayed: one line for each, with its inputs and how long the replay took.
//! Then one octet in the middle of the longest recording is altered, and what is said about that is shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use egoist_tests::processes::{Node, binary};
use serde_json::Value;

/// The bootstrap's port on loopback; node n has the n-th after it.
const BASE_PORT: u16 = 21_600;
/// How long all may take to end in good order.
const LEAVING: Duration = Duration::from_secs(3);

/// The inputs of a recording that is replayed without a difference; what is said otherwise.
fn replay(binary: &Path, file: &Path) -> Result<u64, String> {
    let output = Command::new(binary).args(["replay", "--json"]).arg(file).output().expect("it runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned());
    }
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    report["inputs"].as_u64().ok_or_else(|| format!("no inputs in {report}"))
}

/// Starts `egoist VERB` as the `number`-th of an overlay on loopback, on the state that it may have, recorded in `file`.
fn start(binary: &Path, number: u16, folder: &Path, file: &Path) -> Node {
    let address = |number| format!("127.0.0.1:{}", BASE_PORT + number);
    let (bootstrap, file) = (address(0), file.to_string_lossy());
    let record = ["--record", &file];
    let join = ["--record", &file, "--bootstrap", &bootstrap];
    let (verb, more) = if number == 0 { ("bootstrap", &record[..]) } else { ("node", &join[..]) };
    Node::run(Command::new(binary), verb, address(number), folder.join(number.to_string()), more)
}

/// Records an overlay with a death in it; the files.
fn record(binary: &Path, folder: &Path, seconds: u64, count: u16) -> Vec<PathBuf> {
    let file = |name: String| folder.join(format!("{name}.rec"));
    let mut files = vec![file("bootstrap".to_owned())];
    files.extend((1..=count).map(|n| file(format!("node-{n}"))));
    let bootstrap = start(binary, 0, folder, &files[0]);
    let mut nodes: Vec<Node> =
        (1..=count).zip(&files[1..]).map(|(number, file)| start(binary, number, folder, file)).collect();
    std::thread::sleep(Duration::from_secs(seconds / 3));
    nodes[0].kill();
    std::thread::sleep(Duration::from_secs(5));
    files.push(file("node-1-again".to_owned()));
    nodes[0] = start(binary, 1, folder, &files[files.len() - 1]);
    std::thread::sleep(Duration::from_secs((seconds - seconds / 3).saturating_sub(5)));
    let all =
        nodes.iter_mut().filter_map(Node::reached).filter(|r| r.len() + 1 == usize::from(count)).count();
    println!("at the end {all} of {count} nodes reach all others");
    nodes.iter().chain([&bootstrap]).for_each(|node| node.signal("TERM"));
    std::thread::sleep(LEAVING);
    files
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).filter_map(|a| a.parse::<u64>().ok());
    let (seconds, count) = (args.next().unwrap_or(600), args.next().unwrap_or(16));
    let binary = binary();
    let folder = tempfile::tempdir().expect("a folder");
    println!("recording {count} nodes for {seconds} s");
    let files = record(&binary, folder.path(), seconds, u16::try_from(count).unwrap_or(16));
    let (mut total, mut longest, mut good) = (0, (0, &files[0]), true);
    println!("{:<16} {:>9} {:>9} {:>9}", "recording", "octets", "inputs", "ms");
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let octets = fs::metadata(file).map_or(0, |metadata| metadata.len());
        let start = Instant::now();
        match replay(&binary, file) {
            Ok(inputs) => {
                println!("{name:<16} {octets:>9} {inputs:>9} {:>9}", start.elapsed().as_millis());
                total += inputs;
                longest = longest.max((inputs, file));
            }
            Err(said) => {
                println!("{name:<16} {octets:>9} {said}");
                good = false;
            }
        }
    }
    println!(
        "{total} inputs in all, {}",
        if good { "no difference" } else { "NOT all without a difference" }
    );
    let caught = alter(&binary, longest.1);
    if good && caught { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Alters an octet in the middle of a recording; whether that is reported.
fn alter(binary: &Path, file: &Path) -> bool {
    let mut octets = fs::read(file).expect("it was just replayed");
    let at = octets.len() / 2;
    octets[at] ^= 1;
    let altered = file.with_extension("altered");
    fs::write(&altered, &octets).expect("there is room");
    let said = replay(binary, &altered);
    println!("octet {at} of {} altered: {said:?}", octets.len());
    said.is_err_and(|said| said.contains("altered in input"))
}
