//! Machines that end or are taken out of the loop, and clocks on walls.

mod machines;

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use egoist_core::kernel::{
    Checked, Class, CloseHow, ConnId, Input, Machine, Output, Port, Ticket, Time, Wake,
};
use egoist_mio::{Driver, Key, Setup};
use machines::{Puppet, Seen, close, dial, send};

const LOCAL: &str = "127.0.0.1:0";

fn add(driver: &mut Driver, setup: &Setup) -> Key<Checked<Puppet>> {
    let bound = driver.bind(setup).unwrap();
    driver.add(bound, Checked::new(Puppet::default()), |_, _| ())
}

fn local() -> Setup {
    Setup::at(LOCAL.parse().unwrap())
}

fn tell(driver: &mut Driver, puppet: Key<Checked<Puppet>>, output: Output<(Time, Seen)>) {
    driver.command(puppet, output).unwrap();
}

/// Turns until `done`, for ten seconds at most.
fn until(driver: &mut Driver, mut done: impl FnMut(&mut Driver) -> bool) {
    let start = Instant::now();
    while !done(driver) {
        assert!(start.elapsed() < Duration::from_secs(10), "it never happens");
        driver.turn(Some(Duration::from_millis(20))).unwrap();
    }
}

/// Two puppets with a connection between them.
fn pair(driver: &mut Driver) -> [Key<Checked<Puppet>>; 2] {
    let [a, b] = [(); 2].map(|()| add(driver, &local()));
    let to = driver.local_addr(b).unwrap();
    tell(driver, a, dial(1, to, Time::from_secs(60)));
    until(driver, |d| [a, b].iter().all(|key| !d.machine(*key).machine().seen.is_empty()));
    [a, b]
}

fn somebody_listens(at: SocketAddr) -> bool {
    TcpStream::connect(at).is_ok()
}

#[test]
fn a_loop_ends_when_all_its_machines_have_and_their_last_words_are_written() {
    let mut driver = Driver::new().unwrap();
    let [a, b] = pair(&mut driver);
    let conn = driver.machine(a).machine().dialed(1).unwrap();
    let at = driver.local_addr(a).unwrap();
    tell(&mut driver, a, send(conn, vec![b'x'; 100_000]));
    tell(&mut driver, a, close(conn, CloseHow::Flush));
    tell(&mut driver, a, Output::Done);
    driver.turn(Some(Duration::ZERO)).unwrap();
    assert!(driver.has_ended(a) && !driver.has_ended(b));
    assert!(!somebody_listens(at));
    driver.after(Duration::from_millis(1), move |host| host.command(b, Output::Done).unwrap());
    driver.run().unwrap();
    assert!(driver.has_ended(b));
    assert!(!driver.machine(a).machine().seen.iter().any(|seen| matches!(seen, Seen::Closed(..))));
}

#[test]
fn a_machine_that_is_removed_leaves_the_others_alone() {
    let mut driver = Driver::new().unwrap();
    let [a, b] = pair(&mut driver);
    let at = driver.local_addr(a).unwrap();
    tell(&mut driver, a, dial(2, "127.0.0.1:1".parse().unwrap(), Time::from_secs(60)));
    let sockets = driver.sockets();
    let puppet: Checked<Puppet> = driver.remove(a);
    assert!(puppet.machine().dialed(1).is_some());
    assert!(
        driver.sockets() + 3 <= sockets,
        "listener, datagram socket, connection, and a dial if it was begun"
    );
    assert!(!somebody_listens(at));
    until(&mut driver, |d| d.machine(b).machine().seen.iter().any(|seen| matches!(seen, Seen::Closed(..))));
    assert!(driver.has_ended(a) && !driver.has_ended(b));
}

#[test]
#[should_panic(expected = "a key is that of a machine that was not removed")]
fn a_removed_machine_cannot_be_asked() {
    let mut driver = Driver::new().unwrap();
    let a = add(&mut driver, &local());
    driver.remove(a);
    driver.machine(a);
}

#[test]
fn the_clock_on_the_wall_is_told_to_who_has_a_use_for_it() {
    let mut driver = Driver::new().unwrap();
    let told = add(&mut driver, &Setup { wall_time: true, ..local() });
    let untold = add(&mut driver, &local());
    for _ in 0..3 {
        driver.turn(Some(Duration::ZERO)).unwrap();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let [Seen::WallTime(unix)] = driver.machine(told).machine().seen[..] else {
        panic!("{:?}", driver.machine(told).machine().seen)
    };
    assert!(now.abs_diff(unix) < Duration::from_secs(30), "{unix:?}");
    assert!(driver.machine(untold).machine().seen.is_empty());
}

/// Somebody outside of the driver who has connected to a puppet: its connection, and the puppet's end of it.
fn caller(driver: &mut Driver, puppet: Key<Checked<Puppet>>) -> (TcpStream, ConnId) {
    let stream = TcpStream::connect(driver.local_addr(puppet).unwrap()).unwrap();
    let opened = |d: &mut Driver| {
        d.machine(puppet).machine().seen.iter().find_map(|seen| match seen {
            Seen::Opened(conn, ..) => Some(*conn),
            _ => None,
        })
    };
    until(driver, |d| opened(d).is_some());
    (stream, opened(driver).unwrap())
}

#[test]
fn the_last_datagrams_of_a_machine_that_ends_leave() {
    let mut driver = Driver::new().unwrap();
    let a = add(&mut driver, &local());
    let ear = UdpSocket::bind(LOCAL).unwrap();
    ear.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (to, payload) = (ear.local_addr().unwrap(), "bye".into());
    tell(&mut driver, a, Output::Datagram { port: Port(0), to, payload, class: Class::Urgent });
    tell(&mut driver, a, Output::Done);
    driver.run().unwrap();
    let mut heard = [0; 9];
    let n = ear.recv(&mut heard).expect("it was sent");
    assert_eq!(&heard[..n], b"bye");
}

#[test]
fn what_was_asked_of_a_machine_that_is_then_removed_is_done() {
    let mut driver = Driver::new().unwrap();
    let a = add(&mut driver, &local());
    let (mut stream, conn) = caller(&mut driver, a);
    driver.turn(Some(Duration::ZERO)).unwrap();
    tell(&mut driver, a, send(conn, "bye"));
    tell(&mut driver, a, close(conn, CloseHow::Flush));
    driver.remove(a);
    driver.run().unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "bye");
}

#[test]
fn an_end_waits_for_what_was_said_before_it_while_reading_is_off() {
    let mut driver = Driver::new().unwrap();
    let bound = driver.bind(&local()).unwrap();
    let key = driver.add(bound, Checked::new(Chooser::default()), |_, _| ());
    let mut stream = TcpStream::connect(driver.local_addr(key).unwrap()).unwrap();
    stream.write_all(b"one\ntwo\n").unwrap();
    drop(stream);
    until(&mut driver, |d| d.machine(key).machine().said == ["one"]);
    for _ in 0..20 {
        driver.turn(Some(Duration::from_millis(1))).unwrap();
    }
    assert!(!driver.machine(key).machine().ended, "something is left to read");
    driver.command(key, ()).unwrap();
    until(&mut driver, |d| d.machine(key).machine().ended);
    assert_eq!(driver.machine(key).machine().said, ["one", "two"]);
}

/// Takes a line at a time: reading is off from one until it is told to go on.
#[derive(Default)]
struct Chooser {
    conn: Option<ConnId>,
    off: bool,
    said: Vec<String>,
    ended: bool,
    out: VecDeque<Output<()>>,
    now: Time,
}

impl Machine for Chooser {
    type Command = ();
    type Reply = ();
    type Refusal = ();
    type Event = ();

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Opened { conn, .. } => self.conn = Some(conn),
            Input::Received { conn, bytes } if !self.off => {
                if let Some(end) = bytes.iter().position(|octet| *octet == b'\n') {
                    let line = bytes.split_to(end + 1);
                    self.said.push(String::from_utf8_lossy(&line[..end]).into_owned());
                    self.off = true;
                    self.out.push_back(Output::Reading { conn, on: false });
                }
            }
            Input::Closed { .. } => self.ended = true,
            _ => {}
        }
    }

    fn command(&mut self, now: Time, (): ()) -> Result<(), ()> {
        self.now = now;
        self.off = false;
        self.out.push_back(Output::Reading { conn: self.conn.ok_or(())?, on: true });
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<()>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.out.is_empty()).then_some(Wake { at: self.now, why: "output" })
    }
}

/// Dials again as soon as a dial came to nothing.
#[derive(Default)]
struct Hasty {
    dials: u64,
    out: VecDeque<Output<()>>,
    now: Time,
}

impl Hasty {
    fn dial(&mut self) {
        self.dials += 1;
        let (ticket, to) = (Ticket(self.dials), "127.0.0.1:1".parse().unwrap());
        self.out.push_back(Output::Dial { ticket, to, deadline: Time::MAX });
    }
}

impl Machine for Hasty {
    type Command = ();
    type Reply = ();
    type Refusal = ();
    type Event = ();

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        if let Input::DialFailed { .. } = input {
            self.dial();
        }
    }

    fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
        self.dial();
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<()>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.out.is_empty()).then_some(Wake { at: self.now, why: "output" })
    }
}

#[test]
fn a_machine_that_asks_again_at_once_does_not_keep_the_loop_for_itself() {
    let mut driver = Driver::new().unwrap();
    driver.limits_mut().sockets = 0;
    let bound = driver.bind(&Setup::default()).unwrap();
    let key = driver.add(bound, Hasty::default(), |_, _| ());
    driver.command(key, ()).unwrap();
    for _ in 0..5 {
        driver.turn(Some(Duration::ZERO)).unwrap();
    }
    assert!((3..9).contains(&driver.machine(key).dials), "{}", driver.machine(key).dials);
}
