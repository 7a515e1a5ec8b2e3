//! The driver on a network that cuts calls short, interrupts them, runs out of descriptors and reports readiness that is
//! not there: what the machines see must not depend on it.

mod machines;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use egoist_core::kernel::{
    Checked, Class, CloseHow, Closed, DialError, Output, Port, Rng, Seed, Streams, Ticket, Time,
};
use egoist_mio::net::mock::{Faults, MockNet};
use egoist_mio::{Driver, Key, Setup};
use machines::{Echo, Puppet, Seen, close, dial, send};

const SEEDS: u64 = 1_500;
const DIALS: u64 = 4;
const DATAGRAMS: usize = 5;
/// More turns than any case needs; a lost wake-up is found by reaching it.
const TURNS: usize = 20_000;

type MockDriver = Driver<MockNet>;

fn faults(rng: &mut Rng) -> Faults {
    Faults {
        short: rng.below(100),
        interrupted: rng.below(40),
        would_block: rng.below(40),
        stale: rng.below(60),
        exhausted: rng.below(40),
        refused: rng.below(20),
        reset: 0,
        late: rng.below(10),
    }
}

/// An echo, a puppet beside it, and where the echo is.
fn world(seed: u64, faults: Faults) -> (MockDriver, Key<Checked<Echo>>, Key<Checked<Puppet>>, SocketAddr) {
    let mut driver = Driver::on(MockNet::new(seed, faults));
    let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let setup = Setup::at(local);
    let bound = driver.bind(&setup).unwrap();
    let to = bound.listeners()[0];
    assert_eq!(bound.udp(), [to], "one port for both");
    let echo = driver.add(bound, Checked::new(Echo::default()), |_, _| ());
    let bound = driver.bind(&setup).unwrap();
    let puppet = driver.add(bound, Checked::new(Puppet::default()), |_, _| ());
    (driver, echo, puppet, to)
}

fn turn_until(driver: &mut MockDriver, seed: u64, done: impl Fn(&MockDriver) -> bool) {
    for _ in 0..TURNS {
        if done(driver) {
            return;
        }
        driver.turn(Some(Duration::from_secs(1))).unwrap();
    }
    panic!("seed {seed}: stuck");
}

/// Lines of random lengths, the last one `bye`.
fn conversation(rng: &mut Rng) -> Vec<u8> {
    let mut said = Vec::new();
    for letter in (b'a'..).take(rng.index(12)) {
        said.extend(std::iter::repeat_n(letter, rng.index(3_000)));
        said.push(b'\n');
    }
    said.extend(b"bye\n");
    said
}

fn settled(driver: &MockDriver, puppet: Key<Checked<Puppet>>) -> bool {
    (0..DIALS).all(|ticket| outcomes(driver.machine(puppet).machine(), ticket) > 0)
}

fn outcomes(puppet: &Puppet, ticket: u64) -> usize {
    let failed = |seen: &&Seen| matches!(seen, Seen::DialFailed(t, _) if t.0 == ticket);
    puppet.seen.iter().filter(failed).count() + puppet.dialed(ticket).iter().count()
}

/// Dials, says something on every connection that opens, and returns what, once all of it has ended.
fn talk(
    driver: &mut MockDriver,
    puppet: Key<Checked<Puppet>>,
    to: SocketAddr,
    seed: u64,
) -> Vec<(u64, Vec<u8>)> {
    let mut rng = Streams::new(Seed::from_u64(seed)).named("talk");
    for ticket in 0..DIALS {
        driver.command(puppet, dial(ticket, to, Time::from_secs(1_000_000))).unwrap();
    }
    for n in 0..DATAGRAMS {
        let payload = Bytes::from(vec![b'd'; n]);
        driver
            .command(puppet, Output::Datagram { port: Port(0), to, payload, class: Class::Urgent })
            .unwrap();
    }
    turn_until(driver, seed, |d| settled(d, puppet));
    let mut said = Vec::new();
    for ticket in 0..DIALS {
        if let Some(conn) = driver.machine(puppet).machine().dialed(ticket) {
            let words = conversation(&mut rng);
            for piece in words.chunks(1 + rng.index(2_000)) {
                driver.command(puppet, send(conn, piece.to_vec())).unwrap();
                if rng.percent(20) {
                    driver.turn(Some(Duration::ZERO)).unwrap();
                }
            }
            said.push((ticket, words));
        }
    }
    turn_until(driver, seed, |d| {
        let puppet = d.machine(puppet).machine();
        said.iter().all(|(ticket, _)| puppet.closed(puppet.dialed(*ticket).unwrap()).is_some())
    });
    said
}

#[test]
fn every_octet_arrives_once_and_everything_ends_once() {
    for seed in 0..SEEDS {
        let mut rng = Streams::new(Seed::from_u64(seed)).named("faults");
        let (mut driver, _, puppet, to) = world(seed, faults(&mut rng));
        let said = talk(&mut driver, puppet, to, seed);
        let seen = driver.machine(puppet).machine();
        for (ticket, words) in &said {
            let conn = seen.dialed(*ticket).unwrap();
            assert!(seen.received(conn) == *words, "seed {seed}: not what was said");
            assert_eq!(seen.closed(conn), Some(Closed::ByPeer), "seed {seed}");
            let flushed = |s: &Seen| matches!(s, Seen::Flushed(c, _) if *c == conn);
            let flushed = seen.seen.iter().filter(|s| flushed(s));
            let octets: usize = flushed.map(|s| if let Seen::Flushed(_, n) = s { *n } else { 0 }).sum();
            assert_eq!(octets, words.len(), "seed {seed}: flushed");
        }
        for ticket in 0..DIALS {
            assert_eq!(outcomes(seen, ticket), 1, "seed {seed}: ticket {ticket}");
        }
        turn_until(&mut driver, seed, |d| {
            let datagram = |s: &&Seen| matches!(s, Seen::Datagram(..));
            d.machine(puppet).machine().seen.iter().filter(datagram).count() == DATAGRAMS
        });
        turn_until(&mut driver, seed, |d| d.sockets() == 4);
    }
}

#[test]
fn a_connection_that_breaks_ends_once_and_loses_only_its_tail() {
    let mut broken = 0;
    for seed in 0..SEEDS {
        let mut rng = Streams::new(Seed::from_u64(seed)).named("faults");
        let (mut driver, _, puppet, to) = world(seed, Faults { reset: 300, ..faults(&mut rng) });
        let said = talk(&mut driver, puppet, to, seed);
        let seen = driver.machine(puppet).machine();
        for (ticket, words) in &said {
            let conn = seen.dialed(*ticket).unwrap();
            assert!(words.starts_with(&seen.received(conn)), "seed {seed}: not what was said");
            broken += u32::from(seen.closed(conn) == Some(Closed::Broken));
        }
        turn_until(&mut driver, seed, |d| d.sockets() == 4);
    }
    assert!(broken > 100, "only {broken} connections broke");
}

#[test]
fn a_dial_that_nobody_answers_times_out_at_its_deadline() {
    let (mut driver, _, puppet, _) = world(1, Faults::default());
    let deadline = Time::from_secs(7);
    driver.command(puppet, dial(9, "192.0.2.1:1".parse().unwrap(), deadline)).unwrap();
    turn_until(&mut driver, 1, |d| !d.machine(puppet).machine().seen.is_empty());
    assert_eq!(driver.machine(puppet).machine().seen, [Seen::DialFailed(Ticket(9), DialError::TimedOut)]);
    assert!(driver.now() >= deadline && driver.now() < deadline + Duration::from_millis(1));
    assert_eq!(driver.sockets(), 4);
}

#[test]
fn a_closed_peer_that_never_ends_is_given_up_after_a_second() {
    let (mut driver, _, puppet, to) = world(1, Faults::default());
    driver.command(puppet, dial(1, to, Time::from_secs(5))).unwrap();
    turn_until(&mut driver, 1, |d| d.machine(puppet).machine().dialed(1).is_some());
    let conn = driver.machine(puppet).machine().dialed(1).unwrap();
    // The far end of the dial is a puppet too, which does not close by itself.
    let far =
        driver.bind(&Setup { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Setup::default() }).unwrap();
    let at = far.listeners()[0];
    let far = driver.add(far, Checked::new(Puppet::default()), |_, _| ());
    driver.command(far, dial(2, to, Time::from_secs(5))).unwrap();
    driver.command(puppet, dial(3, at, Time::from_secs(5))).unwrap();
    turn_until(&mut driver, 1, |d| d.machine(puppet).machine().dialed(3).is_some());
    let quiet = driver.machine(puppet).machine().dialed(3).unwrap();
    turn_until(&mut driver, 1, |d| d.machine(far).machine().seen.len() == 2);
    let far_conn = driver.machine(far).machine().seen.iter().find_map(|seen| match seen {
        Seen::Opened(conn, egoist_core::kernel::How::Accepted(_), _) => Some(*conn),
        _ => None,
    });
    driver.command(far, Output::Reading { conn: far_conn.unwrap(), on: false }).unwrap();
    driver.turn(Some(Duration::ZERO)).unwrap();
    let began = driver.now();
    driver.command(puppet, close(quiet, CloseHow::Flush)).unwrap();
    driver.command(puppet, close(conn, CloseHow::Abort)).unwrap();
    turn_until(&mut driver, 1, |d| d.machine(puppet).machine().closed(quiet).is_some());
    assert_eq!(driver.machine(puppet).machine().closed(quiet), Some(Closed::ByUs));
    let took = driver.now().since(began);
    assert!(took >= Duration::from_secs(1) && took < Duration::from_millis(1_100), "{took:?}");
}
