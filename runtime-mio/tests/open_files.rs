//! A process that may open few files, or few at first, and strangers who would have them all.

mod program;

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use program::{Running, json, within};

/// How soon a newcomer is in.
const IN: Duration = Duration::from_secs(5);
/// Connections that strangers let hang: many times what the node has files for, and fewer than the system holds for it.
const HUNG: usize = 900;

/// A node that begins with such a limit of open files, as a shell sets it.
fn limited(base: &Path, limit: &str, more: &[&str]) -> Command {
    let script = format!("ulimit {limit} && exec \"$@\"");
    let node = ["node", "--listen", "127.0.0.1:0", "--bootstrap", "127.0.0.1:9", "--json"];
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_egoist")]).args(node).args(more);
    shell.env("XDG_STATE_HOME", base).env_remove("EGOIST_LOG").stdin(Stdio::null());
    shell
}

/// What a node that begins with such a limit says of it.
fn said(limit: &str, more: &[&str]) -> String {
    let base = tempfile::tempdir().unwrap();
    let log = base.path().join("log");
    let mut node = limited(base.path(), limit, more);
    node.stderr(fs::File::create(&log).unwrap());
    let mut node = Running::begin(node);
    node.signal("TERM");
    assert!(node.end().success());
    let said = fs::read_to_string(log).unwrap();
    said.lines().filter(|line| line.contains("connections")).collect()
}

/// Greets as a node of another overlay, which is refused, and lets the connection hang.
fn refused(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let id = "0123456789abcdef0123456789abcdef";
    let greeting = format!("LNK@1@another@127.0.0.1:9~{id}@o@0123456789abcdef@start=1\r\n");
    stream.write_all(greeting.as_bytes()).unwrap();
    stream
}

#[test]
fn strangers_who_let_refused_connections_hang_keep_no_newcomer_out() {
    let base = tempfile::tempdir().unwrap();
    let mut node = limited(base.path(), "-n 128", &["-q", "-q"]);
    node.stderr(Stdio::null());
    let node = Running::begin(node);
    let hung: Vec<TcpStream> = (0..HUNG).map(|_| refused(&node.address)).collect();
    let args = ["node", "--listen", "127.0.0.1:0", "--bootstrap", &node.address, "--pace", "10"];
    let newcomer = Running::start(base.path(), &args);
    let took = within(IN, "a newcomer is in", || {
        json(base.path(), &["status", "--node", &newcomer.address])["nodes_reachable"] == 1
    });
    let turn = json(base.path(), &["status", "--node", &node.address])["longest_turn_ms"].clone();
    println!("a newcomer was in within {took:?}; the longest turn took {turn} ms");
    drop(hung);
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_opens_as_many_files_as_it_may() {
    let base = tempfile::tempdir().unwrap();
    let mut node = limited(base.path(), "-Sn 100 && ulimit -Hn 1000", &["-q", "-q"]);
    node.stderr(Stdio::null());
    let node = Running::begin(node);
    let limits = fs::read_to_string(format!("/proc/{}/limits", node.child.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("1000"), "{files}");
}

#[test]
fn settings_that_need_more_files_than_there_are_are_told_of() {
    let few = said("-n 128", &["--max-strangers", "1000"]);
    for part in ["WARN", "ulimit -n", "LimitNOFILE=", "files=128", "sockets=", "connections=10"] {
        assert!(few.contains(part), "{part}: {few}");
    }
    assert_eq!(said("-n 2000", &["--max-strangers", "1000"]), "", "enough");
    let many = said("-n 128", &["--max-strangers", "60000"]);
    assert!(many.contains("WARN") && many.contains("lower") && !many.contains("ulimit"), "{many}");
}

#[test]
fn a_node_tells_how_long_its_turns_take() {
    let base = tempfile::tempdir().unwrap();
    for protocol in [&["node", "--bootstrap", "127.0.0.1:9"][..], &["hello", "node"]] {
        let node = Running::start(base.path(), &[protocol, &["--listen", "127.0.0.1:0"]].concat());
        let status = json(base.path(), &["status", "--node", &node.address]);
        if cfg!(target_os = "linux") {
            let [ever, lately] =
                ["longest_turn_ms", "longest_turn_lately_ms"].map(|key| status[key].as_f64().unwrap());
            assert!(ever > 0.0 && lately > 0.0 && lately <= ever, "{status}");
        }
    }
}
