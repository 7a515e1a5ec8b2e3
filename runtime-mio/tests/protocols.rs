//! What every protocol's nodes share: they are configured by one file, say what they are, are watched and told to leave.

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use egoist_mio::control::{Answer, Body, codes};
use program::{Running, answer, egoist, failure, json, monitor, within};
use serde_json::Value;

/// Somebody answers within this, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A hello node on a free port.
fn hello(base: &Path, more: &[&str]) -> Running {
    Running::start(base, &[&["hello", "node", "--listen", "127.0.0.1:0"], more].concat())
}

/// A node of the overlay on a free port, which nobody tells of others, with its control socket at `control`.
fn overlay(base: &Path, control: &Path) -> Running {
    let control = control.to_str().unwrap();
    let alone = ["node", "--listen", "127.0.0.1:0", "--bootstrap", "127.0.0.1:9", "--no-state"];
    Running::start(base, &[&alone[..], &["--control", control]].concat())
}

#[test]
fn a_hello_node_says_what_it_is_and_leaves() {
    let base = tempfile::tempdir().unwrap();
    let mut first = hello(base.path(), &[]);
    let second = hello(base.path(), &["--peer", &first.address]);
    let at = ["--node", &first.address];
    within(SOON, "they have met", || {
        json(base.path(), &[&["status"], &at[..]].concat())["peers"].as_u64() >= Some(1)
    });
    let status = json(base.path(), &[&["status"], &at[..]].concat());
    assert_eq!(status["protocol"], "hello");
    assert_eq!(status["address"], first.address.as_str());
    assert_eq!(status["pid"], first.child.id());
    let text = answer(base.path(), &[&["status"], &at[..]].concat());
    let heads: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(heads, ["node", "protocol", "peers", "ignored", "closed", "running", "turns"], "{text}");

    let (code, said) = failure(base.path(), &[&["routes"], &at[..]].concat());
    let expected = "this is a node of the protocol hello, not of 'overlay'";
    assert_eq!((code, said.starts_with(&format!("egoist: {expected}: "))), (1, true), "{said}");
    assert!(said.contains("(unknown-protocol): 'egoist status' says"), "{said}");

    let left = answer(base.path(), &[&["leave"], &at[..]].concat());
    assert!(left.starts_with(&first.address) && left.ends_with(" has left\n"), "{left}");
    assert!(first.end().success());
    drop(second);
}

#[test]
fn what_no_node_does_has_a_code() {
    let base = tempfile::tempdir().unwrap();
    let control = |name: &str| base.path().join(name);
    let starts = [
        hello(base.path(), &["--control", control("hello").to_str().unwrap()]),
        overlay(base.path(), &control("overlay")),
    ];
    for (name, other) in [("hello", "overlay"), ("overlay", "hello")] {
        for (action, code) in [
            (format!("{name}.status"), None),
            ("node.status".to_owned(), None),
            (format!("{name}.xyzzy"), Some(codes::UNKNOWN_VERB)),
            ("node.xyzzy".to_owned(), Some(codes::UNKNOWN_VERB)),
            (format!("{other}.status"), Some(codes::UNKNOWN_PROTOCOL)),
            ("xyzzy.status".to_owned(), Some(codes::UNKNOWN_PROTOCOL)),
            ("status".to_owned(), Some(codes::BAD_REQUEST)),
        ] {
            let refused = match ask(&control(name), &action).body {
                Body::Error(refusal) => Some(refusal.code),
                Body::Ok(status) => {
                    assert_eq!(status["protocol"], name);
                    None
                }
                Body::Event(event) => panic!("{event}"),
            };
            assert_eq!(refused.as_deref(), code, "{name}: {action}");
        }
    }
    drop(starts);
}

/// A node whose neighbour is stopped has not left yet.
#[test]
fn who_is_ended_while_it_leaves_has_not_left() {
    let base = tempfile::tempdir().unwrap();
    let socket = base.path().join("c");
    let mut first = overlay(base.path(), &socket);
    let second =
        Running::start(base.path(), &["node", "--listen", "127.0.0.1:0", "--bootstrap", &first.address]);
    within(SOON, "they are linked", || {
        let links = json(base.path(), &["neighbors", "--control", socket.to_str().unwrap()]);
        links.as_array().is_some_and(|links| links.iter().any(|link| link["state"] == "up"))
    });
    second.signal("STOP");
    let mut leaving = UnixStream::connect(&socket).unwrap();
    let requests = "{\"id\": 1, \"do\": \"node.leave\"}\n{\"id\": 2, \"do\": \"node.status\"}\n";
    leaving.write_all(requests.as_bytes()).unwrap();
    let mut answers =
        BufReader::new(leaving).lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    let status: Answer = answers.next().unwrap();
    assert_eq!(status.id, 2, "it leaves, and has not left");
    first.signal("TERM");
    let left: Answer = answers.next().unwrap();
    let Body::Error(refusal) = left.body else { panic!("it has not left: {left:?}") };
    assert_eq!((left.id, refusal.code.as_ref()), (1.into(), codes::UNANSWERED));
    assert!(first.end().success());
}

/// Asks a node something with nothing.
fn ask(control: &Path, action: &str) -> Answer {
    let mut stream = UnixStream::connect(control).unwrap();
    writeln!(stream, "{{\"id\": 1, \"do\": \"{action}\"}}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn what_happens_at_a_hello_node_is_told() {
    let base = tempfile::tempdir().unwrap();
    let first = hello(base.path(), &[]);
    let at = ["--node", &first.address];
    let (mut people, watching) = monitor(base.path(), &at, &[]);
    assert!(watching.contains(&format!(" s  watching the hello node {} ", first.address)), "{watching}");
    let (mut programs, watching) = monitor(base.path(), &at, &["--json"]);
    let watching: Value = serde_json::from_str(&watching).unwrap();
    assert_eq!(
        (&watching["event"], &watching["address"]),
        (&"watching".into(), &first.address.as_str().into())
    );

    let mut second = hello(base.path(), &["--peer", &first.address]);
    let id = json(base.path(), &["status", "--node", &second.address])["id"].as_str().unwrap().to_owned();
    people.until(&["Connection from 127.0.0.1:", &id]);
    second.signal("TERM");
    assert!(second.end().success());
    people.until(&[&id, " disconnected: closed by the peer\n"]);

    let up: Value = serde_json::from_str(&programs.until(&["\"peer_up\"", &id])).unwrap();
    assert_eq!((&up["protocol"], &up["dialed"]), (&"hello".into(), &false.into()));
    assert!(up["remote"].as_str().unwrap().starts_with("127.0.0.1:") && up["at_s"].is_f64(), "{up}");
    let down: Value = serde_json::from_str(&programs.until(&["\"peer_down\"", &id])).unwrap();
    let why = serde_json::json!({"fault": "nobody", "what": "closed by the peer"});
    assert_eq!(down["why"], why);
    assert!(down["text"].as_str().unwrap().ends_with("disconnected: closed by the peer"), "{down}");

    let third = hello(base.path(), &["--peer", &first.address]);
    let id = json(base.path(), &["status", "--node", &third.address])["id"].as_str().unwrap().to_owned();
    people.until(&["Connection from 127.0.0.1:", &id]);
    answer(base.path(), &[&["leave"], &at[..]].concat());
    people.until(&[&id, " disconnected: this node has left\n"]);
    people.until(&[" s  left\n"]);
    programs.until(&["\"left\""]);
    assert!(people.child.wait().unwrap().success() && programs.child.wait().unwrap().success());
}

#[test]
fn what_happens_at_a_node_of_the_overlay_is_told() {
    let base = tempfile::tempdir().unwrap();
    let socket = base.path().join("c");
    let at = ["--control", socket.to_str().unwrap()];
    let first = overlay(base.path(), &socket);
    let (mut people, watching) = monitor(base.path(), &at, &[]);
    assert!(watching.contains(&format!("watching the overlay node {}", first.address)), "{watching}");
    let (mut programs, _) = monitor(base.path(), &at, &["--json"]);

    let mut second =
        Running::start(base.path(), &["node", "--listen", "127.0.0.1:0", "--bootstrap", &first.address]);
    people.until(&[" s  link up: ", &second.address]);
    let up: Value = serde_json::from_str(&programs.until(&["\"link_up\""])).unwrap();
    assert_eq!((&up["protocol"], &up["address"]), (&"overlay".into(), &second.address.as_str().into()));
    let id = json(base.path(), &["status", "--node", &second.address])["id"].clone();
    assert_eq!(up["peer"], id, "an id is its 32 digits");
    let from = ["--node", &second.address];
    within(SOON, "a path leads there", || {
        egoist(base.path(), &[&["path", &first.address], &from[..]].concat()).status.success()
    });
    answer(base.path(), &[&["send", &first.address, "hello"], &from[..]].concat());
    people.until(&["payload from ", ": 5 B\n"]);
    let arrived: Value = serde_json::from_str(&programs.until(&["\"delivered\""])).unwrap();
    assert_eq!((&arrived["from"], &arrived["payload"]), (&id, &"68656c6c6f".into()));
    second.signal("TERM");
    assert!(second.end().success());
    programs.until(&["\"link_down\"", "\"fault\":"]);
    let one = answer(base.path(), &[&["monitor", "--count", "1"], &at[..]].concat());
    assert_eq!(one.lines().count(), 1);
}

#[test]
fn a_hello_node_has_its_table_in_the_configuration_file() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("e.toml");
    let path = file.to_str().unwrap().to_owned();
    let first = hello(base.path(), &[]);
    let text = format!(
        "network = 'overlays-alone'\n[hello]\nlisten = '127.0.0.1:0'\npeer = ['{}']\nping_period = '50ms'\n",
        first.address
    );
    fs::write(&file, &text).unwrap();
    let second = Running::start(base.path(), &["hello", "node", "--config", &path]);
    within(SOON, "a ping is due each 50 ms, and is answered", || {
        let peers = json(base.path(), &["hello", "peers", "--node", &second.address]);
        peers
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p["address"] == first.address.as_str() && p["rtt_ms"].is_f64())
    });
    let shown = json(base.path(), &["config", "--config", &path]);
    assert_eq!(
        (&shown["network"], &shown["hello"]["ping_period"]),
        (&"overlays-alone".into(), &"50ms".into())
    );
    assert_eq!(shown["hello"]["peer"], serde_json::json!([first.address]));

    for (wrong, said) in [
        (
            "[hello]\nlisten = '127.0.0.1:0'\npong_period = '1s'",
            "there is no key 'pong_period' in [hello]: PATH line 3: did you mean 'ping_period'? ('egoist config' prints all keys)",
        ),
        (
            "[hello]\nping_period = 60",
            "'60' is no value for ping_period: PATH line 2: write a number and a unit, as in 250ms, 3s, 5m or 1h",
        ),
        (
            "[hello]\nlisten = true",
            "'listen' cannot have this value: PATH line 2: give a text in quotes or a decimal number",
        ),
        ("hello = 7", "'hello' is a table: PATH line 1: write [name] and its keys below"),
    ] {
        fs::write(&file, wrong).unwrap();
        // Whatever node reads the file, it says what is wrong with it.
        for args in [&["hello", "node", "--config", &path][..], &["node", "--config", &path]] {
            let expected = format!("egoist: {}\n", said.replace("PATH", &path));
            assert_eq!(failure(base.path(), args), (2, expected), "{args:?}");
        }
    }
}

#[test]
fn what_no_hello_node_can_run_with_is_said_where_it_stands() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("e.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "[hello]\nlisten = '127.0.0.1:0'\n\npeer = ['127.0.0.1:5999', '224.0.0.1:7']\n")
        .unwrap();
    let said = |place: &str| {
        format!(
            "egoist: peer has 224.0.0.1:7, where nobody can be dialled: {place}: name the IP address and the port of \
             one host\n"
        )
    };
    let node = ["hello", "node", "--config", path];
    assert_eq!(failure(base.path(), &node), (2, said(&format!("{path} line 4"))));
    let by_flag = [&node[..], &["--peer", "224.0.0.1:7"]].concat();
    assert_eq!(failure(base.path(), &by_flag), (2, said("--peer")));
}

#[test]
fn nodes_that_are_told_nothing_share_the_articles_ports() {
    const PORTS: [u16; 3] = [5999, 5998, 5997];
    let base = tempfile::tempdir().unwrap();
    let free: Result<Vec<TcpListener>, _> =
        PORTS.iter().map(|port| TcpListener::bind(("127.0.0.1", *port))).collect();
    if free.is_err() {
        println!("SKIPPED: somebody listens on port 5999, 5998 or 5997");
        return;
    }
    drop(free);
    let nodes = PORTS.map(|port| {
        let node = Running::start(base.path(), &["hello", "node"]);
        assert_eq!(node.address, format!("127.0.0.1:{port}"));
        node
    });
    let (code, said) = failure(base.path(), &["hello", "node"]);
    assert_eq!((code, said.contains("--listen")), (1, true), "{said}");
    for node in &nodes {
        within(SOON, "it has met the others", || {
            let peers = json(base.path(), &["hello", "peers", "--node", &node.address]);
            let met = |other: &Running| {
                peers.as_array().unwrap().iter().any(|peer| peer["address"] == other.address.as_str())
            };
            nodes.iter().filter(|other| other.address != node.address).all(met)
        });
    }
}
