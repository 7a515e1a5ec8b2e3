//! The driver on real loopback sockets.

mod machines;

use std::convert::Infallible;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use egoist_core::kernel::{
    Checked, Class, CloseHow, Closed, ConnId, DialError, Input, Machine, Output, Port, StoreOp, Ticket, Time,
    Until, Wake,
};
use egoist_mio::{Driver, Key, Peer, Setup, State};
use machines::{DONE, Echo, Puppet, Seen, close, dial, send};

const LOCAL4: &str = "127.0.0.1:0";
const LOCAL6: &str = "[::1]:0";

fn at(addr: &str) -> Setup {
    let addr: SocketAddr = addr.parse().unwrap();
    Setup::at(addr)
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

fn tell(driver: &mut Driver, puppet: Key<Checked<Puppet>>, output: Output<(Time, Seen)>) {
    driver.command(puppet, output).unwrap();
}

fn connect(driver: &mut Driver, puppet: Key<Checked<Puppet>>, ticket: u64, to: SocketAddr) -> ConnId {
    tell(driver, puppet, dial(ticket, to, Time::from_secs(60)));
    until(driver, |d| d.machine(puppet).machine().dialed(ticket).is_some());
    driver.machine(puppet).machine().dialed(ticket).unwrap()
}

/// What came over a connection, piece by piece.
fn pieces(puppet: &Puppet, conn: ConnId) -> Vec<usize> {
    let of_conn = |seen: &Seen| match seen {
        Seen::Received(c, bytes) if *c == conn => Some(bytes.len()),
        _ => None,
    };
    puppet.seen.iter().filter_map(of_conn).collect()
}

/// Somebody outside of the driver who connects to a puppet: its connection, and the puppet's end of it.
fn caller(driver: &mut Driver, puppet: Key<Checked<Puppet>>) -> (TcpStream, ConnId) {
    let stream = TcpStream::connect(driver.local_addr(puppet).unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let from = stream.local_addr().unwrap();
    let opened = |d: &mut Driver| {
        d.machine(puppet).machine().seen.iter().find_map(|seen| match seen {
            Seen::Opened(conn, _, remote) if *remote == from => Some(*conn),
            _ => None,
        })
    };
    until(driver, |d| opened(d).is_some());
    (stream, opened(driver).unwrap())
}

/// Writes as much as the buffers take: at least four times what is read in a turn.
fn flood(stream: &mut TcpStream) {
    let mut written = 0;
    while let Ok(n) = stream.write(&[b'x'; 1 << 16]) {
        written += n;
    }
    assert!(written >= 4 << 16, "{written}");
}

#[test]
fn who_says_little_is_heard_before_who_had_its_turn() {
    let mut driver = Driver::new().unwrap();
    let puppet: Key<Checked<Puppet>> = add(&mut driver, &at(LOCAL4));
    let (mut much, from_much) = caller(&mut driver, puppet);
    let (mut little, from_little) = caller(&mut driver, puppet);
    flood(&mut much);
    driver.turn(Some(Duration::from_secs(1))).unwrap();
    let before = pieces(driver.machine(puppet).machine(), from_much).len();
    assert!(before > 0);
    little.write_all(b"a word").unwrap();
    until(&mut driver, |d| !pieces(d.machine(puppet).machine(), from_little).is_empty());
    let seen = &driver.machine(puppet).machine().seen;
    let heard = seen.iter().position(|s| matches!(s, Seen::Received(c, _) if *c == from_little)).unwrap();
    let before_it = seen[..heard].iter().filter(|s| matches!(s, Seen::Received(c, _) if *c == from_much));
    assert_eq!(before_it.count(), before);
}

/// Takes long for each input.
#[derive(Default)]
struct Slow(Puppet);

impl Machine for Slow {
    type Command = <Puppet as Machine>::Command;
    type Reply = ();
    type Refusal = Infallible;
    type Event = <Puppet as Machine>::Event;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(2) {}
        self.0.handle(now, input);
    }

    fn command(&mut self, now: Time, command: Self::Command) -> Result<(), Infallible> {
        self.0.command(now, command)
    }

    fn poll(&mut self) -> Option<Output<Self::Event>> {
        self.0.poll()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        self.0.poll_timeout()
    }
}

#[test]
fn what_takes_long_is_heard_in_small_pieces() {
    let mut driver = Driver::new().unwrap();
    let slow: Key<Checked<Slow>> = add(&mut driver, &at(LOCAL4));
    let mut stream = TcpStream::connect(driver.local_addr(slow).unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    flood(&mut stream);
    let received = |d: &Driver| {
        let opened = d.machine(slow).machine().0.seen.iter().find_map(|seen| match seen {
            Seen::Opened(conn, ..) => Some(*conn),
            _ => None,
        });
        opened.map_or(Vec::new(), |conn| pieces(&d.machine(slow).machine().0, conn))
    };
    until(&mut driver, |d| received(d).len() >= 4);
    let received = received(&driver);
    assert_eq!(received[0], 64 << 10);
    assert!(received[1..].iter().all(|piece| *piece == 4 << 10), "{received:?}");
}

#[test]
fn lines_and_datagrams_come_back_over_both_ip_versions() {
    for local in [LOCAL4, LOCAL6] {
        let mut driver = Driver::new().unwrap();
        let echo: Key<Checked<Echo>> = add(&mut driver, &at(local));
        let puppet: Key<Checked<Puppet>> = add(&mut driver, &at(local));
        let to = driver.local_addr(echo).unwrap();
        let conn = connect(&mut driver, puppet, 1, to);
        let long = vec![b'x'; 90_000];
        let said = [&b"hello\n"[..], &long, b"\nbye\n"].concat();
        tell(&mut driver, puppet, send(conn, said.clone()));
        let payload = Bytes::from_static(b"ping");
        tell(
            &mut driver,
            puppet,
            Output::Datagram { port: Port(0), to, payload: payload.clone(), class: Class::Urgent },
        );
        until(&mut driver, |d| d.machine(puppet).machine().closed(conn).is_some());
        assert_eq!(driver.machine(puppet).machine().closed(conn), Some(Closed::ByPeer));
        assert_eq!(driver.machine(puppet).machine().received(conn), said);
        let seen = &driver.machine(puppet).machine().seen;
        assert!(seen.contains(&Seen::Datagram(Port(0), to, payload)), "TCP and UDP have one port");
        let flushed = |s: &Seen| if let Seen::Flushed(_, n) = s { *n } else { 0 };
        assert_eq!(seen.iter().map(flushed).sum::<usize>(), said.len());
    }
}

#[test]
fn dials_end_in_one_way_each() {
    let mut driver = Driver::new().unwrap();
    let puppet: Key<Checked<Puppet>> = add(&mut driver, &Setup::default());
    let free = std::net::TcpListener::bind(LOCAL4).unwrap().local_addr().unwrap();
    tell(&mut driver, puppet, dial(1, free, Time::from_secs(60)));
    // A full backlog answers nobody.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&LOCAL4.parse::<SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let silent = full.local_addr().unwrap().as_socket().unwrap();
    let _taken: Vec<_> =
        (0..3).map(|_| TcpStream::connect_timeout(&silent, Duration::from_millis(50))).collect();
    let deadline = driver.now() + Duration::from_millis(150);
    tell(&mut driver, puppet, dial(2, silent, deadline));
    until(&mut driver, |d| d.machine(puppet).machine().seen.len() == 2);
    assert_eq!(
        driver.machine(puppet).machine().seen,
        [Seen::DialFailed(Ticket(1), DialError::Refused), Seen::DialFailed(Ticket(2), DialError::TimedOut)]
    );
    assert!(driver.now() >= deadline);
}

#[test]
fn a_flushing_close_delivers_the_last_bytes_to_a_slow_reader() {
    let mut driver = Driver::new().unwrap();
    let writer: Key<Checked<Puppet>> = add(&mut driver, &Setup::default());
    let reader: Key<Checked<Puppet>> = add(&mut driver, &at(LOCAL4));
    let to = driver.local_addr(reader).unwrap();
    let conn = connect(&mut driver, writer, 1, to);
    until(&mut driver, |d| !d.machine(reader).machine().seen.is_empty());
    let Seen::Opened(far, _, _) = driver.machine(reader).machine().seen[0] else { panic!("not opened") };
    tell(&mut driver, reader, Output::Reading { conn: far, on: false });
    tell(&mut driver, reader, send(far, "unread words do not reset it"));
    let said: Vec<u8> = (0..8_000_000u32).map(|n| n.to_le_bytes()[1]).collect();
    tell(&mut driver, writer, send(conn, said.clone()));
    tell(&mut driver, writer, close(conn, CloseHow::Flush));
    for _ in 0..10 {
        driver.turn(Some(Duration::from_millis(5))).unwrap();
    }
    assert!(driver.machine(reader).machine().received(far).is_empty(), "reading is off");
    tell(&mut driver, reader, Output::Reading { conn: far, on: true });
    until(&mut driver, |d| {
        d.machine(reader).machine().closed(far).is_some()
            && d.machine(writer).machine().closed(conn).is_some()
    });
    assert_eq!(driver.machine(reader).machine().received(far), said);
    assert_eq!(driver.machine(writer).machine().closed(conn), Some(Closed::ByUs));
}

#[test]
fn an_aborted_connection_is_closed_at_once() {
    let mut driver = Driver::new().unwrap();
    let echo: Key<Checked<Echo>> = add(&mut driver, &at(LOCAL4));
    let puppet: Key<Checked<Puppet>> = add(&mut driver, &Setup::default());
    let to = driver.local_addr(echo).unwrap();
    let conn = connect(&mut driver, puppet, 1, to);
    let before = driver.sockets();
    tell(&mut driver, puppet, close(conn, CloseHow::Abort));
    tell(&mut driver, puppet, send(conn, "too late"));
    until(&mut driver, |d| d.machine(puppet).machine().closed(conn).is_some());
    assert_eq!(driver.machine(puppet).machine().closed(conn), Some(Closed::ByUs));
    until(&mut driver, |d| d.sockets() <= before - 2);
}

#[test]
fn state_is_there_after_a_restart_and_memory_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for (state, afterwards) in [
        (State::File(folder.path().to_owned()), Some(Ok(Bytes::from("7")))),
        (State::Log(folder.path().to_owned()), Some(Ok(Bytes::from("7")))),
        (State::Memory, None),
    ] {
        let setup = Setup { state, ..Setup::default() };
        let mut driver = Driver::new().unwrap();
        let puppet: Key<Checked<Puppet>> = add(&mut driver, &setup);
        let ops = vec![StoreOp { key: "incarnation".into(), value: Some(Bytes::from("7")) }];
        tell(&mut driver, puppet, Output::Load { ticket: Ticket(1), key: "incarnation".into() });
        tell(&mut driver, puppet, Output::Store { ticket: Ticket(2), ops, until: Until::Synced });
        until(&mut driver, |d| d.machine(puppet).machine().seen.len() == 2);
        assert_eq!(
            driver.machine(puppet).machine().seen,
            [Seen::Loaded(Ticket(1), None), Seen::Stored(Ticket(2), Ok(()))]
        );
        drop(driver);
        let mut driver = Driver::new().unwrap();
        let puppet: Key<Checked<Puppet>> = add(&mut driver, &setup);
        tell(&mut driver, puppet, Output::Load { ticket: Ticket(1), key: "incarnation".into() });
        until(&mut driver, |d| !d.machine(puppet).machine().seen.is_empty());
        assert_eq!(driver.machine(puppet).machine().seen, [Seen::Loaded(Ticket(1), afterwards)]);
    }
}

#[test]
fn a_shim_holds_bytes_datagrams_and_dials() {
    let delay = Duration::from_millis(30);
    let mut driver = Driver::new().unwrap();
    let near: Key<Checked<Puppet>> = add(&mut driver, &at(LOCAL4));
    let far: Key<Checked<Puppet>> = add(&mut driver, &at(LOCAL4));
    let to = driver.local_addr(far).unwrap();
    let (a, b) = (near.id(), far.id());
    driver.set_shim(move |from, peer| {
        assert!((from, peer) == (a, Peer::Machine(b)) || (from, peer) == (b, Peer::Machine(a)));
        delay
    });
    let began = driver.now();
    let conn = connect(&mut driver, near, 1, to);
    assert!(driver.now().since(began) >= 2 * delay);
    until(&mut driver, |d| !d.machine(far).machine().seen.is_empty());
    let Seen::Opened(back, _, _) = driver.machine(far).machine().seen[0] else { panic!("not opened") };
    let began = driver.now();
    tell(&mut driver, far, send(back, "slow"));
    tell(
        &mut driver,
        near,
        Output::Datagram { port: Port(0), to, payload: Bytes::from("slow"), class: Class::Urgent },
    );
    until(&mut driver, |d| {
        d.machine(near).machine().received(conn) == b"slow" && d.machine(far).machine().seen.len() >= 2
    });
    let took = driver.now().since(began);
    assert!(took >= delay, "{took:?}");
    tell(&mut driver, near, Output::Close { conn, how: CloseHow::Flush, why: DONE });
    until(&mut driver, |d| d.machine(far).machine().closed(back).is_some());
}

#[test]
fn other_threads_reach_the_loop_and_names_are_resolved() {
    let mut driver = Driver::new().unwrap();
    let handle = driver.handle();
    let resolving = handle.clone();
    let thread = std::thread::spawn(move || {
        let done = handle.clone();
        resolving.resolve("localhost:4", move |host, found| {
            assert!(found.unwrap().iter().all(|addr| addr.ip().is_loopback() && addr.port() == 4));
            host.after(Duration::from_millis(1), move |_| done.stop());
        })
    });
    driver.run().unwrap();
    thread.join().unwrap().unwrap();
}

#[test]
fn time_is_told_when_it_was_asked_for() {
    let mut driver = Driver::new().unwrap();
    let at = driver.now() + Duration::from_millis(30);
    let bound = driver.bind(&Setup::default()).unwrap();
    let puppet = driver.add(bound, Checked::new(Puppet::waking(at)), |_, _| ());
    let mut turns = 0;
    until(&mut driver, |d| {
        turns += 1;
        !d.machine(puppet).machine().ticks.is_empty()
    });
    assert!(driver.machine(puppet).machine().ticks[0] >= at);
    assert!(turns < 10, "{turns} turns for one timer");
}

/// A driver with a machine of its own, and the key of another driver's.
fn strangers() -> (Driver, Key<Checked<Echo>>) {
    let [mut here, mut there] = [(); 2].map(|()| Driver::new().unwrap());
    let _: Key<Checked<Echo>> = add(&mut here, &Setup::default());
    let foreign = add(&mut there, &Setup::default());
    (here, foreign)
}

#[test]
#[should_panic(expected = "Key(0) is that of another driver's machine")]
fn a_key_asks_no_other_drivers_machine() {
    let (here, foreign) = strangers();
    let _ = here.machine(foreign);
}

#[test]
#[should_panic(expected = "Key(0) is that of another driver's machine")]
fn a_key_finds_no_other_drivers_address() {
    let (here, foreign) = strangers();
    let _ = here.local_addr(foreign);
}
