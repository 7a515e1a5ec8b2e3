//! Standard error as it must not be: full, closed, read by nobody; and who makes a node say much.

mod program;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use program::{Running, command, json, within};

/// How soon a node answers on its control socket, whatever its log does.
const ANSWER: Duration = Duration::from_millis(50);
/// How soon it has ended after SIGTERM.
const END: Duration = Duration::from_secs(3);
/// Until more was said than a pipe and the log's queue hold, where sockets are slow.
const MUCH: Duration = Duration::from_secs(60);
/// More than a pipe holds, whatever a line is.
const JUNK: usize = 3_000;

/// A node that says all it can to `stderr`, and junk sent to it until no pipe would take more.
fn flooded(base: &Path, stderr: Stdio, more: &[&str]) -> Running {
    let args = ["node", "--listen", "127.0.0.1:0", "--bootstrap", "127.0.0.1:9"];
    let node = Running::logging_to(base, stderr, &[&args, more].concat());
    junk(&node.address, JUNK);
    node
}

/// Connections that say something which is no packet, and datagrams of the same kind.
fn junk(address: &str, times: usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..times {
        let mut stream = TcpStream::connect(address).unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        let _ = socket.send_to(b"junk\r\n", address);
    }
}

/// How long the node takes to say how it is, in the median of some times.
fn answers_within(base: &Path, node: &Running) -> Duration {
    let path = base.join("egoist").join(node.address.replace(':', "_")).join("control.sock");
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let began = Instant::now();
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            stream.write_all(b"{\"id\": 1, \"do\": \"overlay.status\"}\n").unwrap();
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).expect("it answers");
            assert!(line.contains("\"ok\""), "{line}");
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[10]
}

/// Ends it by SIGTERM; how long that took.
fn ends_within(node: &mut Running) -> (ExitStatus, Duration) {
    let began = Instant::now();
    node.signal("TERM");
    (node.end(), began.elapsed())
}

/// Whether it lives, answers and ends.
fn holds(base: &Path, mut node: Running, what: &str) {
    assert!(node.child.try_wait().unwrap().is_none(), "{what}: the node ended");
    let answered = answers_within(base, &node);
    let (status, took) = ends_within(&mut node);
    println!("{what}: answers within {answered:?}, ends within {took:?}");
    assert!(answered < ANSWER, "{what}: {answered:?}");
    assert!(status.success() && took < END, "{what}: {status} after {took:?}");
}

#[test]
fn a_log_on_a_full_disk_takes_no_node_down() {
    let base = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full");
    let Ok(full) = full else {
        eprintln!("SKIPPED: there is no /dev/full here");
        return;
    };
    let node = flooded(base.path(), full.into(), &["-v"]);
    let lost = json(base.path(), &["status", "--node", &node.address])["log_lost"].as_u64();
    assert!(lost.unwrap() > 0, "what cannot be written is counted");
    holds(base.path(), node, "/dev/full");
}

#[test]
fn a_log_whose_reader_has_left_takes_no_node_down() {
    let base = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    holds(base.path(), flooded(base.path(), writer.into(), &["-v"]), "a closed pipe");
}

#[test]
fn a_log_that_nobody_reads_takes_no_node_down() {
    let base = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    holds(base.path(), flooded(base.path(), writer.into(), &["-v"]), "a pipe that nobody reads");
    drop(reader);
}

#[test]
fn what_was_lost_is_said_once_somebody_reads() {
    let base = tempfile::tempdir().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut node = flooded(base.path(), writer.into(), &["-v", "-v", "-v"]);
    let lost = || json(base.path(), &["status", "--node", &node.address])["log_lost"].as_u64().unwrap();
    within(MUCH, "more is said than fits", || {
        junk(&node.address, JUNK);
        lost() > 0
    });
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    });
    std::thread::sleep(Duration::from_millis(500));
    let lost = lost();
    ends_within(&mut node);
    let text = reading.join().unwrap();
    let told: Vec<&str> = text.lines().filter(|line| line.contains("lines of the log were lost")).collect();
    assert!(told.iter().any(|line| line.contains(&format!("lost={lost}"))), "{lost}: {told:?}");
}

#[test]
fn one_client_does_not_make_a_node_say_much() {
    let base = tempfile::tempdir().unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    });
    let mut node = flooded(base.path(), writer.into(), &[]);
    let answered = answers_within(base.path(), &node);
    assert!(answered < ANSWER, "{answered:?}");
    assert!(ends_within(&mut node).0.success());
    let text = reading.join().unwrap();
    let lines = text.lines().filter(|line| line.contains("a peer broke a rule")).count();
    println!("{lines} lines for {JUNK} connections: {text}");
    assert!(text.contains(" more: a peer broke a rule") && lines < 100, "{lines} lines: {text}");
}

#[test]
fn a_log_may_be_json() {
    let base = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut node = flooded(base.path(), writer.into(), &["--log-format", "json"]);
    assert!(ends_within(&mut node).0.success());
    let failing = command(base.path(), &["status", "--log-format", "json"]).output().unwrap();
    let text = std::io::read_to_string(reader).unwrap() + &String::from_utf8(failing.stderr).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |what: &str| {
        lines.iter().find(|line| line["fields"]["message"].as_str().unwrap().contains(what)).unwrap()
    };
    assert_eq!(said("started")["fields"]["incarnation"], 1);
    assert_eq!(said("more: a peer broke a rule")["fields"]["host"], "127.0.0.1");
    assert!(said("no node runs")["level"] == "ERROR" && said("asked to leave")["timestamp"].is_string());
}

/// Each call ends badly, and says so in one line of JSON, whatever the filter lets through.
#[test]
fn failures_are_json_whatever_the_filter() {
    let base = tempfile::tempdir().unwrap();
    let wrong = base.path().join("wrong.toml");
    std::fs::write(&wrong, "k = ").unwrap();
    let wrong = wrong.to_str().unwrap();
    for (filter, args) in [
        ("off", &["--log-format", "json", "status"][..]),
        ("egoist_mio=trace", &["status", "--log-format", "json"]),
        ("", &["--log-format=json", "status"]),
        ("=,=", &["--log-format=json", "status"]),
        ("info", &["--log-format", "json", "status", "--no-such-flag"]),
        ("info", &["status", "--timeout", "soon", "--log-format", "json"]),
        ("info", &["node", "--config", "/nowhere/e.toml", "--log-format", "json"]),
        ("info", &["node", "--config", wrong, "--log-format", "json"]),
        ("info", &["--log-format", "json"]),
    ] {
        let output = command(base.path(), args).env("EGOIST_LOG", filter).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<serde_json::Value> =
            said.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
        assert_eq!((lines.len(), said.lines().count()), (1, 1), "{filter} {args:?}: {said}");
        assert!(lines[0]["level"] == "ERROR" && !output.status.success(), "{filter} {args:?}: {said}");
    }
}

/// A filter for the loop alone leaves the program's own warnings, and an empty one is none.
#[test]
fn a_filter_for_others_leaves_the_programs_own_warnings() {
    let base = tempfile::tempdir().unwrap();
    for filter in ["egoist_mio=error", ""] {
        let log = tempfile::NamedTempFile::new_in(base.path()).unwrap();
        let mut begin =
            command(base.path(), &["node", "--listen", "127.0.0.1:0", "--no-state", "--pace", "2"]);
        begin.arg("--json").stderr(log.reopen().unwrap()).env("EGOIST_LOG", filter);
        let _node = Running::begin(begin);
        let said = || std::fs::read_to_string(log.path()).unwrap();
        within(END, "it warns", || said().contains("periods are divided for an experiment"));
    }
}

#[test]
fn colours_are_for_terminals_whose_owner_likes_them() {
    let base = tempfile::tempdir().unwrap();
    let said = |colours: &str| {
        let program = format!("{} status --control /nowhere/c -v; {0} --help", env!("CARGO_BIN_EXE_egoist"));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &program, "/dev/null"]).env("XDG_STATE_HOME", base.path()).env("TERM", "xterm");
        script.env("NO_COLOR", colours).stdin(Stdio::null()).output()
    };
    let (Ok(coloured), Ok(plain)) = (said(""), said("1")) else {
        eprintln!("SKIPPED: script is not there to make a terminal");
        return;
    };
    assert!(coloured.stdout.contains(&0x1b), "{coloured:?}");
    assert!(!plain.stdout.contains(&0x1b), "{plain:?}");
}
