//! Machines that end or are taken out of the loop, and clocks on walls.

mod machines;

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use egoist_core::kernel::{Checked, CloseHow, Output, Time};
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
