//! Nodes of the ncpoc dialect in processes of their own, and a peer that reads and judges as the original program does.

mod program;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use egoist_core::hello::ncpoc;
use program::{Running, json, within};
use serde_json::Value;

/// Somebody answers within this, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:9";

fn node(base: &Path, more: &[&str]) -> Running {
    let all = [&["hello", "node", "--dialect", "ncpoc", "--listen", "127.0.0.1:0"], more].concat();
    Running::start(base, &all)
}

fn peers(base: &Path, node: &Running) -> Vec<Value> {
    let peers = json(base, &["hello", "peers", "--node", &node.address]);
    peers.as_array().unwrap().clone()
}

/// A connection of the original program.
struct Original {
    stream: TcpStream,
    heard: Vec<Value>,
}

impl Original {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(SOON)).unwrap();
        Original { stream, heard: Vec::new() }
    }

    /// Says a line that the original has said, as it was taken from the wire.
    fn say(&mut self, name: &str) {
        let golden: Value = serde_json::from_str(include_str!("../../core/src/hello/golden.json")).unwrap();
        let vectors = golden["ncpoc"]["vectors"].as_array().unwrap();
        let line = vectors.iter().find(|vector| vector["name"] == name).unwrap()["text"].as_str().unwrap();
        self.stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Reads until so many lines have come in all. Each read is taken for whole lines, and each line's data is written again,
    /// its keys in the order of Python 2, to verify it.
    fn read(&mut self, lines: usize) -> &[Value] {
        while self.heard.len() < lines {
            let mut buffer = vec![0; 65_536];
            let n = self.stream.read(&mut buffer).unwrap();
            assert!(n > 0, "closed after {:?}", self.heard);
            for line in std::str::from_utf8(&buffer[..n]).unwrap().lines() {
                let envelope: Value = serde_json::from_str(line).expect("each read brings whole lines");
                let again = format!("\"data\": {}, \"sign\": ", written_again(&envelope["data"]));
                assert!(line.contains(&again), "{line} is not {again}");
                assert!(ncpoc::read(line.as_bytes()).is_ok(), "{line}");
                self.heard.push(envelope);
            }
        }
        &self.heard
    }
}

fn written_again(data: &Value) -> String {
    let keys = ["nonce", "nodes", "version", "nodeid"].iter().filter(|key| data.get(key).is_some());
    let all: Vec<String> = keys.map(|key| format!("\"{key}\": {}", spaced(&data[key]))).collect();
    assert_eq!(all.len(), data.as_object().unwrap().len(), "{data}");
    format!("{{{}}}", all.join(", "))
}

fn spaced(value: &Value) -> String {
    match value {
        Value::Array(all) => format!("[{}]", all.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[test]
fn two_nodes_meet_and_the_one_that_was_dialled_pings() {
    let base = tempfile::tempdir().unwrap();
    let first = node(base.path(), &["--peer", NOBODY, "--ping-period", "50ms"]);
    let second = node(base.path(), &["--peer", &first.address]);
    within(SOON, "the first has a pong of the second", || {
        peers(base.path(), &first).iter().any(|peer| peer["dialled"] == false && peer["rtt_ms"].is_f64())
    });
    let known = peers(base.path(), &second);
    assert_eq!((known.len(), &known[0]["dialled"], &known[0]["rtt_ms"]), (1, &true.into(), &Value::Null));
    let id = known[0]["nodeid"].as_str().unwrap();
    assert!(id.len() == 10 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    let status = json(base.path(), &["status", "--node", &second.address]);
    assert_eq!((&status["misbehaved"], &status["messages_out_of_place"]), (&0.into(), &0.into()));
}

#[test]
fn the_original_meets_a_node_that_it_dials() {
    let base = tempfile::tempdir().unwrap();
    let node = node(base.path(), &["--peer", NOBODY, "--ping-period", "1s"]);
    let mut original = Original::new(TcpStream::connect(&node.address).unwrap());
    let port = original.stream.local_addr().unwrap();
    original.say("py2_hello_req");
    let heard = original.read(3);
    let kinds: Vec<&str> = heard.iter().map(|line| line["msgtype"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["hello", "addr", "ping"]);
    let row = &heard[1]["data"]["nodes"][0];
    assert_eq!(
        (&row[0], &row[1], &row[2]),
        (&"b28b3a6ae2".into(), &port.to_string().into(), &"LISTENER".into())
    );
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - row[3].as_f64().unwrap()).abs() < 60.0, "{row} at {now}");
    original.say("py3_pong_mixed");
    within(SOON, "its pong has come", || {
        peers(base.path(), &node).iter().any(|peer| peer["rtt_ms"].is_f64())
    });
}

#[test]
fn a_node_meets_the_original_that_it_dials() {
    let base = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = node(base.path(), &["--peer", &listener.local_addr().unwrap().to_string()]);
    let mut original = Original::new(listener.accept().unwrap().0);
    assert_eq!(original.read(1)[0]["msgtype"], "hello");
    original.say("py2_hello_resp");
    original.say("py2_addr_resp_1nodes");
    original.say("py2_ping_mixed");
    assert_eq!(original.read(2)[1]["msgtype"], "pong");
    let known = peers(base.path(), &node);
    assert_eq!(
        (known.len(), &known[0]["nodeid"], &known[0]["dialled"]),
        (1, &"2c1ec6fbcb".into(), &true.into())
    );
    let status = json(base.path(), &["status", "--node", &node.address]);
    assert_eq!(status["known"], 1, "nobody listens at the dialler's own end: {status}");
}
