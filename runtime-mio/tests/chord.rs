//! Nodes of Chord, in processes of their own.

mod program;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use program::node::Node;
use program::{Running, answer, command, egoist, failure, json, monitor, within};
use serde_json::{Value, json};

/// Somebody answers within this, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

impl Node<'_> {
    /// Lines of JSON, in any order.
    fn lines(&self, words: &[&str]) -> Vec<Value> {
        let text = self.told(&[words, &["--json"]].concat());
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.sort_by_key(Value::to_string);
        lines
    }

    /// What a command answers that is told this on standard input.
    fn fed(&self, words: &[&str], text: &str) -> (Option<i32>, String, String) {
        let mut command = command(self.base, &self.words(words));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Waits until it takes and answers what it is asked.
    fn is_ready(&self) {
        within(SOON, "it stores", || {
            egoist(self.base, &self.words(&["set", "ready?", "yes"])).status.success()
        });
        self.told(&["delete", "ready?"]);
    }
}

/// Nodes that are one ring: each knows of another on both sides, and what was brought together is in step.
fn are_a_ring(nodes: &[&Node<'_>]) {
    for node in nodes {
        within(SOON, "it has a place in the ring", || {
            let ring = node.asked(&["ring"]);
            let has = |place| ring["nodes"].as_array().unwrap().iter().any(|node| node["place"] == place);
            ring["in_step"] == true && has("next") && has("prev")
        });
    }
}

#[test]
fn what_was_set_is_got_until_it_is_taken_away() {
    let base = tempfile::tempdir().unwrap();
    let node = Node::start("chord", base.path(), &[]);
    node.is_ready();
    assert_eq!(node.told(&["set", "greeting", "hello\tall"]), "kept by 1 node\n");
    assert_eq!(node.told(&["get", "greeting"]), "hello\\tall\n");
    assert_eq!(node.told(&["get", "greeting", "--raw"]), "hello\tall");
    let got = node.asked(&["get", "greeting"]);
    assert_eq!(
        (&got["outcome"], &got["value"], &got["certain"]),
        (&json!("value"), &json!("hello\tall"), &json!(true))
    );
    assert_eq!(got["version"]["node"], node.id.as_str());

    let kept = json!({"outcome": "kept", "copies": 1, "unconfirmed": 0});
    assert_eq!(node.asked(&["set", "greeting", "--value", "{\"a\": [1, null]}"]), kept);
    assert_eq!(node.told(&["get", "greeting"]), "{\"a\":[1,null]}\n");
    assert_eq!(node.asked(&["set", "c3bc", "--hex", "--bin", "00ff", "--policy", "synced"]), kept);
    assert_eq!(node.told(&["get", "ü"]), "0x00ff\n", "a key is its octets");
    assert_eq!(node.told(&["merge", "greeting", "{\"b\": 2, \"a\": 1}"]), "kept by 1 node\n");
    assert_eq!(node.asked(&["get", "greeting"])["value"], json!({"a": 1, "b": 2}));

    assert_eq!(node.told(&["pop", "greeting"]), "{\"a\":1,\"b\":2}\n");
    assert_eq!(node.told(&["delete", "ü"]), "deleted\n");
    let begun = Instant::now();
    for verb in ["get", "pop", "delete"] {
        assert_eq!(node.refused(&[verb, "greeting"]), (1, "egoist: not found: greeting\n".to_owned()));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "what is not there is said at once");
    assert_eq!(node.told(&["get", "greeting", "--default", "good day"]), "good day\n");
    assert_eq!(node.asked(&["pop", "ü", "--default", "x"]), json!({"outcome": "absent", "value": "x"}));

    node.told(&["set", "lease", "mine", "--ttl", "50ms"]);
    within(SOON, "it is gone by itself", || {
        !egoist(base.path(), &node.words(&["get", "lease"])).status.success()
    });
}

#[test]
fn many_keys_are_set_and_listed() {
    let base = tempfile::tempdir().unwrap();
    let node = Node::start("chord", base.path(), &[]);
    node.is_ready();
    assert_eq!(node.told(&["update", "one=1", "two=a=b"]), "2 keys are stored\n");
    let octets = "{\"key\": {\"bin\": \"ff\"}, \"value\": 3}\n{\"four\": [4], \"five\": {\"bin\": \"05\"}}";
    assert_eq!(node.fed(&["update"], octets), (Some(0), "3 keys are stored\n".to_owned(), String::new()));
    let keys = [json!("five"), json!("four"), json!("one"), json!("two"), json!({"bin": "ff"})];
    assert_eq!(node.lines(&["keys"]), keys);
    let values = [json!("1"), json!("a=b"), json!(3), json!([4]), json!({"bin": "05"})];
    assert_eq!(node.lines(&["values"]), values);
    let items = node.lines(&["items"]);
    assert_eq!((items.len(), &items[0]), (5, &json!({"key": "five", "value": {"bin": "05"}})));
    let text = node.told(&["items"]);
    assert!(text.contains("0xff  3\n") && text.contains("two  a=b\n"), "{text}");

    // What one prints another takes.
    let saved = node.told(&["items", "--json"]);
    let other = Node::start("chord", base.path(), &["--subnet", "other"]);
    other.is_ready();
    assert_eq!(other.fed(&["update"], &saved).1, "5 keys are stored\n");
    assert_eq!(other.lines(&["items"]), items);

    let popped: Vec<Value> = (0..5).map(|_| other.asked(&["popitem"])).collect();
    assert!(items.iter().all(|item| popped.contains(item)), "{popped:?}");
    assert_eq!(other.refused(&["popitem"]), (1, "egoist: nothing is stored\n".to_owned()));

    let (code, out, said) = node.fed(&["update"], "{\"six\": 6, \"none\": null} 7");
    assert_eq!((code, out.as_str()), (Some(1), "1 of 2 keys are stored\n"));
    assert!(said.contains("cannot read keys and values") && said.contains("write objects"), "{said}");
    let (code, out, said) = node.fed(&["update"], "{\"none\": null, \"seven\": 7}");
    assert_eq!((code, out.as_str()), (Some(1), "1 of 2 keys are stored\n"));
    assert_eq!(said, "egoist: nil is no value: it says that there is none: none\n");
    assert_eq!(node.asked(&["get", "seven"])["value"], 7, "the others are stored");
}

#[test]
fn a_thousand_long_values_are_listed() {
    let base = tempfile::tempdir().unwrap();
    let node = Node::start("chord", base.path(), &[]);
    node.is_ready();
    // In JSON it is six times as long.
    let long = "\\u0000".repeat(4_000);
    let all: String = (0..1_000).map(|number| format!("{{\"key-{number}\": \"{long}\"}}\n")).collect();
    assert_eq!(node.fed(&["update"], &all).1, "1000 keys are stored\n");
    assert_eq!(node.told(&["items"]).lines().count(), 1_000);
    assert_eq!(node.told(&["keys"]).lines().count(), 1_000);
}

#[test]
fn a_part_of_the_ring_is_dumped() {
    let base = tempfile::tempdir().unwrap();
    let node = Node::start("chord", base.path(), &[]);
    node.is_ready();
    node.told(&["update", "a=1", "b=2", "c=3", "d=4"]);
    let mut all = node.lines(&["dump"]);
    all.sort_by_key(|line| number(&line["number"]));
    assert_eq!(all.len(), 4);
    let numbers: Vec<&str> = all.iter().map(|line| line["number"].as_str().unwrap()).collect();
    let dumped = |words: &[&str]| {
        let mut dumped = node.lines(&[&["dump"], words].concat());
        dumped.sort_by_key(|line| number(&line["number"]));
        dumped
    };
    assert_eq!(dumped(&[numbers[1], numbers[2]]), all[1..3], "both ends belong to it");
    assert_eq!(dumped(&[numbers[1]]), all[1..]);
    assert_eq!(dumped(&[numbers[3], numbers[0]]), [all[0].clone(), all[3].clone()], "over zero");
    assert_eq!(dumped(&[numbers[2], numbers[2]]), all[2..3]);
    let line = node.told(&["dump", numbers[0], numbers[0]]);
    let item = &all[0];
    let expected = format!(
        "{}  {}  {}\n",
        &numbers[0][..8],
        item["key"].as_str().unwrap(),
        item["value"].as_str().unwrap()
    );
    assert_eq!(line, expected);
    assert_eq!(node.asked(&["find", "a"])["id"], node.id.as_str());
    assert_eq!(node.asked(&["find", "--number", numbers[0]])["address"], node.at());
}

/// A number in base 58, to be compared.
fn number(digits: &Value) -> (usize, Vec<usize>) {
    const DIGITS: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let digits = digits.as_str().unwrap();
    (digits.len(), digits.chars().map(|digit| DIGITS.find(digit).unwrap()).collect())
}

#[test]
fn what_one_node_stores_all_others_find() {
    let base = tempfile::tempdir().unwrap();
    let first = Node::start("chord", base.path(), &[]);
    let second = Node::beside(base.path(), &first, &[]);
    let leech = Node::beside(base.path(), &first, &["--leech"]);
    are_a_ring(&[&first, &second]);
    assert_eq!(
        leech.asked(&["set", "greeting", "hello"]),
        json!({"outcome": "kept", "copies": 2, "unconfirmed": 0})
    );
    for node in [&first, &second, &leech] {
        assert_eq!(node.told(&["get", "greeting"]), "hello\n");
        assert_eq!(node.lines(&["items"]), [json!({"key": "greeting", "value": "hello"})]);
    }
    let ring = first.asked(&["ring"]);
    let nodes: Vec<_> =
        ring["nodes"].as_array().unwrap().iter().map(|node| (&node["place"], &node["id"])).collect();
    let other = Value::from(second.id.as_str());
    assert!(nodes.contains(&(&"next".into(), &other)) && nodes.contains(&(&"prev".into(), &other)), "{ring}");
    let shares = [&first, &second].map(|node| node.asked(&["ring"])["share"].as_f64().unwrap());
    assert!((shares[0] + shares[1] - 1.0).abs() < 1e-9, "{shares:?}");
    let table = first.told(&["ring"]);
    assert!(table.starts_with(&format!("{}  stores, responsible for ", &first.id[..8])), "{table}");
    let is_next = |line: &str| line.split_whitespace().take(3).eq(["next", &second.id[..8], second.at()]);
    assert!(table.lines().any(is_next), "{table}");
    assert_eq!(leech.asked(&["ring"])["role"], "leech");
    let responsible = leech.asked(&["find", "greeting"])["id"].clone();
    assert!([&first, &second].iter().any(|node| responsible == node.id.as_str()), "{responsible}");

    // One hands over what it has, and stores again.
    assert!(first.told(&["unjoin"]).starts_with("it leaves the ring: "));
    within(SOON, "it stores nothing", || first.status()["store"]["role"] == "leech");
    within(SOON, "it has handed over all", || first.status()["store"]["records"] == 0);
    assert_eq!(first.told(&["get", "greeting"]), "hello\n");
    assert_eq!(first.asked(&["set", "place", "world"])["copies"], 1);
    assert_eq!(first.asked(&["join"]), json!({"becomes": "storing"}));
    are_a_ring(&[&first, &second]);
    within(SOON, "it has both again", || first.status()["store"]["records"].as_u64() >= Some(2));
    assert_eq!(first.asked(&["set", "third", "!"])["copies"], 2);
}

#[test]
fn a_node_that_starts_again_has_its_id_and_its_values() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("egoist").join("n");
    let kept = ["--state", folder.to_str().unwrap()];
    let start = |more: &[&str]| {
        let node = Node::start("chord", base.path(), &[&kept[..], more].concat());
        node.is_ready();
        node
    };
    let mut first = start(&[]);
    first.told(&["set", "greeting", "hello", "--policy", "synced"]);
    first.running.kill();
    let mut second = start(&[]);
    assert_eq!((&second.id, second.told(&["get", "greeting"]).as_str()), (&first.id, "hello\n"));
    second.told(&["set", "place", "world"]);
    second.told(&["leave"]);
    assert!(second.running.end().success());
    let mut third = start(&[]);
    assert_eq!(third.told(&["get", "place"]), "world\n");
    assert_eq!(third.status()["store"]["durable"], true);
    third.running.kill();

    let mut forgetful = start(&["--memory"]);
    assert_eq!((&forgetful.id, forgetful.refused(&["get", "place"]).0), (&first.id, 1));
    assert_eq!(forgetful.status()["store"]["durable"], false);
    forgetful.running.kill();
    let log = folder.join("log");
    let octets = fs::read(&log).unwrap();
    fs::write(&log, [&b"x"[..], &octets[1..]].concat()).unwrap();
    let words = [&["chord", "node", "--listen", "127.0.0.1:0"], &kept[..]].concat();
    let (code, said) = failure(base.path(), &words);
    assert_eq!((code, said.contains("the node's state is damaged")), (1, true), "{said}");
}

#[test]
fn a_node_is_one_of_a_mesh_too() {
    let base = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| Node::start("chord", base.path(), &[]));
    assert_eq!(first.told(&["connect", second.at()]), format!("{} is being dialled\n", second.at()));
    within(SOON, "they are peers", || second.asked(&["peers"])[0]["kind"] == "native");
    let at = ["--node", first.at()];
    assert_eq!(json(base.path(), &[&["mesh", "peers"], &at[..]].concat())[0]["id"], second.id.as_str());
    assert_eq!(answer(base.path(), &[&["mesh", "send", "hello"], &at[..]].concat()), "sent to 1 peer\n");
    within(SOON, "it was heard", || second.status()["counters"]["heard"] == 1);
    let gone = first.told(&["disconnect", &second.id[..4]]);
    assert_eq!(gone, format!("{} is disconnected\n", &second.id[..8]));
    let (code, said) = failure(base.path(), &[&["hello", "peers"], &at[..]].concat());
    assert_eq!((code, said.contains("of the protocol chord, not of 'hello'")), (1, true), "{said}");
}

#[test]
fn a_node_says_what_it_is_and_what_happens() {
    let base = tempfile::tempdir().unwrap();
    let mut node = Node::start("chord", base.path(), &[]);
    node.is_ready();
    let at = ["--node", &node.running.address.clone()];
    let (mut people, watching) = monitor(base.path(), &at, &[]);
    assert!(watching.contains(&format!("watching the chord node {} {}", node.at(), node.id)), "{watching}");
    let (mut programs, _) = monitor(base.path(), &at, &["--json"]);
    node.told(&["set", "greeting", "secret"]);
    people.until(&[" s  operation ", " ended: copies 1\n"]);
    let ended: Value = serde_json::from_str(&programs.until(&["\"ended\""])).unwrap();
    assert_eq!((&ended["protocol"], &ended["outcome"]), (&"chord".into(), &"kept".into()));
    assert!(!ended.to_string().contains("secret"), "{ended}");
    node.told(&["unjoin"]);
    people.until(&[" s  stores nothing from now on\n"]);
    programs.until(&["\"role_changed\"", "\"leech\""]);
    node.told(&["join"]);
    people.until(&[" s  stores from now on\n"]);

    let status = node.status();
    assert_eq!((&status["protocol"], &status["subnet"]), (&"chord".into(), &"chord".into()));
    assert_eq!(status["protocol_id"], "7vVFRufXm7t4vppy5LoCeXJznBnahNRjnmsRkbVYet5z", "as py2p's");
    assert!(status["store"]["counters"]["begun"].as_u64() > Some(0), "{status}");
    let text = node.told(&["status"]);
    let heads: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let expected = [
        "node", "protocol", "subnet", "peers", "messages", "ignored", "closed", "ring", "asked", "py2p",
        "running", "turns",
    ];
    assert_eq!(heads, expected, "{text}");
    let left = node.told(&["leave"]);
    assert_eq!(left, format!("{} {} has left\n", node.at(), &node.id[..8]));
    assert!(node.running.end().success());
    people.until(&[" s  left\n"]);
}

#[test]
fn a_recording_replays() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("run.rec");
    let path = file.to_str().unwrap();
    let mut node = Node::start("chord", base.path(), &["--record", path]);
    let other = Node::beside(base.path(), &node, &[]);
    are_a_ring(&[&node, &other]);
    node.told(&["set", "greeting", "--value", "{\"map\": [[1, {\"bin\": \"00\"}]]}"]);
    other.told(&["get", "greeting"]);
    node.told(&["merge", "greeting", "{\"a\": 1}"]);
    node.told(&["items"]);
    node.told(&["pop", "greeting"]);
    node.told(&["leave"]);
    assert!(node.running.end().success());
    let replayed = answer(base.path(), &["replay", path]);
    assert!(replayed.starts_with("chord node 1: ") && replayed.contains(", no difference"), "{replayed}");
    let printed = answer(base.path(), &["replay", path, "--until", "3", "--print"]);
    assert!(printed.contains(&format!("\nthen: {}, peers ", node.id)), "{printed}");
}

#[test]
fn a_node_has_its_table_in_the_configuration_file() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("e.toml");
    let path = file.to_str().unwrap();
    let text = "[chord]\nlisten = '127.0.0.1:0'\nleech = true\nmax_peers = 9\n[mesh]\nsubnet = 'other'\n";
    fs::write(&file, text).unwrap();
    let node =
        Node::begun("chord", base.path(), Running::start(base.path(), &["chord", "node", "--config", path]));
    let status = node.status();
    assert_eq!((&status["subnet"], &status["store"]["role"]), (&"chord".into(), &"leech".into()));
    let shown = &json(base.path(), &["config", "--config", path])["chord"];
    assert_eq!(
        (&shown["max_peers"], &shown["leech"], &shown["replicas"]),
        (&9.into(), &true.into(), &3.into())
    );
    for (wrong, said) in [
        ("max_peers = 0", "max_peers is zero: PATH line 2: give one or more"),
        ("replicas = 5", "'5' is no value for replicas: PATH line 2: 5 is not in 1..=4"),
        (
            "leach = true",
            "there is no key 'leach' in [chord]: PATH line 2: did you mean 'leech'? ('egoist config' prints all keys)",
        ),
    ] {
        fs::write(&file, format!("[chord]\n{wrong}\nlisten = '127.0.0.1:0'\n")).unwrap();
        let expected = format!("egoist: {}\n", said.replace("PATH", path));
        assert_eq!(failure(base.path(), &["chord", "node", "--config", path]), (2, expected));
    }
}

#[test]
fn what_cannot_be_done_is_said_with_a_remedy() {
    let base = tempfile::tempdir().unwrap();
    let leech = Node::start("chord", base.path(), &["--leech"]);
    let (code, said) = leech.refused(&["set", "greeting", "hello", "--timeout", "500ms"]);
    let nobody = said.contains("no node that stores anything") && said.contains("'egoist chord join'");
    assert!(code == 1 && (nobody || said.contains("wait longer with --timeout")), "{said}");
    let node = Node::start("chord", base.path(), &[]);
    node.is_ready();
    let long = "x".repeat(1_025);
    let (code, said) = node.refused(&["set", &long, "hello"]);
    assert_eq!((code, said.starts_with("egoist: a key has more than 1024 octets: xxx")), (1, true), "{said}");
    let (code, said) = node.refused(&["set", "greeting", &"x".repeat(65_537)]);
    let expected =
        "egoist: a value has more than 65536 octets in MessagePack: greeting: store it in pieces\n";
    assert_eq!((code, said.as_str()), (1, expected));
    node.told(&["set", "greeting", "hello"]);
    let (code, said) = node.refused(&["merge", "greeting", "{}"]);
    assert_eq!((code, said.contains("no map that this can be merged into")), (1, true), "{said}");
    let (code, said) = node.refused(&["get", "0", "--hex"]);
    assert_eq!((code, said.contains("pairs of hexadecimal digits")), (2, true), "{said}");
    for (words, part) in [
        (&["set", "greeting"][..], "required"),
        (&["set", "greeting", "a", "--bin", "00"], "cannot be used with"),
        (&["set", "greeting", "a", "--ttl", "1"], "write a number and a unit"),
        (&["set", "greeting", "a", "--policy", "hope"], "memory, written, synced"),
        (&["merge", "greeting", "7"], "write a map"),
        (&["update", "greeting"], "write KEY=VALUE"),
        (&["find"], "required"),
        (&["find", "--number", "0"], "base 58"),
        (&["dump", "l"], "base 58"),
        (&["node", "--replicas", "5"], "5 is not in 1..=4"),
    ] {
        let (code, said) = failure(base.path(), &[&["chord"], words].concat());
        assert_eq!((code, said.contains(part)), (2, true), "{said}");
        assert!(said.contains("see 'egoist chord --help'"), "{said}");
    }
}
