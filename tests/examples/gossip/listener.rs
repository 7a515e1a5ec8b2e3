//! A node, or a module, in a process of its own: it says on standard output how many messages it has told of.

use std::cell::RefCell;
use std::io::{Read as _, Write as _, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::exit;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use egoist_core::gossip::{Command, Config, Event, Gossip};
use egoist_core::kernel::Seed;
use egoist_mio::gossip::{Client, ClientError};
use egoist_mio::net::MioNet;
use egoist_mio::{Driver, Host, Key, Setup, seed};

use super::TYPE;

const NEVER: Duration = Duration::from_secs(86_400);
/// How what is not valid begins.
pub(crate) const INVALID: [u8; 8] = [0xff; 8];
/// A line each so often is enough ...
const SOON: Duration = Duration::from_millis(4);
/// ... and one for each so many messages.
const MANY: u64 = 32;

/// What a listener says: `N`, it has told of so many messages, and their numbers' sum; `R`, it is ready, with its addresses; a
/// line each.
pub(crate) fn say(what: &str) {
    let mut out = stdout().lock();
    if writeln!(out, "{what}").and_then(|()| out.flush()).is_err() {
        exit(0);
    }
}

/// How many messages were told of. Each is said at once, unless there was one just before: then many in one line, so that
/// what is measured is not the saying.
#[derive(Default)]
struct Told {
    count: u64,
    sum: u64,
    said: u64,
    last: Option<Instant>,
}

impl Told {
    /// One more; true if it waits to be said.
    fn more(&mut self, number: u64) -> bool {
        self.count += 1;
        self.sum += number;
        let is_due = self.last.is_none_or(|last| last.elapsed() >= SOON) || self.count >= self.said + MANY;
        if is_due {
            self.say();
        }
        !is_due
    }

    fn say(&mut self) {
        if self.said < self.count {
            say(&format!("N {} {}", self.count, self.sum));
            (self.said, self.last) = (self.count, Some(Instant::now()));
        }
    }
}

/// The number that a message begins with.
fn number(data: &[u8]) -> u64 {
    data.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets))
}

/// Ends the process when its parent has.
pub(crate) fn end_with_parent() {
    thread::spawn(|| {
        let _ = stdin().read(&mut [0]);
        exit(0);
    });
}

/// Binds a node's two listeners, adds it, and has it tell `on_event`.
pub(crate) fn add(
    driver: &mut Driver<MioNet>,
    bootstrap: Option<SocketAddrV4>,
    degree: usize,
    on_event: impl FnMut(&mut Host<MioNet>, Key<Gossip>, Event) + 'static,
) -> (Key<Gossip>, SocketAddrV4, SocketAddr) {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound =
        driver.bind(&Setup { listen: vec![local, local], ..Setup::default() }).expect("ports are free");
    let (peers, api) = (bound.listeners()[0], bound.listeners()[1]);
    let SocketAddr::V4(peers) = peers else { unreachable!("it was bound at an IPv4 address") };
    let config = Config {
        address: Some(peers),
        bootstrap: bootstrap.into_iter().map(SocketAddr::V4).collect(),
        degree,
        // A node with one link is one of a line, and stays there.
        explore_period: if degree == 1 { NEVER } else { Duration::from_secs(30) },
        ..Config::auto(seed().unwrap_or(Seed::from_u64(1)))
    };
    let node = Gossip::new(config).expect("it can be lived by");
    let (mut on_event, its) = (on_event, Rc::new(RefCell::new(None)));
    let own = Rc::clone(&its);
    let key = driver.add(bound, node, move |host, event| {
        let key = own.borrow().expect("it was added");
        on_event(host, key, event);
    });
    *its.borrow_mut() = Some(key);
    (key, peers, api)
}

/// A node that joins at another; its application finds all valid, unless modules do.
pub(crate) fn node(bootstrap: SocketAddrV4, degree: usize, modules: bool) {
    end_with_parent();
    let mut driver = Driver::new().expect("a poller");
    let told = Rc::new(RefCell::new(Told::default()));
    let (key, peers, api) = add(&mut driver, Some(bootstrap), degree, move |host, key, event| {
        if let Event::Message { id, data, .. } = event {
            let valid = !data.starts_with(&INVALID);
            host.command(key, Command::Validate { id, valid }).expect("it waits");
            if valid && told.borrow_mut().more(number(&data)) {
                let told = Rc::clone(&told);
                host.after(SOON, move |_| told.borrow_mut().say());
            }
        }
    });
    if !modules {
        driver.command(key, Command::Subscribe { data_type: TYPE }).expect("it has not left");
    }
    say(&format!("R {peers} {api}"));
    driver.run().expect("the poller works");
}

/// A module that finds all valid.
pub(crate) fn module(api: &str) {
    end_with_parent();
    let mut client = Client::connect(api).expect("the node listens");
    client.notify(TYPE).expect("the node reads");
    client.set_timeout(Some(SOON)).expect("it is connected");
    say("R");
    let mut told = Told::default();
    loop {
        match client.notifications().next() {
            Some(Ok(message)) => {
                client.accept(message.id).expect("the node reads");
                told.more(number(&message.data));
            }
            Some(Err(ClientError::Silence)) => told.say(),
            Some(Err(_)) | None => return,
        }
    }
}
