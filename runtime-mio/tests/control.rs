//! The control socket and the signals, in a driver's loop.

mod machines;

use std::cell::RefCell;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use egoist_core::kernel::{Checked, Port};
use egoist_mio::control::{Refusal, Responder};
use egoist_mio::{Driver, Handle, Setup};
use machines::{Echo, Puppet, Seen};
use serde_json::{Value, json};

/// A driver that serves `path`: it answers `add` and `sockets` at once, `later` from a timer, streams `count`, keeps
/// `never`, and drops anything else.
fn serve(path: &Path) -> Driver {
    let mut driver = Driver::new().unwrap();
    let setup = Setup { udp: vec!["127.0.0.1:0".parse().unwrap()], ..Setup::default() };
    let bound = driver.bind(&setup).unwrap();
    let echo = driver.add(bound, Checked::new(Echo::default()), |_, _| ());
    let kept = Rc::new(RefCell::new(Vec::<Responder>::new()));
    let handler =
        move |host: &mut egoist_mio::Host, request: egoist_mio::control::Request, answer: Responder| {
            match request.action.as_str() {
                "add" => match request.with.as_array() {
                    Some(terms) => answer.ok(terms.iter().filter_map(Value::as_i64).sum::<i64>()),
                    None => answer.refuse(Refusal::new("bad-argument", "add needs an array")),
                },
                "where" => answer.ok(host.local_addr(echo)),
                "later" => _ = host.after(Duration::from_millis(5), move |_| answer.ok("now")),
                "count" => {
                    for n in 1..=3 {
                        assert!(answer.event(n));
                    }
                    answer.ok(Value::Null);
                }
                "large" => answer.ok("x".repeat(3_000_000)),
                "never" => kept.borrow_mut().push(answer),
                "stop" => {
                    answer.ok(Value::Null);
                    host.stop();
                }
                _ => drop(answer),
            }
        };
    driver.serve_control(path, handler).unwrap();
    driver
}

/// Says `lines` to a driver that serves `path`, and returns the first `n` answers.
fn ask(path: &Path, lines: &str, n: usize) -> Vec<Value> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(lines.as_bytes()).ok();
    let answers = BufReader::new(stream).lines().map_while(Result::ok).take(n);
    answers.map(|line| serde_json::from_str(&line).unwrap()).collect()
}

/// Stops a driver when a client ends, be it by a panic.
struct Stop(Handle);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn beside<T: Send + 'static>(driver: &mut Driver, client: impl FnOnce() -> T + Send + 'static) -> T {
    let stop = Stop(driver.handle());
    let thread: JoinHandle<T> = thread::spawn(move || {
        let _stop = stop;
        client()
    });
    driver.run().unwrap();
    thread.join().unwrap()
}

#[test]
fn requests_are_answered_by_id() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let mut driver = serve(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let lines = [
        r#"{"id": 1, "do": "add", "with": [1, 2, 3]}"#,
        r#"{"id": "two", "do": "later"}"#,
        r#"{"id": 3, "do": "add"}"#,
        r#"{"id": 4, "do": "nothing known"}"#,
        r#"not JSON"#,
        r#"["five", "add", [1]]"#,
        r#"{"id": 18446744073709551616, "do": "add", "with": [1]}"#,
        r#"{"id": 18446744073709551615, "do": "add", "with": [9]}"#,
        "",
        r#"{"id": 5, "do": "count"}"#,
    ];
    let client = path.clone();
    let answers = beside(&mut driver, move || ask(&client, &(lines.join("\n") + "\n"), 12));
    assert_eq!(answers[0], json!({"id": 1, "ok": 6}));
    assert_eq!(answers[1]["error"]["code"], "bad-argument");
    assert_eq!(
        answers[2],
        json!({"id": 4, "error": {"code": "unanswered", "message": "the request was dropped"}})
    );
    for refused in &answers[3..6] {
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&Value::Null, &"bad-request".into()));
    }
    assert_eq!(answers[6], json!({"id": u64::MAX, "ok": 9}));
    let events: Vec<&Value> = answers[7..10].iter().map(|line| &line["event"]).collect();
    assert_eq!(events, [1, 2, 3]);
    assert_eq!(answers[10], json!({"id": 5, "ok": null}));
    assert_eq!(answers[11], json!({"id": "two", "ok": "now"}));
    drop(driver);
    assert!(!path.exists(), "the socket goes with the driver");
}

#[test]
fn clients_are_bounded_in_what_they_say_and_leave_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let mut driver = serve(&path);
    let before = driver.sockets();
    let client = path.clone();
    beside(&mut driver, move || {
        let too_long = vec![b'x'; (1 << 20) + 1];
        let mut stream = UnixStream::connect(&client).unwrap();
        stream.write_all(&too_long).ok();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).ok();
        assert!(line.is_empty() || line.contains("bad-request"), "{line}");

        let mut deaf = UnixStream::connect(&client).unwrap();
        deaf.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let dropped = (0..10_000).any(|_| deaf.write_all(b"{\"do\": \"large\"}\n").is_err());
        assert!(dropped, "who does not read is dropped");

        let never = "{\"id\": 1, \"do\": \"never\"}\n".repeat(300);
        let answers = ask(&client, &never, 1);
        assert_eq!(answers[0]["error"]["code"], "busy");

        let mut crowd: Vec<UnixStream> = (0..70).map(|_| UnixStream::connect(&client).unwrap()).collect();
        assert_eq!(
            ask(&client, "{\"id\": 1, \"do\": \"add\", \"with\": [1]}\n", 1),
            [json!({"id": 1, "ok": 1})]
        );
        let mut line = String::new();
        BufReader::new(&crowd[0]).read_line(&mut line).ok();
        assert_eq!(line, "", "who was silent longest made room");

        crowd.clear();
        let waiting = "{\"id\": 1, \"do\": \"never\"}\n{\"id\": 2, \"do\": \"add\"}\n";
        for _ in 0..64 {
            let mut one = UnixStream::connect(&client).unwrap();
            one.write_all(waiting.as_bytes()).unwrap();
            BufReader::new(&one).read_line(&mut String::new()).unwrap();
            crowd.push(one);
        }
        let answers = ask(&client, "{\"id\": 1, \"do\": \"add\"}\n", 1);
        assert_eq!((&answers[0]["id"], &answers[0]["error"]["code"]), (&Value::Null, &"busy".into()));
        drop(crowd);
        let answered = || {
            Some(ask(&client, "{\"do\": \"large\"}\n", 1))
                .filter(|answers| answers.iter().any(|a| a["ok"].is_string()))
        };
        let large = (0..1_000).find_map(|_| answered()).expect("there is room again");
        assert_eq!(large[0]["ok"].as_str().unwrap().len(), 3_000_000);
    });
    for _ in 0..5 {
        driver.turn(Some(Duration::from_millis(10))).unwrap();
    }
    assert_eq!(driver.sockets(), before, "nothing is left of clients that have gone");
}

/// Readiness tells of much besides: that it has read its answer is nothing that a client says.
#[test]
fn who_said_something_last_is_not_who_read_something_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let mut driver = serve(&path);
    let mut turns = || (0..3).for_each(|_| driver.turn(Some(Duration::from_millis(10))).unwrap());
    let mut two: Vec<UnixStream> = (0..2).map(|_| UnixStream::connect(&path).unwrap()).collect();
    for one in &mut two {
        one.write_all(b"{\"do\": \"add\", \"with\": [1]}\n").unwrap();
        turns();
    }
    for one in two.iter().rev() {
        BufReader::new(one).read_line(&mut String::new()).unwrap();
        turns();
    }
    let _crowd: Vec<UnixStream> = (0..63).map(|_| UnixStream::connect(&path).unwrap()).collect();
    turns();
    let end = |one: &UnixStream| {
        one.set_nonblocking(true).unwrap();
        BufReader::new(one).read_line(&mut String::new()).map_err(|error| error.kind())
    };
    assert_eq!([end(&two[0]), end(&two[1])], [Ok(0), Err(ErrorKind::WouldBlock)]);
}

#[test]
fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let mut driver = serve(&path);
    let mut second = Driver::new().unwrap();
    let refused = second.serve_control(&path, |_, _, _| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);
    let client = path.clone();
    let answers = beside(&mut driver, move || ask(&client, "{\"do\": \"where\"}\n", 1));
    assert!(answers[0]["ok"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn a_client_may_end_its_side_right_after_asking() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let mut driver = serve(&path);
    let client = path.clone();
    let line = beside(&mut driver, move || {
        let mut stream = UnixStream::connect(&client).unwrap();
        stream.write_all(b"{\"id\": 1, \"do\": \"add\", \"with\": [4]}\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    });
    assert_eq!(line, "{\"id\":1,\"ok\":4}\n");
}

#[test]
fn the_first_signal_is_a_wish_and_the_second_is_an_end() {
    let mut driver = Driver::new().unwrap();
    let setup = Setup { udp: vec!["127.0.0.1:0".parse().unwrap()], ..Setup::default() };
    let bound = driver.bind(&setup).unwrap();
    let to = bound.udp()[0];
    let puppet = driver.add(bound, Checked::new(Puppet::default()), |host, (_, seen)| {
        assert!(matches!(seen, Seen::Datagram(Port(0), _, _)));
        host.after(Duration::from_millis(1), |_| raise());
    });
    let leave = move |host: &mut egoist_mio::Host| {
        let goodbye = egoist_core::kernel::Output::Datagram {
            port: Port(0),
            to,
            payload: "bye".into(),
            class: egoist_core::kernel::Class::Urgent,
        };
        host.command(puppet, goodbye).unwrap();
    };
    driver.on_signal(leave).unwrap();
    let cancelled = driver.after(Duration::ZERO, |_| unreachable!("it was cancelled"));
    driver.cancel(cancelled);
    driver.after(Duration::from_millis(1), |_| raise());
    driver.run().unwrap();
    assert_eq!(driver.machine(puppet).machine().seen.len(), 1);
}

fn raise() {
    signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
}
