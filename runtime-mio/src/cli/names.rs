//! Hosts given by name: looked up off the loop at the start, and again whenever whoever needs them looks for somebody.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use egoist_core::kernel::Time;
use egoist_core::record::Recordable;
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Key};

use super::host_port::HostPort;
use super::protocol::Member;

/// Between two lookups of a name that was found, at the least.
const FOUND: Duration = Duration::from_secs(15);
/// After the first lookup that failed; doubles with each, up to [`LONGEST`].
const FAILED: Duration = Duration::from_secs(1);
/// The longest wait after lookups that failed.
const LONGEST: Duration = Duration::from_secs(60);

/// What to do about a name that cannot be resolved.
pub(crate) const REMEDY: &str = "check how it is spelt, and whether this host reaches its name server";

/// Who needs addresses for names.
pub(crate) trait Seeker: Clone + Send + 'static {
    /// Whether it has looked for somebody since, so that names are worth another lookup.
    fn seeks(&self, host: &Host<MioNet>, since: Time) -> bool;

    /// `name` stands for these, at least one.
    fn found(&self, host: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>);

    /// What `name` stands for cannot be told now; what it stood for may still hold.
    fn unknown(&self, _name: &str, _why: &str) {}
}

/// Dials whoever listens where a name points, for a node that has no peers.
pub(crate) struct Dialler<M: Recordable> {
    /// The machine.
    pub(crate) key: Key<Member<M>>,
    /// Whether it has no peers.
    pub(crate) is_alone: fn(&M) -> bool,
    /// What it is told to dial an address; none where it cannot.
    pub(crate) dial: fn(SocketAddr) -> Option<M::Command>,
}

impl<M: Recordable> Clone for Dialler<M> {
    fn clone(&self) -> Self {
        Dialler { ..*self }
    }
}

impl<M: Recordable<Refusal: fmt::Display> + 'static> Seeker for Dialler<M> {
    fn seeks(&self, host: &Host<MioNet>, _: Time) -> bool {
        (self.is_alone)(host.machine(self.key).machine())
    }

    fn found(&self, host: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>) {
        let commands: Vec<_> =
            addresses.iter().filter_map(|addr| Some((addr, (self.dial)(*addr)?))).collect();
        if commands.is_empty() {
            tracing::warn!(name, "a name stands for no address that this node can dial");
        }
        for (addr, command) in commands {
            if let Err(refusal) = host.command(self.key, command) {
                tracing::debug!(name, %addr, %refusal, "not dialled");
            }
        }
    }
}

/// Looks up all of `hosts` that are no addresses, each on its own, for ever.
pub(crate) fn follow(host: &mut Host<MioNet>, hosts: &[HostPort], seeker: &impl Seeker) {
    for name in hosts.iter().filter(|host| host.address().is_none()) {
        Lookup { name: name.clone(), seeker: seeker.clone(), failures: 0, begun: host.now() }.begin(host);
    }
}

/// A name that is followed.
#[derive(Clone)]
struct Lookup<S> {
    name: HostPort,
    seeker: S,
    failures: u32,
    begun: Time,
}

impl<S: Seeker> Lookup<S> {
    fn begin(mut self, host: &mut Host<MioNet>) {
        self.begun = host.now();
        let busy = self.clone();
        let name = self.name.clone();
        if host.handle().resolve(name.as_str(), move |host, answer| self.answered(host, answer)).is_err() {
            busy.failed(host);
        }
    }

    fn answered(mut self, host: &mut Host<MioNet>, answer: io::Result<Vec<SocketAddr>>) {
        match answer {
            Ok(addresses) if !addresses.is_empty() => {
                self.failures = 0;
                self.seeker.found(host, self.name.as_str(), addresses);
                self.when_sought(host);
            }
            Ok(_) => self.unknown(host, "it stands for no address"),
            Err(error) => self.unknown(host, &error.to_string()),
        }
    }

    fn unknown(self, host: &mut Host<MioNet>, why: &str) {
        tracing::warn!(name = %self.name, error = why, "a name cannot be resolved: {REMEDY}");
        self.seeker.unknown(self.name.as_str(), why);
        self.failed(host);
    }

    fn failed(mut self, host: &mut Host<MioNet>) {
        let wait = FAILED.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        host.after(wait, move |host| self.begin(host));
    }

    fn when_sought(self, host: &mut Host<MioNet>) {
        host.after(FOUND, move |host| {
            if self.seeker.seeks(host, self.begun) { self.begin(host) } else { self.when_sought(host) }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egoist_mio::Driver;
    use std::sync::atomic::{AtomicU16, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    #[derive(Clone)]
    struct Teller(Sender<(String, Vec<SocketAddr>)>);

    impl Seeker for Teller {
        fn seeks(&self, _: &Host<MioNet>, _: Time) -> bool {
            true
        }

        fn found(&self, _: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>) {
            self.0.send((name.to_owned(), addresses)).unwrap();
        }
    }

    /// Turns the loop until something is told.
    fn told(driver: &mut Driver, told: &Receiver<(String, Vec<SocketAddr>)>) -> (String, Vec<SocketAddr>) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "no answer in a minute");
            driver.turn(Some(Duration::from_millis(20))).unwrap();
            if let Ok(told) = told.try_recv() {
                return told;
            }
        }
    }

    #[test]
    fn names_are_found_and_addresses_left_alone() {
        let (found, tells) = channel();
        let hosts = ["127.0.0.1:7", "localhost:7"].map(|host| host.parse().unwrap());
        let mut driver = Driver::new().unwrap();
        follow(&mut driver, &hosts, &Teller(found));
        let (name, addresses) = told(&mut driver, &tells);
        assert_eq!(name, "localhost:7");
        assert!(addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 7), "{addresses:?}");
        assert!(tells.try_recv().is_err());
    }

    #[test]
    fn a_name_that_moves_is_looked_up_again_and_one_that_fails_soon() {
        let (found, tells) = channel();
        let asked = AtomicU16::new(0);
        let mut driver = Driver::new().unwrap();
        driver.set_resolver(move |name: &str| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Err(io::Error::other("not yet")),
            port => Ok(vec![SocketAddr::from(([192, 0, 2, 1], port)); usize::from(name == "boot.example:9")]),
        });
        follow(&mut driver, &["boot.example:9".parse().unwrap()], &Teller(found));
        let begun = Instant::now();
        let at = |port| ("boot.example:9".to_owned(), vec![SocketAddr::from(([192, 0, 2, 1], port))]);
        assert_eq!(told(&mut driver, &tells), at(1));
        assert!(begun.elapsed() < FOUND, "a second after it failed");
        assert_eq!(told(&mut driver, &tells), at(2));
        assert!(begun.elapsed() > FOUND);
    }
}
