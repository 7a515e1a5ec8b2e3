//! Nodes that are processes of the program, on loopback.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_core::kernel::{Rng, Seed, Streams};
use egoist_tests::processes::{Node, binary};
use serde_json::{Value, json};

use super::client::{Client, Went};

const NODES: usize = 16;
const BASE_PORT: u16 = 21_700;
/// How long each measurement takes.
const MEASURED: Duration = Duration::from_secs(4);
/// Octets of a value.
const VALUE: usize = 256;
/// Puts of one round of kills, and how many are under way at once.
const PUTS: u64 = 10_000;
const WINDOW: u64 = 16;
const KILLED: usize = 5;

fn start(number: usize, folder: &Path) -> Node {
    let port = |number: usize| format!("127.0.0.1:{}", usize::from(BASE_PORT) + number);
    let mut program = Command::new(binary());
    program.arg("chord");
    let joins: Vec<String> =
        (0..3).filter(|other| *other != number).flat_map(|other| ["--join".into(), port(other)]).collect();
    let joins: Vec<&str> = joins.iter().map(String::as_str).collect();
    // The first waits for nobody.
    let more = if number == 0 { &[][..] } else { &joins[..] };
    Node::run(program, "node", port(number), folder.join(number.to_string()), more)
}

/// Waits until all are one ring and in step.
fn until_whole(nodes: &[Node]) {
    let begun = Instant::now();
    let mut clients: Vec<Client> = nodes.iter().map(|node| Client::of(&node.folder)).collect();
    loop {
        let is_whole = |client: &mut Client| {
            client.ask("ring", &json!({})).is_ok_and(|ring| {
                let nodes = ring["nodes"].as_array().map_or(&[][..], Vec::as_slice);
                let behind = nodes.iter().filter(|node| node["place"] == "prev" || node["place"] == "before");
                behind.count() == 8 && ring["in_step"] == true
            })
        };
        if clients.iter_mut().all(is_whole) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "they are no ring after two minutes");
        sleep(Duration::from_millis(100));
    }
    println!("{} nodes are a ring in step after {:.1?}", nodes.len(), begun.elapsed());
}

fn put(key: &str, value: &str, policy: &str) -> Value {
    json!({"key": key, "value": value, "policy": policy, "timeout_ms": 30_000})
}

fn is_kept(answer: &Result<Value, Value>) -> bool {
    answer.as_ref().is_ok_and(|ok| ok["outcome"] == "kept" && ok["copies"] == 3)
}

fn for_a_while() -> impl FnMut(u64) -> bool {
    let begun = Instant::now();
    move |_| begun.elapsed() < MEASURED
}

/// Puts and gets, one at a time and 16 at once.
pub(crate) fn speed(folder: &Path) {
    println!("the disk: {:.0} syncs a second of 4 KiB behind each other", syncs(folder));
    let nodes: Vec<Node> = (0..NODES).map(|number| start(number, folder)).collect();
    until_whole(&nodes);
    let mut client = Client::of(&nodes[1].folder);
    let value = "v".repeat(VALUE - 3);
    for policy in ["memory", "written", "synced"] {
        for window in [1, WINDOW] {
            let key = |number: u64| format!("{policy} {window} {number}");
            let question = |number| put(&key(number), &value, policy);
            let went = client.ask_many("set", window, question, for_a_while(), |_, answer| is_kept(&answer));
            tell(&format!("puts, {policy}, {window} at once"), went);
        }
    }
    for window in [1, WINDOW] {
        let question =
            |number: u64| json!({"key": format!("memory 16 {}", number % 1_000), "timeout_ms": 30_000});
        let found = |_, answer: Result<Value, Value>| answer.is_ok_and(|ok| ok["outcome"] == "value");
        tell(
            &format!("gets, {window} at once"),
            client.ask_many("get", window, question, for_a_while(), found),
        );
    }
}

fn tell(what: &str, went: Went) {
    println!(
        "{what}: {:.0} a second, {} failed, the slowest {:.1?}",
        went.per_second(),
        went.failed,
        went.slowest
    );
}

fn syncs(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("disk")).expect("the folder can be written");
    let (begun, mut count) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(2) {
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("the disk takes it");
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}

/// Five nodes are killed at once during 10,000 puts, so many times, and started again: what was acknowledged is there.
pub(crate) fn kills(folder: &Path, times: usize) {
    let mut rng = Streams::new(Seed::from_u64(1)).named("kills");
    let mut nodes: Vec<Node> = (0..NODES).map(|number| start(number, folder)).collect();
    until_whole(&nodes);
    for round in 0..times {
        let mut client = Client::of(&nodes[0].folder);
        let at = PUTS / 4 + rng.below(PUTS / 2);
        let mut kept = BTreeSet::new();
        let question = |number: u64| put(&format!("{round} {number}"), &number.to_string(), "written");
        let began = Instant::now();
        let goes_on = |number| {
            if number == at {
                kill_some(&mut nodes, folder, &mut rng);
            }
            number < PUTS
        };
        let went = client.ask_many("set", WINDOW, question, goes_on, |number, answer| {
            let is_kept = answer.is_ok_and(|ok| ok["outcome"] == "kept");
            is_kept && kept.insert(number)
        });
        println!(
            "round {round}: {} of {PUTS} acknowledged in {:.1?}, the slowest {:.1?}",
            kept.len(),
            began.elapsed(),
            went.slowest
        );
        until_whole(&nodes);
        let numbers: Vec<u64> = kept.into_iter().collect();
        let question =
            |place: u64| json!({"key": format!("{round} {}", numbers[index(place)]), "timeout_ms": 30_000});
        let count = numbers.len() as u64;
        let went = client.ask_many(
            "get",
            WINDOW,
            question,
            |place| place < count,
            |place, answer| is_what_was_set(numbers[index(place)], &answer),
        );
        println!("round {round}: {} of {count} lost", went.failed);
    }
}

fn is_what_was_set(number: u64, answer: &Result<Value, Value>) -> bool {
    let is_it = answer.as_ref().is_ok_and(|ok| ok["value"] == number.to_string().as_str());
    if !is_it {
        println!("{number} is {answer:?}");
    }
    is_it
}

/// kill -9 for five of them, none of which is asked; they start again at once.
fn kill_some(nodes: &mut [Node], folder: &Path, rng: &mut Rng) {
    let mut others: Vec<usize> = (1..NODES).collect();
    let killed: Vec<usize> = (0..KILLED).map(|_| others.swap_remove(rng.index(others.len()))).collect();
    killed.iter().for_each(|number| nodes[*number].kill());
    killed.iter().for_each(|number| nodes[*number] = start(*number, folder));
}

fn index(place: u64) -> usize {
    usize::try_from(place).expect("there are few")
}
