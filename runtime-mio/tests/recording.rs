//! Real processes that record what goes into them, and what is said about recordings.

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use program::{Running, answer, egoist, failure, json, within};
use serde_json::Value;

/// A folder, and recordings of a node in it that lived for a moment, asked something and ended in good order.
struct Tapes {
    base: tempfile::TempDir,
    file: PathBuf,
}

impl Tapes {
    fn of_one() -> Tapes {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("node.rec");
        let mut node = start(base.path(), &["node", "--bootstrap", "127.0.0.1:9"], &file);
        within(Duration::from_secs(5), "it has started", || {
            json(base.path(), &["status", "--node", &node.address])["id"].is_string()
        });
        node.signal("TERM");
        assert!(node.end().success());
        Tapes { base, file }
    }

    fn replay(&self, more: &[&str]) -> Value {
        json(self.base.path(), &[&["replay", self.file.to_str().unwrap()], more].concat())
    }

    fn refused(&self, octets: &[u8]) -> String {
        let file = self.base.path().join("other.rec");
        fs::write(&file, octets).unwrap();
        let (code, said) = failure(self.base.path(), &["replay", file.to_str().unwrap()]);
        assert_eq!((code, said.lines().count()), (1, 1), "{said}");
        assert!(said.contains("other.rec"), "{said}");
        said
    }
}

fn start(base: &Path, args: &[&str], file: &Path) -> Running {
    Running::start(base, &[args, &["--listen", "127.0.0.1:0", "--record", file.to_str().unwrap()]].concat())
}

#[test]
fn processes_are_replayed_without_a_difference() {
    let base = tempfile::tempdir().unwrap();
    let file = |name: &str| base.path().join(name).with_extension("rec");
    let mut bootstrap = start(base.path(), &["bootstrap", "--pace", "20"], &file("bootstrap"));
    let port = bootstrap.address.rsplit_once(':').unwrap().1.to_owned();
    // A name, so that what it stands for comes in while the node runs.
    let named = format!("localhost:{port}");
    let join = ["node", "--bootstrap", &named, "--pace", "20", "--rewiring-period", "20s"];
    let mut nodes = ["a", "b", "c"].map(|name| start(base.path(), &join, &file(name)));
    let reaches = |from: &Running, to: &Running| {
        egoist(base.path(), &["path", &to.address, "--node", &from.address]).status.success()
    };
    let all =
        |nodes: &[Running]| nodes.iter().all(|n| n.address == nodes[0].address || reaches(&nodes[0], n));
    within(Duration::from_secs(20), "all are reached", || all(&nodes));
    let ping =
        ["ping", &nodes[1].address, "-c", "2", "-i", "10ms", "-s", "30000", "--node", &nodes[0].address];
    answer(base.path(), &ping);

    // What was given up to a second before it is killed is in the file by then.
    std::thread::sleep(Duration::from_millis(1500));
    let address = nodes[2].address.clone();
    nodes[2].kill();
    let mut again = join.to_vec();
    again.extend(["--listen", &address]);
    let path = file("c-again");
    again.extend(["--record", path.to_str().unwrap()]);
    nodes[2] = Running::start(base.path(), &again);
    within(Duration::from_secs(20), "it is back", || all(&nodes));
    std::thread::sleep(Duration::from_secs(2));
    for node in nodes.iter_mut().chain([&mut bootstrap]) {
        node.signal("TERM");
        assert!(node.end().success());
    }

    for name in ["bootstrap", "a", "b", "c", "c-again"] {
        let file = file(name);
        let report = json(base.path(), &["replay", file.to_str().unwrap()]);
        assert_eq!(report["ended"], name != "c", "{name}: {report}");
        assert!(report["inputs"].as_u64().unwrap() > 20, "{name}: {report}");
        assert!(report["outputs"].as_u64().unwrap() > 20, "{name}: {report}");
    }
}

#[test]
fn nodes_that_greet_each_other_are_replayed_without_a_difference() {
    let base = tempfile::tempdir().unwrap();
    let files = ["first", "second"].map(|name| base.path().join(name).with_extension("rec"));
    let mut first = start(base.path(), &["hello", "node"], &files[0]);
    let peer = first.address.clone();
    let second = start(base.path(), &["hello", "node", "--peer", &peer], &files[1]);
    within(Duration::from_secs(5), "they have met", || {
        let peers = json(base.path(), &["hello", "peers", "--node", &second.address]);
        peers[0]["rtt_ms"].is_f64()
    });
    first.signal("TERM");
    assert!(first.end().success());
    let file = files[0].to_str().unwrap();
    let report = json(base.path(), &["replay", file]);
    assert_eq!((&report["recorded"], &report["ended"]), (&"hello node 2".into(), &true.into()), "{report}");
    let printed = answer(base.path(), &["replay", file, "--print", "--until", "1000"]);
    assert!(printed.contains("< command Leave") && printed.contains("peers 0"), "{printed}");
}

#[test]
fn a_replay_is_stepped_through() {
    let tapes = Tapes::of_one();
    let all = tapes.replay(&[]);
    let inputs = all["inputs"].as_u64().unwrap();
    assert!(inputs >= 4, "{all}");
    let some = tapes.replay(&["--until", "2"]);
    assert_eq!((&some["inputs"], &some["state"]["phase"]), (&Value::from(3), &Value::from("alone")));

    let file = tapes.file.to_str().unwrap();
    let printed = answer(tapes.base.path(), &["replay", file, "--print", "--until", "1"]);
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].trim_start().starts_with("> Load {"), "{printed}");
    assert!(
        lines[1].trim_start().starts_with("0 ") && lines[1].contains("< loaded, ticket 1 Absent"),
        "{printed}"
    );
    assert!(lines[2].trim_start().starts_with("> Store {"), "{printed}");
    let marks: Vec<usize> = lines[..4].iter().map(|line| line.find(['<', '>']).unwrap()).collect();
    assert!(marks.iter().all(|mark| *mark == marks[0]), "one column: {printed}");

    let printed = answer(tapes.base.path(), &["replay", file, "--print", "--json"]);
    let values: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let given = values.iter().filter(|value| value["input"].is_u64()).count() as u64;
    assert_eq!(given, inputs + 1, "the end is told as well");
    assert_eq!(
        values.iter().filter(|v| v["output"].is_string()).count() as u64,
        all["outputs"].as_u64().unwrap()
    );
}

#[test]
fn damage_is_one_line_with_its_input() {
    let tapes = Tapes::of_one();
    let octets = fs::read(&tapes.file).unwrap();
    let inputs = tapes.replay(&[])["inputs"].as_u64().unwrap();
    let place = |said: &str| -> u64 {
        let (_, rest) = said.split_once("in input ").unwrap_or_else(|| panic!("{said}"));
        rest.split(':').next().unwrap().parse().unwrap()
    };
    let mut altered = octets.clone();
    let last = octets.len() - 1;
    altered[last] ^= 1;
    let said = tapes.refused(&altered);
    assert!(said.contains("altered") && place(&said) == inputs, "the end comes after the last input: {said}");
    let said = tapes.refused(&octets[..last]);
    assert!(said.contains("cut") && place(&said) == inputs, "{said}");
    assert!(tapes.refused(&octets[..30]).contains("the beginning of the recording is cut"));
    let mut newer = octets.clone();
    newer[17] += 1;
    assert!(tapes.refused(&newer).contains("of another version"));
    assert!(tapes.refused(b"something else").contains("no recording"));
}

#[test]
fn a_recording_is_never_written_over() {
    let tapes = Tapes::of_one();
    let before = fs::read(&tapes.file).unwrap();
    let next = tapes.file.with_extension("rec.1");
    let mut again = start(tapes.base.path(), &["node", "--bootstrap", "127.0.0.1:9"], &tapes.file);
    within(Duration::from_secs(5), "it records into the next file", || next.exists());
    again.signal("TERM");
    assert!(again.end().success());
    assert_eq!(fs::read(&tapes.file).unwrap(), before);
    assert_eq!(json(tapes.base.path(), &["replay", next.to_str().unwrap()])["ended"], true);

    let device = ["node", "--listen", "127.0.0.1:0", "--record", "/dev/null"];
    let (code, said) = failure(tapes.base.path(), &device);
    assert!(code == 1 && said.contains("it is a device") && said.lines().count() == 1, "{said}");
}

#[test]
fn the_limit_ends_the_recording_and_not_the_node() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("short.rec");
    let mut node = start(base.path(), &["node", "--bootstrap", "127.0.0.1:9", "--record-limit", "2K"], &file);
    let asked = || json(base.path(), &["status", "--node", &node.address])["id"].is_string();
    within(Duration::from_secs(5), "it has started", asked);
    std::thread::sleep(Duration::from_millis(2500));
    assert!(asked());
    node.signal("TERM");
    assert!(node.end().success());
    assert!(fs::metadata(&file).unwrap().len() <= 2048);
    let report = json(base.path(), &["replay", file.to_str().unwrap()]);
    assert!(report["inputs"].as_u64().is_some(), "{report}");
}
