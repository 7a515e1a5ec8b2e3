//! Nodes of gossip that ride on an overlay, in processes of their own.

mod program;

use std::fs;
use std::path::Path;

use program::gossip::{Node, SOON, texts};
use program::{Reading, Running, answer, command, egoist, failure, json, monitor, within};
use serde_json::Value;

/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:9";

/// Three that ride, each linked with the others.
fn three(base: &Path) -> [Node<'_>; 3] {
    let first = Node::riding(base, NOWHERE, &[]);
    let [second, third] = [(); 2].map(|()| Node::riding(base, &first.running.address, &[]));
    let nodes = [first, second, third];
    nodes.iter().for_each(|node| node.has_peers(2));
    nodes
}

/// A node of the overlay that does not ride.
fn plain(base: &Path, other: &Node<'_>) -> Running {
    Running::start(base, &["node", "--listen", "127.0.0.1:0", "--bootstrap", &other.running.address])
}

/// The rows of `gossip peers` as addresses, each with whether it rides and is a peer.
fn peers(node: &Node<'_>) -> Vec<(String, bool, bool)> {
    let rows = node.asked(&["gossip", "peers"]);
    let row = |row: &Value| {
        let address = row["address"].as_str().unwrap().to_owned();
        (address, row["rides"].as_bool().unwrap(), row["kind"] == "native")
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn what_is_announced_at_one_riding_node_is_printed_at_each_once() {
    let base = tempfile::tempdir().unwrap();
    let nodes = three(base.path());
    let mut subscribers: Vec<_> = nodes.iter().map(|node| node.subscriber("540", &["--json"])).collect();
    let long = "x".repeat(20_000);
    for (at, text) in ["one", "two", &long].into_iter().enumerate() {
        nodes[at].announce("540", text);
        let lines: Vec<String> = subscribers.iter_mut().map(Reading::line).collect();
        assert_eq!(texts(&lines), [text; 3]);
    }
    nodes[0].announce("540", "one");
    nodes[0].announce("540", "the end");
    let last: Vec<String> = subscribers.iter_mut().map(Reading::line).collect();
    assert_eq!(texts(&last), ["the end"; 3]);
    nodes.iter().for_each(Node::leave);
    for subscriber in &mut subscribers {
        assert!(subscriber.rest().is_empty(), "each message comes once");
        assert_eq!(subscriber.child.wait().unwrap().code(), Some(1), "the node has closed the connection");
    }
}

#[test]
fn a_neighbour_that_does_not_ride_is_listed_and_told_of_nothing() {
    let base = tempfile::tempdir().unwrap();
    let [first, second, third] = three(base.path());
    let other = plain(base.path(), &first);
    let all = [&first, &second, &third];
    within(SOON, "it is everybody's neighbour", || {
        all.iter()
            .all(|node| peers(node).iter().any(|(address, rides, _)| *address == other.address && !rides))
    });
    for node in all {
        let rows = peers(node);
        let others = all.iter().filter(|other| other.running.address != node.running.address);
        let riding = others.map(|other| (other.running.address.clone(), true, true));
        let mut expected: Vec<_> = riding.chain([(other.address.clone(), false, false)]).collect();
        expected.sort_by_key(|(address, ..)| address.parse::<std::net::SocketAddr>().unwrap());
        assert_eq!(rows, expected);
        assert_eq!(node.status()["not_riding"], 1);
    }
    let table = first.told(&["gossip", "peers"]);
    let lines = |what: &str| table.lines().filter(|line| line.contains(what)).count();
    assert_eq!((lines("  native  "), lines("  not riding  ")), (2, 1), "{table}");
    assert!(table.contains(&format!("{}  not riding  overlay", other.address)), "{table}");

    let mut subscribers = [&second, &third].map(|node| node.subscriber("540", &["--json"]));
    first.announce("540", "news");
    assert_eq!(texts(&subscribers.each_mut().map(Reading::line)), ["news"; 2]);
    let sent = first.asked(&["gossip", "peers"]);
    let sent = sent.as_array().unwrap().iter().filter(|row| row["rides"] == false);
    assert_eq!(sent.map(|row| row["sent"].clone()).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_riding_node_answers_what_is_asked_of_either_part() {
    let base = tempfile::tempdir().unwrap();
    let [mut first, second, _third] = three(base.path());
    let (to, at) = (second.running.address.clone(), ["--node", &first.running.address.clone()]);
    let (mut people, watching) = monitor(base.path(), &at, &[]);
    assert!(watching.contains(&format!("watching the riding node {}", first.running.address)), "{watching}");
    let (mut programs, _) = monitor(base.path(), &at, &["--json"]);
    let status = first.status();
    assert_eq!((&status["protocol"], &status["network"]), (&"riding".into(), &"loopback".into()));
    assert_eq!((&status["api"], &status["address"]), (&first.api.as_str().into(), &at[1].into()));
    assert_eq!((&status["peers"]["native"], &status["not_riding"]), (&2.into(), &0.into()));
    let text = first.told(&["gossip", "status"]);
    let mut heads: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    heads.retain(|head| *head != "bootstrap");
    let expected = [
        "node", "protocol", "network", "phase", "policy", "links", "nodes", "cost", "started", "peers",
        "modules", "cache", "messages", "judged", "lost", "ignored", "closed", "running", "turns",
    ];
    assert_eq!(heads, expected, "{text}");
    assert!(text.contains("\npeers     2 riding; neighbours that do not ride: 0\n"), "{text}");

    within(SOON, "a path leads there", || {
        egoist(base.path(), &[&["path", &to], &at[..]].concat()).status.success()
    });
    for (verb, rows) in [("neighbors", 2), ("routes", 2)] {
        assert_eq!(first.asked(&[verb]).as_array().unwrap().len(), rows, "{verb}");
    }
    assert!(first.told(&["ping", &to, "-c", "1"]).contains(&to));
    let mut listener = Reading::start(command(base.path(), &["listen", "--count", "1", "--node", &to]));
    within(SOON, "somebody listens", || {
        answer(base.path(), &[&["send", &to, "hello"], &at[..]].concat());
        listener.child.try_wait().unwrap().is_some()
    });
    assert!(listener.line().contains("hello"));
    first.announce("540", "news");
    within(SOON, "it has come", || second.asked(&["gossip", "cache"]).as_array().unwrap().len() == 1);
    let (code, said) = failure(base.path(), &[&["hello", "peers"], &at[..]].concat());
    assert_eq!((code, said.contains("of the protocol riding, not of 'hello'")), (1, true), "{said}");

    let left = first.told(&["leave"]);
    assert!(left.starts_with(at[1]) && left.ends_with(" has left\n"), "{left}");
    assert!(first.running.end().success());
    people.until(&[" s  link down: "]);
    people.until(&[" s  left\n"]);
    let both: Vec<Value> =
        [(); 2].map(|()| serde_json::from_str(&programs.until(&["\"event\":\"left\""])).unwrap()).into();
    let mut parts: Vec<_> = both.iter().map(|told| told["protocol"].as_str().unwrap()).collect();
    parts.sort_unstable();
    assert_eq!(parts, ["gossip", "overlay"]);
    within(SOON, "the others have noticed", || peers(&second).len() == 1);
}

#[test]
fn one_file_has_the_settings_of_both_parts() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("e.toml");
    let path = file.to_str().unwrap();
    let alone = Node::start(base.path(), &[]);
    let first = Node::riding(base.path(), NOWHERE, &["--network", "filed"]);
    let text = format!(
        "network = 'filed'\nlisten = ['127.0.0.1:0', '127.0.0.1:0']\nbootstrap = ['{}']\n[wiring]\nk = 2\n\
         [gossip]\nlisten = '127.0.0.1:0'\napi = '127.0.0.1:0'\nbootstrap = ['{}']\nmode = 'compatible'\ncache = 9\n",
        first.running.address, alone.running.address
    );
    fs::write(&file, text).unwrap();
    let node = |more: &[&str]| {
        let words = [&["gossip", "node", "--config", path], more].concat();
        Node::begun(base.path(), Running::start(base.path(), &words))
    };
    let rides = node(&["--ride"]);
    rides.has_peers(1);
    assert_eq!(peers(&rides), [(first.running.address.clone(), true, true)]);
    let status = rides.status();
    assert_eq!(
        (&status["k"], &status["cache"]["size"], &status["network"]),
        (&2.into(), &9.into(), &"filed".into())
    );
    let asked = status["bootstraps"].as_array().unwrap();
    assert_eq!(asked.iter().map(|b| &b["name"]).collect::<Vec<_>>(), [&first.running.address.as_str()]);

    let does_not = node(&["--mode", "auto"]);
    within(SOON, "it is another's peer", || {
        !alone.asked(&["gossip", "peers"]).as_array().unwrap().is_empty()
    });
    assert_eq!(does_not.status()["protocol"], "gossip");

    let by_flag = node(&["--ride", "-k", "1", "--cache", "8", "--listen", "127.0.0.1:0"]);
    let status = by_flag.status();
    assert_eq!((&status["k"], &status["cache"]["size"]), (&1.into(), &8.into()));

    fs::write(&file, "[gossip]\nlisten = '127.0.0.1:5'\nbootstrap = ['192.0.2.1:7']\napi = '127.0.0.1:0'\n")
        .unwrap();
    let untold = node(&["--ride", "--listen", "127.0.0.1:0"]);
    let names = untold.status()["bootstraps"].clone();
    let names: Vec<_> = names.as_array().unwrap().iter().map(|b| b["name"].clone()).collect();
    assert_eq!(names, ["127.0.0.1:61223"], "what the table says is for nodes that do not ride");
    for (wrong, said) in [
        (
            "[wiring]\neps = 0.5\n[gossip]\ncache = 60001",
            "cache is 60001, and 60000 is the most: PATH line 4: give less",
        ),
        (
            "advertise = ['[::1]:7']\n[gossip]",
            "nothing that is sent there arrives with --listen 127.0.0.1:0: --advertise [::1]:7",
        ),
    ] {
        fs::write(&file, format!("{wrong}\napi = '127.0.0.1:0'\n")).unwrap();
        let words = ["gossip", "node", "--ride", "--listen", "127.0.0.1:0", "--config", path];
        let (code, heard) = failure(base.path(), &words);
        let expected = format!("egoist: {}", said.replace("PATH", path));
        assert_eq!((code, heard.starts_with(&expected)), (2, true), "{heard}");
    }
}

#[test]
fn a_riding_nodes_recording_replays_and_its_state_lasts() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("run.rec");
    let path = file.to_str().unwrap();
    let other = Node::riding(base.path(), NOWHERE, &[]);
    let state = base.path().join("egoist/kept");
    let kept = ["--state", state.to_str().unwrap(), "--record", path, "--seed", "7"];
    let mut node = Node::riding(base.path(), &other.running.address, &kept);
    node.has_peers(1);
    let mut subscriber = node.subscriber("540", &[]);
    other.announce("540", "news");
    subscriber.until(&["news"]);
    let id = node.status()["id"].clone();
    node.leave();
    assert!(node.running.end().success());
    let report = json(base.path(), &["replay", path]);
    assert_eq!((&report["recorded"], &report["ended"]), (&"riding node 1".into(), &true.into()), "{report}");
    let printed = answer(base.path(), &["replay", path, "--until", "3", "--print"]);
    assert!(
        printed.contains("\nthen: ") && printed.contains("; peers 0, modules 0, messages 0"),
        "{printed}"
    );

    let again = Node::riding(base.path(), &other.running.address, &["--state", state.to_str().unwrap()]);
    again.has_peers(1);
    assert_eq!((&again.status()["id"], &again.status()["incarnation"]), (&id, &2.into()));
    let taken = ["gossip", "node", "--ride", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", "--state"];
    let (code, said) = failure(base.path(), &[&taken[..], &[state.to_str().unwrap()]].concat());
    assert_eq!((code, said.contains("this node runs already, as process ")), (1, true), "{said}");
}

#[test]
fn flags_of_the_other_kind_of_node_are_refused_with_a_remedy() {
    let base = tempfile::tempdir().unwrap();
    let free = ["gossip", "node", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"];
    let of_overlay = "this is about an overlay, of which the node is none without --ride";
    for (flags, said) in [
        (&["--network", "n"][..], format!("{of_overlay}: --network: add --ride, or leave it out")),
        (&["-k", "3"], format!("{of_overlay}: -k: add --ride, or leave it out")),
        (&["--max-payload", "9"], format!("{of_overlay}: --max-payload: add --ride, or leave it out")),
        (&["--pace", "1"], format!("{of_overlay}: --pace: add --ride, or leave it out")),
        (
            &["--listen", "127.0.0.1:5"],
            "a node of gossip has one such address without --ride: --listen 127.0.0.1:5: add --ride, or leave it out".into(),
        ),
        (
            &["--ride", "--mode", "auto"],
            "with --ride all peers are nodes of this project: --mode: leave it out".into(),
        ),
        (
            &["--ride", "--degree", "4"],
            "with --ride the overlay chooses the links: --degree: give -k N, or leave it out".into(),
        ),
        (
            &["--ride", "--listen", "0.0.0.0:0"],
            "an overlay beyond loopback needs a name, so that strangers do not mix: --listen 127.0.0.1:0 --listen \
             0.0.0.0:0: give --network NAME, the same on all its nodes".into(),
        ),
    ] {
        assert_eq!(failure(base.path(), &[&free[..], flags].concat()), (2, format!("egoist: {said}\n")));
    }
    let shared = ["gossip", "node", "--ride", "--listen", "127.0.0.1:7001"];
    let (code, said) = failure(base.path(), &shared);
    assert_eq!(
        (code, said.contains("cannot share an address: --api: give another --api")),
        (2, true),
        "{said}"
    );
}
