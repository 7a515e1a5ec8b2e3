//! Connections that are being closed, where strangers let them hang.

mod machines;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use egoist_core::kernel::{Checked, Machine, Time};
use egoist_mio::{Driver, Key, Limits, Setup};
use machines::{Echo, Puppet, dial};
use socket2::{Domain, Socket, Type};

const LOCAL: &str = "127.0.0.1:0";
const SOCKETS: usize = 64;
/// Longer than a test lasts: no connection that is being closed ends for its age.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// A driver with few sockets.
fn narrow() -> Driver {
    let mut driver = Driver::new().unwrap();
    *driver.limits_mut() = Limits { sockets: SOCKETS, flush: FOR_EVER, drain: FOR_EVER, ..Limits::default() };
    driver
}

fn add<M: Machine + Default + 'static>(driver: &mut Driver, setup: &Setup) -> Key<Checked<M>> {
    let bound = driver.bind(setup).unwrap();
    driver.add(bound, Checked::new(M::default()), |_, _| ())
}

/// Turns until `done`, for ten seconds at most.
fn until(driver: &mut Driver, mut done: impl FnMut(&mut Driver) -> bool) {
    let start = Instant::now();
    while !done(driver) {
        assert!(start.elapsed() < Duration::from_secs(10), "it never happens");
        driver.turn(Some(Duration::from_millis(20))).unwrap();
    }
}

/// A connection from an address of this host that says a line.
fn says(to: SocketAddr, from: SocketAddr, line: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(line.as_bytes()).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Strangers who have the machine close three times as many connections as there are sockets, and let all of them hang.
fn strangers(driver: &mut Driver, echo: Key<Checked<Echo>>, from: &str) -> Vec<TcpStream> {
    let (to, from) = (driver.local_addr(echo).unwrap(), from.parse().unwrap());
    let mut hung = Vec::new();
    for _ in 0..3 * SOCKETS {
        hung.push(says(to, from, "bye\n"));
        for _ in 0..4 {
            driver.turn(Some(Duration::ZERO)).unwrap();
        }
    }
    hung
}

/// All that is said to a connection until it has been said so much, or its end.
fn hears(driver: &mut Driver, stream: &mut TcpStream, octets: usize) -> String {
    let mut heard = Vec::new();
    until(driver, |_| {
        let mut piece = [0; 1_024];
        match stream.read(&mut piece) {
            Ok(0) => return true,
            Ok(n) => heard.extend_from_slice(&piece[..n]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
        heard.len() >= octets
    });
    String::from_utf8(heard).unwrap()
}

#[test]
fn who_lets_connections_hang_keeps_nobody_out() {
    let mut driver = narrow();
    let echo: Key<Checked<Echo>> = add(&mut driver, &Setup::at(LOCAL.parse().unwrap()));
    let _hung = strangers(&mut driver, echo, LOCAL);
    let to = driver.local_addr(echo).unwrap();
    let mut honest = says(to, LOCAL.parse().unwrap(), "hello\n");
    assert_eq!(hears(&mut driver, &mut honest, 6), "hello\n");
}

#[test]
fn who_lets_connections_hang_keeps_nobody_in() {
    let mut driver = narrow();
    let echo: Key<Checked<Echo>> = add(&mut driver, &Setup::at(LOCAL.parse().unwrap()));
    let puppet: Key<Checked<Puppet>> = add(&mut driver, &Setup::default());
    let _hung = strangers(&mut driver, echo, LOCAL);
    let other = TcpListener::bind(LOCAL).unwrap();
    let tickets = 1..=SOCKETS as u64 / 8;
    for ticket in tickets.clone() {
        driver.command(puppet, dial(ticket, other.local_addr().unwrap(), Time::MAX)).unwrap();
    }
    until(&mut driver, |d| {
        tickets.clone().all(|ticket| d.machine(puppet).machine().dialed(ticket).is_some())
    });
}

/// Who is closed has its time, though it was closed before all of them.
#[test]
#[cfg(target_os = "linux")]
fn who_lets_connections_hang_takes_no_other_hosts_last_words() {
    let mut driver = narrow();
    let echo: Key<Checked<Echo>> = add(&mut driver, &Setup::at(LOCAL.parse().unwrap()));
    let to = driver.local_addr(echo).unwrap();
    let mut honest = says(to, LOCAL.parse().unwrap(), "bye\n");
    for _ in 0..4 {
        driver.turn(Some(Duration::ZERO)).unwrap();
    }
    let _hung = strangers(&mut driver, echo, "127.0.0.2:0");
    for _ in 0..3 {
        honest.write_all(b"still under way\n").unwrap();
        driver.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert_eq!(hears(&mut driver, &mut honest, usize::MAX), "bye\n");
}

/// What a machine says last to many at once is written, though not all of them can be waited for.
#[test]
fn many_that_are_closed_at_once_hear_the_last_word() {
    let mut driver = narrow();
    let echo: Key<Checked<Echo>> = add(&mut driver, &Setup::at(LOCAL.parse().unwrap()));
    let to = driver.local_addr(echo).unwrap();
    let sockets = driver.sockets();
    let mut all: Vec<_> = (0..SOCKETS / 2).map(|_| says(to, LOCAL.parse().unwrap(), "by")).collect();
    until(&mut driver, |d| d.sockets() >= sockets + SOCKETS / 2);
    all.iter_mut().for_each(|stream| stream.write_all(b"e\n").unwrap());
    for stream in &mut all {
        assert_eq!(hears(&mut driver, stream, usize::MAX), "bye\n");
    }
}
