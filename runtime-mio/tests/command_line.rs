//! The program as its users run it: answers, exit codes and what is said on standard error.

mod program;

use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use egoist_mio::control::{Refusal, Request, Responder};
use egoist_mio::{Driver, Handle};
use program::{Running, answer, command, egoist, failure};
use serde_json::{Value, json};

/// A control socket that answers as a node would.
struct Node {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    fn at(control: &Path) -> Node {
        let path = control.to_owned();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let mut driver = Driver::new().unwrap();
            driver
                .serve_control(&path, |host, request, responder| respond(&request, responder, || host.stop()))
                .unwrap();
            tell.send(driver.handle()).unwrap();
            driver.run().unwrap();
        });
        Node { handle: told.recv().unwrap(), thread: Some(thread) }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.handle.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

const ID: &str = "3f2a2233445566778899aabbccddeeff";

/// A node whose second echo meets a full queue.
const CROWDED: &str = "c0de";
static ASKED: AtomicU32 = AtomicU32::new(0);

fn respond(request: &Request, responder: Responder, mut stop: impl FnMut()) {
    let known = request.with["to"] == "127.0.0.1:61300" || request.with["to"] == "3f2a";
    let crowded = request.with["to"] == CROWDED;
    let node = json!({"id": ID, "address": "127.0.0.1:61300"});
    let with = |more: Value| {
        let mut all = node.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    match request.action.as_str() {
        "overlay.ping" if crowded && ASKED.fetch_add(1, Ordering::Relaxed) == 1 => {
            responder.refuse(Refusal::new("busy", "a queue on the way is full"));
        }
        "overlay.ping" if crowded => responder.ok(with(json!({"rtt_ms": 1.5}))),
        "overlay.path" | "overlay.ping" | "overlay.send" if !known => {
            responder.refuse(Refusal::new("unknown-node", "no such node is known"));
        }
        "overlay.ping" => responder.ok(with(json!({"rtt_ms": 1.5}))),
        "overlay.send" => {
            let octets = request.with["payload"]["hex"].as_str().map_or(0, |digits| digits.len() / 2);
            responder.ok(with(json!({"next_hop": "127.0.0.1:61301", "octets": octets})));
        }
        "overlay.routes" => responder.ok(json!([])),
        "overlay.listen" => {
            for text in ["one", "two\u{1b}[2J"] {
                responder.event(with(json!({"payload": {"text": text}})));
            }
            responder.ok(json!({}));
        }
        "node.leave" => {
            responder.ok(node);
            stop();
        }
        other => responder.refuse(Refusal::new("unknown-verb", format!("'{other}' is not known"))),
    }
}

/// What the help says of the folder for the state is where it is.
#[test]
fn the_folder_of_a_state_is_called_as_the_help_says() {
    for args in
        [&["node"][..], &["bootstrap", "--listen", "127.0.0.1:0"], &["hello", "node", "-l", "127.0.0.1:0"]]
    {
        let base = tempfile::tempdir().unwrap();
        let node = Running::start(base.path(), args);
        let command: Vec<_> = args.iter().copied().take_while(|arg| !arg.starts_with('-')).collect();
        let help = answer(base.path(), &[&command[..], &["--help"]].concat());
        let by_name =
            help.split_whitespace().collect::<Vec<_>>().join(" ").contains("the first of node, node-2");
        let called = if by_name { "node".to_owned() } else { node.address.replace(':', "_") };
        assert!(base.path().join("egoist").join(&called).is_dir(), "{args:?}: {called}");
        assert_eq!(std::fs::read_dir(base.path().join("egoist")).unwrap().count(), 1, "{args:?}");
    }
}

#[test]
fn an_echo_that_meets_a_full_queue_is_one_of_several() {
    let dir = tempfile::tempdir().unwrap();
    let control = dir.path().join("c");
    let _node = Node::at(&control);
    let args = ["ping", CROWDED, "-c", "5", "-i", "10ms", "--control", control.to_str().unwrap()];
    assert!(answer(dir.path(), &args).contains("4 of 5 came back"));
}

#[test]
fn wrong_usage_is_one_line_and_exit_code_2() {
    let base = tempfile::tempdir().unwrap();
    for (args, said) in [
        (vec!["xyzzy"], "egoist: unrecognized subcommand 'xyzzy': egoist: see 'egoist --help'\n"),
        (
            vec!["status", "--nod", "1"],
            "egoist: unexpected argument '--nod' found: egoist status: a similar argument exists: '--node' (see 'egoist status --help')\n",
        ),
        (
            vec!["ping", "x"],
            "egoist: invalid value 'x' for '<DEST>': write HOST:PORT, or at least four digits of a node's id: egoist ping: see 'egoist ping --help'\n",
        ),
        (
            vec!["config", "--config", "/nowhere.toml"],
            "egoist: cannot read the configuration (No such file or directory (os error 2)): /nowhere.toml: 'egoist config' prints one to begin with\n",
        ),
    ] {
        let code = if args[0] == "config" { 1 } else { 2 };
        assert_eq!(failure(base.path(), &args), (code, said.to_owned()));
    }
}

#[test]
fn without_a_node_the_remedy_is_said() {
    let base = tempfile::tempdir().unwrap();
    let (code, said) = failure(base.path(), &["status"]);
    assert_eq!(code, 1);
    assert!(
        said.starts_with("egoist: no node runs: ")
            && said.contains("'egoist node'")
            && said.lines().count() == 1,
        "{said}"
    );
    let (code, said) = failure(base.path(), &["routes", "--node", "127.0.0.1:9"]);
    assert_eq!(code, 1);
    assert!(said.contains("127.0.0.1_9: none runs at all"), "{said}");
    assert_eq!(failure(base.path(), &["routes", "--control", "/nowhere/c"]).0, 1);
}

#[test]
fn a_node_answers() {
    let base = tempfile::tempdir().unwrap();
    let control = base.path().join("c");
    let node = Node::at(&control);
    let control = control.to_str().unwrap();
    let ask = |args: &[&str]| answer(base.path(), &[args, &["--control", control]].concat());

    let pinged = ask(&["ping", "3F2A", "-c", "2", "-i", "10ms"]);
    let line = "from 127.0.0.1:61300 3f2a2233 in 1.50 ms";
    assert_eq!(
        pinged,
        format!(
            "1: {line}\n2: {line}\n2 of 2 came back, round trip min 1.50 ms, mean 1.50 ms, max 1.50 ms\n"
        )
    );
    let pinged: Value =
        serde_json::from_str(&ask(&["ping", "127.0.0.1:61300", "-c", "1", "--json"])).unwrap();
    assert_eq!(pinged["rtts_ms"], json!([1.5]));

    let file = base.path().join("octets");
    std::fs::write(&file, [0xff; 65_536]).unwrap();
    let sent = ask(&["send", "3f2a", "--file", file.to_str().unwrap()]);
    assert_eq!(sent, "64.0 KiB on the way to 127.0.0.1:61300 3f2a2233 by 127.0.0.1:61301\n");

    assert_eq!(ask(&["routes", "--json"]), "[]\n");
    let heard = ask(&["listen"]);
    assert_eq!(heard, "127.0.0.1:61300 3f2a2233  one\n127.0.0.1:61300 3f2a2233  two\\u{1b}[2J\n");
    assert_eq!(ask(&["listen", "--count", "1"]).lines().count(), 1);

    let (code, said) = failure(base.path(), &["path", "beef", "--control", control]);
    assert_eq!(
        (code, said.as_str()),
        (1, "egoist: no such node is known: beef: 'egoist routes' lists all nodes\n")
    );
    let (code, said) = failure(base.path(), &["status", "--control", control]);
    assert_eq!((code, said.starts_with("egoist: 'node.status' is not known: ")), (1, true));

    assert_eq!(ask(&["leave"]), "127.0.0.1:61300 3f2a2233 has left\n");
    drop(node);
    assert_eq!(failure(base.path(), &["leave", "--control", control]).0, 1);
}

#[test]
fn nodes_find_each_other_and_leave() {
    let base = tempfile::tempdir().unwrap();
    let bootstrap = Running::start(base.path(), &["bootstrap", "--listen", "127.0.0.1:0"]);
    let joined = ["node", "--bootstrap", &bootstrap.address];
    let (a, mut b) = (Running::start(base.path(), &joined), Running::start(base.path(), &joined));

    let said = failure(base.path(), &["status"]).1;
    assert!(said.starts_with("egoist: 3 nodes run, which one is meant: "), "{said}");
    let (code, said) = failure(base.path(), &["node", "--listen", &a.address]);
    let holder = format!("egoist: this node runs already, as process {}: ", a.child.id());
    assert_eq!((code, said.starts_with(&holder)), (1, true), "{said}");

    let path = ["path", &b.address, "--node", &a.address];
    let deadline = Instant::now() + Duration::from_secs(20);
    while !egoist(base.path(), &path).status.success() {
        assert!(Instant::now() < deadline, "no path within 20 s");
        thread::sleep(Duration::from_millis(20));
    }
    let pinged = answer(base.path(), &["ping", &b.address, "-c", "1", "-s", "60000", "--node", &a.address]);
    assert!(pinged.contains("1 of 1 came back"), "{pinged}");
    let status: Value =
        serde_json::from_str(&answer(base.path(), &["status", "--json", "--node", &a.address])).unwrap();
    assert_eq!((&status["nodes_reachable"], &status["pid"]), (&json!(1), &json!(a.child.id())));

    let left = answer(base.path(), &["leave", "--node", &b.address]);
    assert!(left.starts_with(&b.address) && left.ends_with(" has left\n"), "{left}");
    assert!(b.child.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let base = tempfile::tempdir().unwrap();
    let mut child =
        command(base.path(), &["config"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert_eq!(said, "");
}

#[test]
fn a_wrong_filter_is_said() {
    let base = tempfile::tempdir().unwrap();
    let output = command(base.path(), &["config"]).env("EGOIST_LOG", "a=b=c").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.starts_with("egoist: 'a=b=c' is no log filter (")
            && said.contains(": EGOIST_LOG: write a level"),
        "{said}"
    );
}

#[test]
fn a_number_that_no_node_can_live_by_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("e.toml");
    std::fs::write(&file, "network = 'n'\n\n[periods]\nheartbeat = '1h'\n").unwrap();
    let (code, said) = failure(folder.path(), &["node", "--no-state", "--config", file.to_str().unwrap()]);
    let what = "heartbeat is 3600s, and can be 10ms to 10s";
    let expected = format!("egoist: {what}: {} line 4: 250ms is usual\n", file.display());
    assert_eq!((code, said), (2, expected));
    let (code, said) =
        failure(folder.path(), &["bootstrap", "--listen=127.0.0.1:0", "--no-state", "--heartbeat=1h"]);
    assert_eq!((code, said), (2, format!("egoist: {what}: --heartbeat: 250ms is usual\n")));
}
