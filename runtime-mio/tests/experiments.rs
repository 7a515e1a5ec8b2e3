//! `egoist sim` and `egoist demo` as their users run them.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Five epochs of a demo at this pace take a few seconds, and fifteen less than half a minute.
const PACE: [&str; 2] = ["--pace", "40"];

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_egoist"));
    command.args(args).env_remove("EGOIST_LOG").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file in a folder that lives as long.
struct Latencies {
    _folder: TempDir,
    path: PathBuf,
}

impl Latencies {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.tsv");
        std::fs::write(&path, text).unwrap();
        Latencies { _folder: folder, path }
    }

    /// Ten places on a line, 8 ms apart, whose ends are badly connected.
    fn line() -> Self {
        let delay = |i: i32, j: i32| if i.abs_diff(j) > 6 { 150 } else { 8 * i.abs_diff(j) };
        let row = |i| (0..10).map(|j| delay(i, j).to_string()).collect::<Vec<_>>().join("\t") + "\n";
        Self::of(&(0..10).map(row).collect::<String>())
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_simulation_is_told_in_json_and_follows_from_its_seed() {
    let line = Latencies::line();
    let sim = |seed| {
        run(&[
            "sim",
            "--latency",
            line.path(),
            "-n",
            "8",
            "-k",
            "2",
            "--epochs",
            "3",
            "--seed",
            seed,
            "--json",
        ])
    };
    let output = sim("7");
    let report = answer(&output);
    assert_eq!(
        keys(&report),
        ["latency", "nodes", "k", "policy", "links", "eps", "seed", "epochs", "final", "traffic"]
    );
    assert_eq!((&report["nodes"], &report["k"], &report["seed"]), (&json!(8), &json!(2), &json!(7)));
    assert_eq!(
        (&report["policy"], &report["links"], &report["eps"]),
        (&json!("best-response"), &json!("mutual"), &json!(0.01))
    );
    let epochs = report["epochs"].as_array().unwrap();
    assert_eq!(epochs.iter().map(|e| e["epoch"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    let of_epoch = ["epoch", "cost_ratio", "unreachable_pairs", "rewired_nodes", "rewired_links"];
    assert!(epochs.iter().all(|epoch| keys(epoch) == of_epoch));
    assert_eq!(keys(&report["final"]), ["cost_ratio", "unreachable_pairs", "max_in_degree"]);
    assert_eq!(report["final"]["unreachable_pairs"], json!(0));
    assert!(report["final"]["cost_ratio"].as_f64().unwrap() < 1.2, "{report}");
    assert_eq!(keys(&report["traffic"]), ["frames", "bytes", "updates_per_node_per_minute"]);

    let notes = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(notes.starts_with("egoist: drew --nodes ") && notes.lines().count() == 1, "{notes}");
    assert_eq!(sim("7"), output);
    assert_ne!(sim("8").stdout, output.stdout);
}

#[test]
fn the_settings_reach_the_simulated_nodes() {
    let line = Latencies::line();
    let sim = |more: &[&str]| {
        let args = [&["sim", "--latency", line.path(), "--epochs", "2", "--json"], more].concat();
        answer(&run(&args))
    };
    let plain = sim(&[]);
    assert_eq!(sim(&["--policy", "full-mesh"])["final"]["cost_ratio"], json!(1.0));
    for more in [
        &["--links", "directed"][..],
        &["--lag", "5s"],
        &["--quiet-guard", "off", "--lag", "5s"],
        &["--in-degree-cap", "3"],
        &["--ping-period", "20s"],
        &["--policy", "k-random"],
    ] {
        assert_ne!(sim(more)["traffic"], plain["traffic"], "{more:?}");
    }
    assert!(sim(&["--in-degree-cap", "3"])["final"]["max_in_degree"].as_u64().unwrap() <= 3);
    assert_eq!(sim(&["--nodes", "3,"])["final"]["cost_ratio"], Value::Null);
}

#[test]
fn a_table_is_for_people_and_what_is_odd_is_said() {
    let odd = Latencies::of("0 10 30\n20 0 0\n30 15 0\n");
    let output = run(&["sim", "--latency", odd.path(), "--epochs", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("3 nodes, k = 3, best-response, mutual links, eps 0.01, seed 1\ndelays: /"),
        "{text}"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.contains("zeros in the file") && said.contains("two directions"), "{said}");
    assert!(run(&["sim", "--latency", odd.path(), "--epochs", "1", "-q"]).stderr.is_empty());
}

#[test]
fn what_cannot_be_run_is_one_line() {
    let line = Latencies::line();
    let [ragged, negative, words] = ["0 1\n1\n", "0 -1\n1 0\n", "0 x\n1 0\n"].map(Latencies::of);
    for (args, code, said) in [
        (vec!["--latency", ragged.path()], 1, "line 2 has 1 entries"),
        (vec!["--latency", negative.path()], 1, "line 1, column 2: -1 is negative"),
        (vec!["--latency", words.path()], 1, "is not a number"),
        (vec!["--latency", line.path(), "--nodes", "11"], 1, "11 nodes are asked for and the matrix has 10"),
        (vec!["--latency", line.path(), "--nodes", "9,10"], 1, "node 10 is asked for"),
        (vec!["--latency", line.path(), "--nodes", "0"], 2, "at least one node"),
        (vec!["--latency", "/nowhere.tsv"], 1, "cannot read the latencies"),
        (vec!["--latency", line.path(), "--eps", "1"], 2, "'--eps <SHARE>'"),
    ] {
        for command in ["sim", "demo"] {
            let output = run(&[&[command], &args[..]].concat());
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(output.stdout.is_empty() && text.lines().count() == 1 && text.contains(said), "{text}");
            assert_eq!(output.status.code(), Some(code), "{text}");
        }
    }
    let paced = |args: &[&str]| {
        let output = run(args);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = paced(&["sim", "--latency", line.path(), "--pace", "10"]);
    assert!(code == Some(2) && said.contains("an epoch of 6.00 s is below 60 times"), "{said}");
    let (code, said) = paced(&["demo", "--rewiring-period", "20s"]);
    assert!(code == Some(2) && said.contains("longer --rewiring-period"), "{said}");
}

#[test]
fn without_a_file_the_cities_are_simulated_and_it_says_so() {
    let output = run(&["sim", "--epochs", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("24 nodes, "), "{text}");
    assert_eq!(lines.next(), Some("delays: computed between cities of the world, and not measured"));
    assert_eq!(answer(&run(&["sim", "--epochs", "1", "--nodes", "5", "--json"]))["latency"], Value::Null);
    for (args, code, said) in [
        (["--nodes", "25"], 1, "25 nodes are asked for and the matrix has 24"),
        (["--unit", "s"], 2, "--latency <FILE>"),
    ] {
        let output = run(&[&["sim"], &args[..]].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(said) && text.lines().count() == 1, "{text}");
        assert_eq!(output.status.code(), Some(code), "{text}");
    }
}

/// What the README shows of a study is what the program says today. `EGOIST_BLESS=1` writes it anew.
#[test]
fn the_readme_shows_what_a_study_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let study = readme.split("\n## Study\n").nth(1).expect("it has a part on studies");
    let block = |kind: &str| study.split(kind).nth(1).unwrap().split("```").next().unwrap();
    let args: Vec<_> = block("```sh\negoist ").split_whitespace().collect();
    let (shown, said) = (block("```text\n"), shortened(&String::from_utf8(run(&args).stdout).unwrap()));
    if std::env::var_os("EGOIST_BLESS").is_some() {
        std::fs::write(path, readme.replacen(shown, &said, 1)).unwrap();
    } else {
        assert_eq!(shown, said, "write it anew with EGOIST_BLESS=1");
    }
}

/// A study without the epochs after the first in which nobody rewired, but for the last.
fn shortened(study: &str) -> String {
    let lines: Vec<_> = study.lines().collect();
    let rests = |line: &&str| line.split_whitespace().rev().take(2).eq(["0", "0"]);
    let rest = lines.iter().position(rests).expect("an epoch in which nobody rewires");
    let end = lines.iter().rposition(rests).unwrap();
    [&lines[..=rest], &["..."], &lines[end..]].concat().join("\n") + "\n"
}

#[test]
fn a_demo_ends_by_itself_and_says_what_came_of_it() {
    let begun = Instant::now();
    let output = run(&[&["demo", "--once", "--nodes", "5", "-k", "2", "--json"], &PACE[..]].concat());
    assert!(begun.elapsed() < Duration::from_secs(60));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        keys(&report),
        [
            "nodes",
            "k",
            "settled",
            "settled_by",
            "could_gain",
            "epochs",
            "cost_ratio",
            "k_random_ratio",
            "unreachable_pairs",
            "wiring"
        ]
    );
    assert_eq!((&report["nodes"], &report["k"]), (&json!(5), &json!(2)));
    assert_eq!(report["unreachable_pairs"], json!(0), "{report}");
    assert!(report["settled"] == json!(true) || report["epochs"] == json!(15), "{report}");
    assert_eq!(report["settled_by"].is_string(), report["settled"] == json!(true), "{report}");
    if report["settled_by"] == json!("stable") {
        assert!(report["could_gain"].as_f64().unwrap() <= 0.01, "{report}");
    }
    let wiring = report["wiring"].as_object().unwrap();
    let named = |name: &Value| wiring.contains_key(name.as_str().unwrap());
    assert!(wiring.len() == 5 && wiring.values().all(|chosen| chosen.as_array().unwrap().iter().all(named)));
    let [cost, random] = ["cost_ratio", "k_random_ratio"].map(|key| report[key].as_f64().unwrap());
    assert!(cost >= 1.0 && random >= 1.0, "{report}");
    assert_eq!(output.status.success(), cost < random || cost <= 1.0, "{output:?}");
}

/// Asks a process to end, as Ctrl-C does.
fn interrupt(child: &Child) {
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

#[test]
fn an_interrupted_demo_tells_how_far_it_came() {
    let line = Latencies::line();
    let args = [&["demo", "--nodes", "3,1,7", "-k", "1", "--latency", line.path()], &PACE[..]].concat();
    let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut first = [0; 8];
    out.read_exact(&mut first).unwrap();
    interrupt(&child);
    let mut text = String::from_utf8(first.to_vec()).unwrap();
    out.read_to_string(&mut text).unwrap();
    let asked = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(asked.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(10));
    }
    assert!(child.wait().unwrap().success());
    assert!(text.starts_with("epoch  1 ") && text.contains("\nNODE "), "{text}");
    assert!(text.lines().last().unwrap().starts_with("3 nodes, k = 1: "), "{text}");
}

#[test]
fn a_demo_takes_all_rows_of_a_small_file() {
    let small = Latencies::of("0 10 20\n10 0 15\n20 15 0\n");
    let output =
        run(&[&["demo", "--once", "-k", "1", "--json", "--latency", small.path()], &PACE[..]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(keys(&report["wiring"]), ["0", "1", "2"]);
}
