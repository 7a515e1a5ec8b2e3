//! Nodes of gossip and their modules, in processes of their own.

mod program;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use program::gossip::{Node, SOON, texts};
use program::{Reading, Running, answer, command, egoist, failure, json, monitor, within};
use serde_json::{Value, json};

#[test]
fn what_is_announced_at_one_node_is_printed_at_each_once() {
    let base = tempfile::tempdir().unwrap();
    let first = Node::start(base.path(), &[]);
    let second = Node::beside(base.path(), &first, &[]);
    let third = Node::beside(base.path(), &first, &[]);
    let nodes = [first, second, third];
    nodes.iter().for_each(|node| node.has_peers(2));
    let mut subscribers: Vec<_> = nodes.iter().map(|node| node.subscriber("540", &["--json"])).collect();
    let mut people = nodes[1].subscriber("540", &[]);
    let said = ["one", "two", "three"];
    for (at, text) in said.iter().enumerate() {
        nodes[at].announce("540", text);
        let parts = format!("\"text\":\"{text}\"");
        subscribers.iter_mut().for_each(|subscriber| {
            let line = subscriber.line();
            assert!(line.contains(&parts), "{line} at {text}");
            assert!(line.starts_with("{\"id\":") && line.contains(",\"type\":540,\"data\":\""), "{line}");
        });
        assert_eq!(people.line().split_once(" of type 540: ").unwrap().1, format!("{text}\n"));
    }
    nodes[0].announce("541", "of another type");
    nodes[0].announce("540", "one");
    nodes[0].announce("540", "the end");
    let last = subscribers.iter_mut().map(Reading::line);
    assert_eq!(texts(&last.collect::<Vec<_>>()), ["the end"; 3]);
    nodes.iter().for_each(Node::leave);
    for subscriber in &mut subscribers {
        assert!(subscriber.rest().is_empty(), "each message comes once");
        assert_eq!(subscriber.child.wait().unwrap().code(), Some(1), "the node has closed the connection");
    }
    assert_eq!(people.rest().len(), 1);
}

/// Of three nodes in a row the outer ones say that they listen where nobody does, so that they never meet.
fn row(base: &Path) -> [Node<'_>; 3] {
    let middle = Node::start(base, &[]);
    let [left, right] = ["127.0.0.1:9", "127.0.0.1:10"].map(|nowhere| {
        let outer = Node::beside(base, &middle, &["--advertise", nowhere]);
        outer.has_peers(1);
        outer
    });
    middle.has_peers(2);
    [left, middle, right]
}

#[test]
fn what_a_module_rejects_goes_no_further() {
    let base = tempfile::tempdir().unwrap();
    let [left, middle, right] = row(base.path());
    let mut end = right.subscriber("540", &["--json"]);
    let mut rejects = middle.subscriber("540", &["--json", "--validate", "reject", "--count", "1"]);
    left.announce("540", "bad");
    assert_eq!(texts(&rejects.rest()), ["bad"]);
    assert!(rejects.child.wait().unwrap().success(), "it has seen enough");
    within(SOON, "it is judged", || middle.status()["counters"]["invalid"] == 1);
    assert_eq!(middle.asked(&["gossip", "cache"]), json!([]));
    within(SOON, "the module has gone", || middle.status()["modules"] == 0);
    let mut accepts = middle.subscriber("540", &["--json"]);
    left.announce("540", "good");
    assert_eq!(texts(&[end.line()]), ["good"]);
    assert_eq!(texts(&[accepts.line()]), ["good"]);
    assert_eq!(right.status()["counters"]["heard"], 1);
    let told_of = |node: &Node<'_>| {
        let peers = middle.asked(&["gossip", "peers"]);
        let at = if node.running.address == left.running.address { "127.0.0.1:9" } else { "127.0.0.1:10" };
        peers.as_array().unwrap().iter().find(|peer| peer["address"] == at).unwrap().clone()
    };
    let (teller, hearer) = (told_of(&left), told_of(&right));
    assert_eq!((&teller["first"], &teller["invalid"], &teller["sent"]), (&2.into(), &1.into(), &0.into()));
    assert_eq!((&hearer["first"], &hearer["sent"]), (&0.into(), &1.into()));
}

#[test]
fn what_the_user_says_is_the_verdict() {
    let base = tempfile::tempdir().unwrap();
    let [left, middle, right] = row(base.path());
    let mut end = right.subscriber("540", &["--json"]);
    let mut asks = middle.subscriber_who_answers("540", Stdio::piped(), &["--json", "--validate", "ask"]);
    let mut answers = asks.child.stdin.take().unwrap();
    for (text, answer) in [("bad", "n\n"), ("good", "perhaps\ny\n")] {
        left.announce("540", text);
        assert_eq!(texts(&[asks.line()]), [text]);
        answers.write_all(answer.as_bytes()).unwrap();
    }
    assert_eq!(texts(&[end.line()]), ["good"]);
    drop(answers);
    left.announce("540", "unanswered");
    assert_eq!(texts(&asks.rest()), ["unanswered"]);
    assert_eq!(asks.child.wait().unwrap().code(), Some(1));

    middle.announce("541", "valid as it is");
    let nobody = ["gossip", "subscribe", "--type", "541", "--validate", "ask", "--api", &middle.api];
    let output = egoist(base.path(), &nobody);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("standard input has ended: answer at a terminal, or give --validate accept"),
        "{said}"
    );
}

#[test]
fn a_subscriber_that_is_interrupted_ends_well() {
    let base = tempfile::tempdir().unwrap();
    let node = Node::start(base.path(), &[]);
    let (mut watching, _) = monitor(base.path(), &["--node", &node.running.address], &[]);
    for (signal, how) in [("INT", "accept"), ("TERM", "ask")] {
        let mut subscriber = node.subscriber_who_answers("540", Stdio::piped(), &["--validate", how]);
        watching.until(&["module 127.0.0.1:", " connected\n"]);
        if how == "ask" {
            node.announce("540", "waits for an answer");
            subscriber.until(&["waits for an answer"]);
        }
        // Who waits for a process closes its input first, which is another end.
        let _input = subscriber.child.stdin.take();
        let pid = subscriber.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert!(subscriber.child.wait().unwrap().success(), "{signal}");
        watching.until(&["module ", " disconnected: closed by the peer\n"]);
    }
}

#[test]
fn a_node_says_what_it_is_and_whom_it_knows() {
    let base = tempfile::tempdir().unwrap();
    let mut first = Node::start(base.path(), &["--cache", "7"]);
    let at = ["--node", &first.running.address.clone()];
    let (mut people, watching) = monitor(base.path(), &at, &[]);
    assert!(watching.contains(&format!("watching the gossip node {}", first.running.address)), "{watching}");
    let (mut programs, _) = monitor(base.path(), &at, &["--json"]);
    let second = Node::beside(base.path(), &first, &[]);
    people.until(&[" s  peer 127.0.0.1:", " connected\n"]);
    people.until(&[" s  peer ", &format!(", which listens at {}, is native\n", second.running.address)]);
    let is: Value = serde_json::from_str(&programs.until(&["\"peer_is\"", "\"native\""])).unwrap();
    assert_eq!(is["listens"], second.running.address.as_str());

    first.announce("540", "news");
    let cache = || second.asked(&["gossip", "cache"]);
    within(SOON, "it has come", || cache().as_array().unwrap().len() == 1);
    let message = &cache()[0];
    assert_eq!((&message["type"], &message["octets"], &message["ttl"]), (&540.into(), &4.into(), &0.into()));
    assert_eq!((&message["standing"], message["hash"].as_str().unwrap().len()), (&"unheard".into(), 32));
    let own = first.asked(&["gossip", "cache"]);
    assert_eq!((&own[0]["standing"], &own[0]["hash"]), (&"valid".into(), &message["hash"]));
    let table = first.told(&["gossip", "cache"]);
    let mut lines = table.lines();
    let heads: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(heads, ["ID", "HASH", "TYPE", "TTL", "SIZE", "STANDING", "AGE"]);
    assert!(lines.next().unwrap().contains("  4 B  valid"), "{table}");

    let peers = first.told(&["gossip", "peers"]);
    assert!(peers.starts_with("ADDRESS ") && peers.contains(&second.running.address), "{peers}");
    let peer = &first.asked(&["gossip", "peers"])[0];
    assert_eq!(
        (&peer["kind"], &peer["dialled"], &peer["sent"]),
        (&"native".into(), &false.into(), &1.into())
    );

    let status = first.asked(&["gossip", "status"]);
    assert_eq!((&status["protocol"], &status["mode"]), (&"gossip".into(), &"auto".into()));
    assert_eq!((&status["api"], &status["cache"]["size"]), (&first.api.as_str().into(), &7.into()));
    assert_eq!((&status["counters"]["announced"], &status["peers"]["native"]), (&1.into(), &1.into()));
    let text = first.told(&["status"]);
    let heads: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let expected = [
        "node", "protocol", "mode", "peers", "modules", "cache", "messages", "judged", "lost", "ignored",
        "closed", "running", "turns",
    ];
    assert_eq!(heads, expected, "{text}");
    let (code, said) = failure(base.path(), &[&["hello", "peers"], &at[..]].concat());
    assert_eq!((code, said.contains("of the protocol gossip, not of 'hello'")), (1, true), "{said}");

    let left = answer(base.path(), &[&["gossip", "leave"], &at[..]].concat());
    assert_eq!(left, format!("{} has left\n", first.running.address));
    assert!(first.running.end().success());
    people.until(&[" disconnected: this node has left\n"]);
    people.until(&[" s  left\n"]);
    programs.until(&["\"left\""]);
}

#[test]
fn a_node_has_its_table_in_the_configuration_file() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("e.toml");
    let path = file.to_str().unwrap();
    let [first, last] = [(); 2].map(|()| Node::start(base.path(), &[]));
    let text = format!(
        "[gossip]\nlisten = '127.0.0.1:0'\napi = '127.0.0.1:0'\nbootstrap = ['{}', '{}']\ncache = 9\nrelay_unheard = true\n",
        first.running.address, last.running.address
    );
    fs::write(&file, text).unwrap();
    let between =
        Node::begun(base.path(), Running::start(base.path(), &["gossip", "node", "--config", path]));
    between.has_peers(2);
    assert_eq!(between.status()["cache"]["size"], 9);
    let shown = &json(base.path(), &["config", "--config", path])["gossip"];
    assert_eq!((&shown["cache"], &shown["relay_unheard"]), (&9.into(), &true.into()));
    assert_eq!((&shown["degree"], &shown["mode"]), (&4.into(), &"auto".into()));
    first.announce("540", "that nobody between wants to hear of");
    within(SOON, "it is passed on unheard", || last.status()["counters"]["heard"] == 1);
    let by_flag = ["gossip", "node", "--config", path, "--relay-unheard=false", "--cache", "8"];
    let keeps = Node::begun(base.path(), Running::start(base.path(), &by_flag));
    assert_eq!(keeps.status()["cache"]["size"], 8);

    for (wrong, said) in [
        (
            "cash = 7",
            "there is no key 'cash' in [gossip]: PATH line 2: did you mean 'cache'? ('egoist config' prints all keys)",
        ),
        ("relay_unheard = 'yes'", "'relay_unheard' cannot have this value: PATH line 2: give true or false"),
        ("cache = 60001", "cache is 60001, and 60000 is the most: PATH line 2: give less"),
        ("degree = 0", "degree is zero: PATH line 2: give one or more"),
    ] {
        fs::write(&file, format!("[gossip]\n{wrong}\nlisten = '127.0.0.1:0'\napi = '127.0.0.1:0'\n"))
            .unwrap();
        let expected = format!("egoist: {}\n", said.replace("PATH", path));
        assert_eq!(failure(base.path(), &["gossip", "node", "--config", path]), (2, expected));
    }
}

#[test]
fn a_recording_replays() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("run.rec");
    let path = file.to_str().unwrap();
    let mut node = Node::start(base.path(), &["--record", path, "--seed", "7"]);
    let other = Node::beside(base.path(), &node, &[]);
    node.has_peers(1);
    let mut subscriber = node.subscriber("540", &[]);
    other.announce("540", "news");
    subscriber.until(&["news"]);
    within(SOON, "it is judged", || node.status()["counters"]["valid"] == 1);
    node.leave();
    assert!(node.running.end().success());
    let replayed = answer(base.path(), &["replay", path]);
    assert!(replayed.starts_with("gossip node 1: ") && replayed.contains(", no difference"), "{replayed}");
    let printed = answer(base.path(), &["replay", path, "--until", "3", "--print"]);
    assert!(printed.contains("\nthen: peers "), "{printed}");
}

#[test]
fn what_no_node_can_run_with_is_said_with_a_remedy() {
    let base = tempfile::tempdir().unwrap();
    let free = ["gossip", "node", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"];
    for (flags, parts) in [
        (&["--cache", "60001"][..], ["cache is 60001, and 60000 is the most", "--cache: give less"]),
        (&["--cache", "0"], ["cache is zero", "--cache: give one or more"]),
        (&["--degree", "0"], ["degree is zero", "--degree: give one or more"]),
        (
            &["--bootstrap", "224.0.0.1:7"],
            ["has 224.0.0.1:7, where nobody can be dialled", "--bootstrap: name the IP"],
        ),
        (&["--bootstrap", "[::1]:7"], ["IPv4 addresses alone", "write IP:PORT"]),
        (&["--bootstrap", "nowhere"], ["'nowhere'", "write HOST:PORT"]),
        (&["--advertise", "[::1]:7"], ["IPv4 addresses alone", "write IP:PORT"]),
        (
            &["--advertise", "0.0.0.0:7"],
            ["nobody can dial an unspecified address", "see 'egoist gossip --help'"],
        ),
        (&["--verdict-timeout", "9ms"], ["'9ms'", "at least 10ms"]),
        (&["--mode", "loud"], ["'loud'", "see 'egoist gossip --help'"]),
        (&["--relay-unheard=perhaps"], ["'perhaps'", "see 'egoist gossip --help'"]),
    ] {
        let (code, said) = failure(base.path(), &[&free[..], flags].concat());
        assert_eq!((code, parts.map(|part| said.contains(part))), (2, [true; 2]), "{said}");
    }
    for (flags, parts) in [
        (&["--listen", "[::1]:0"][..], ["IPv4 addresses alone", "write IP:PORT"]),
        (
            &["--listen", "0.0.0.0:7"],
            ["cannot dial an unspecified address: --listen", "give --advertise IP:PORT"],
        ),
        (&["--listen", "127.0.0.1:7001"], ["cannot share an address: --api", "give another --api"]),
    ] {
        let (code, said) = failure(base.path(), &[&["gossip", "node"], flags].concat());
        assert_eq!((code, parts.map(|part| said.contains(part))), (2, [true; 2]), "{said}");
    }
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for (listen, api, flag) in [("127.0.0.1:0", &*taken, "--api"), (&*taken, "127.0.0.1:0", "--listen")] {
        let (code, said) = failure(base.path(), &["gossip", "node", "--listen", listen, "--api", api]);
        let remedy = format!("{flag} {taken}: give another {flag}, or port 0 for a free one\n");
        assert_eq!((code, said.ends_with(&remedy)), (1, true), "{said}");
    }
}

#[test]
fn what_no_module_can_do_is_said_with_a_remedy() {
    let base = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for verb in [&["announce", "news"][..], &["subscribe"]] {
        let words = [&["gossip"], verb, &["--type", "540", "--api", &nobody]].concat();
        let (code, said) = failure(base.path(), &words);
        let remedy =
            format!(": {nobody}: start one with 'egoist gossip node', or give the --api of one that runs\n");
        assert_eq!((code, said.ends_with(&remedy)), (1, true), "{said}");
    }
    for (words, part) in [
        (&["announce", "--type", "65536", "news"][..], "65536 is not in 0..=65535"),
        (&["announce", "--type", "540", "--ttl", "256", "news"], "256 is not in 0..=255"),
        (&["announce", "news"], "--type <N>"),
        (&["announce", "--type", "540"], "<DATA>"),
        (&["announce", "--type", "540", "--api", "7001", "news"], "write HOST:PORT"),
        (&["subscribe", "--type", "540", "--validate", "maybe"], "'maybe'"),
        (&["subscribe", "--type", "540", "--count", "0"], "0 is not in 1.."),
        (&["cache", "--last", "0"], "0 is not in 1..=5000"),
    ] {
        let (code, said) = failure(base.path(), &[&["gossip"], words].concat());
        assert_eq!((code, said.contains(part)), (2, true), "{said}");
        assert!(said.contains("see 'egoist gossip --help'"), "{said}");
    }
    let node = Node::start(base.path(), &[]);
    let file = base.path().join("long");
    fs::write(&file, vec![b'x'; 65_528]).unwrap();
    let mut command = command(base.path(), &["gossip", "announce", "--type", "540", "--api", &node.api, "-"]);
    let output = command.stdin(fs::File::open(&file).unwrap()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "egoist: the message has more than 65527 octets: standard input: send it in pieces\n");
    fs::write(&file, vec![b'x'; 65_527]).unwrap();
    assert!(command.stdin(fs::File::open(&file).unwrap()).output().unwrap().status.success());
    within(SOON, "it is kept", || node.asked(&["gossip", "cache"])[0]["octets"] == 65_527);
}
