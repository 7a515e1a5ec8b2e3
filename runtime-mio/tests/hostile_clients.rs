//! Control clients that say much, keep much waiting and read nothing: what a node's memory makes of it.

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use program::{Running, failure, json, within};

/// Clients of each kind.
const MANY: usize = 13;
/// What a node may grow by for all of them, in KiB: 16 MiB that they hold, twice for the buffers around it, and as much
/// for one request while it is read.
const GROWS: u64 = 48 << 10;

/// What the process has in memory, and the most it had, in KiB.
fn memory(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (value("VmRSS:"), value("VmHWM:"))
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Says the lines as far as the node takes them.
fn say(path: &Path, line: &[u8], times: usize) -> UnixStream {
    let mut stream = connect(path);
    for _ in 0..times {
        if stream.write_all(line).is_err() {
            break;
        }
    }
    stream
}

/// A node that has started and knows nobody, with its control socket at `control`.
fn alone(base: &Path, control: &Path) -> Running {
    let path = control.to_str().unwrap();
    let args =
        ["node", "--listen", "127.0.0.1:0", "--bootstrap", "127.0.0.1:9", "--no-state", "--control", path];
    let node = Running::start(base, &args);
    within(Duration::from_secs(5), "it has started", || {
        json(base, &["status", "--control", path])["id"].is_string()
    });
    node
}

fn no_memory_to_read() -> bool {
    let none = !Path::new("/proc/self/status").exists();
    if none {
        eprintln!("SKIPPED: there is no /proc here to read a process's memory from");
    }
    none
}

/// Sends the request so often, and reads as many answers, all of which are good.
fn answered(client: &UnixStream, request: &str, times: usize) {
    let (mut asks, lines) = (client, request.repeat(100));
    let mut answers = BufReader::new(client);
    let mut line = String::new();
    for _ in 0..times / 100 {
        asks.write_all(lines.as_bytes()).unwrap();
        for _ in 0..100 {
            line.clear();
            answers.read_line(&mut line).unwrap();
            assert!(line.contains("\"ok\""), "{line}");
        }
    }
}

#[test]
fn echoes_that_came_back_leave_nothing() {
    if no_memory_to_read() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let control = base.path().join("c");
    let node = alone(base.path(), &control);
    let ping = format!(
        "{{\"id\": 1, \"do\": \"overlay.ping\", \"with\": {{\"to\": \"{}\", \"wait_ms\": 3600000}}}}\n",
        node.address
    );
    let client = connect(&control);
    answered(&client, &ping, 1_000);
    let (before, _) = memory(node.child.id());
    answered(&client, &ping, 200_000);
    let (after, _) = memory(node.child.id());
    println!("{before} KiB before, {after} KiB after 200,000 echoes");
    assert!(after < before + (2 << 10), "{before} KiB before, {after} KiB after 200,000 echoes");
}

#[test]
fn idle_clients_lock_nobody_out_and_busy_ones_are_named() {
    let base = tempfile::tempdir().unwrap();
    let control = base.path().join("c");
    let _node = alone(base.path(), &control);
    let status = ["status", "--control", control.to_str().unwrap()];
    let idle: Vec<_> = (0..64).map(|_| connect(&control)).collect();
    assert!(json(base.path(), &status)["id"].is_string(), "who is idle makes room");
    let listen = b"{\"id\": 1, \"do\": \"overlay.listen\"}\n{\"id\": 2, \"do\": \"overlay.status\"}\n";
    let busy: Vec<_> = (0..64).map(|_| say(&control, listen, 1)).collect();
    for client in &busy {
        BufReader::new(client).read_line(&mut String::new()).unwrap();
    }
    let (code, said) = failure(base.path(), &status);
    assert!(code == 1 && said.contains("64 clients are connected"), "{said}");
    drop((idle, busy));
}

/// As strangers take all the descriptors that they can.
#[test]
fn strangers_leave_descriptors_to_the_owner() {
    let base = tempfile::tempdir().unwrap();
    let control = base.path().join("c");
    let script = format!("ulimit -n 64; exec {} \"$@\"", env!("CARGO_BIN_EXE_egoist"));
    let mut shell = Command::new("sh");
    let args =
        ["node", "--listen", "127.0.0.1:0", "--bootstrap", "127.0.0.1:9", "--no-state", "--json", "-qq"];
    shell.args(["-c", &script, "sh"]).args(args).arg("--control").arg(&control);
    let node = Running::begin(shell);
    let strangers: Vec<_> = (0..100).map(|_| TcpStream::connect(&node.address).unwrap()).collect();
    let status = ["status", "--control", control.to_str().unwrap(), "--timeout", "2s"];
    for _ in 0..5 {
        assert!(json(base.path(), &status)["address"].is_string());
    }
    drop(strangers);
}

#[test]
fn one_client_listens_once() {
    let base = tempfile::tempdir().unwrap();
    let control = base.path().join("c");
    let _node = alone(base.path(), &control);
    let client = say(
        &control,
        b"{\"id\": 1, \"do\": \"overlay.listen\"}\n{\"id\": 2, \"do\": \"overlay.listen\"}\n",
        1,
    );
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line).unwrap();
    assert!(line.contains("\"id\":2") && line.contains("listens already"), "{line}");
}

#[test]
fn hostile_clients_cost_a_bounded_memory() {
    if no_memory_to_read() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let control = base.path().join("c");
    let mut node = alone(base.path(), &control);
    let (before, _) = memory(node.child.id());

    // An id is kept until the answer, and who listens waits for ever.
    let id = "i".repeat((1 << 20) - 100);
    let named = format!("{{\"id\": \"{id}\", \"do\": \"overlay.listen\"}}\n");
    let listening: Vec<_> = (0..MANY).map(|_| say(&control, named.as_bytes(), 20)).collect();
    // A line without an end.
    let endless: Vec<_> = (0..MANY).map(|_| say(&control, &vec![b' '; (1 << 20) - 1], 1)).collect();
    // Answers that nobody reads: each repeats what was asked.
    let unknown = format!("{{\"id\": 1, \"do\": \"{}\"}}\n", "x".repeat(100_000));
    let deaf: Vec<_> = (0..MANY).map(|_| say(&control, unknown.as_bytes(), 60)).collect();
    // One request of many values.
    let values = format!("{{\"id\": 1, \"do\": \"overlay.ping\", \"with\": [{}0]}}\n", "0,".repeat(500_000));
    let wide = say(&control, values.as_bytes(), 2);

    let began = Instant::now();
    let mut good = connect(&control);
    good.write_all(b"{\"id\": 1, \"do\": \"overlay.status\"}\n").unwrap();
    let mut answer = String::new();
    BufReader::new(good).read_line(&mut answer).unwrap();
    assert!(answer.contains("\"ok\""), "{answer}");
    let (after, most) = memory(node.child.id());
    println!(
        "{before} KiB before, {after} KiB with {} hostile clients, {most} KiB at most; a good one was answered in {:?}",
        3 * MANY + 1,
        began.elapsed()
    );
    assert!(most - before < GROWS, "{before} KiB before, {most} KiB at most");
    drop((listening, endless, deaf, wide));
    node.signal("TERM");
    assert!(node.end().success());
}
