//! Hosts given by name: looked up off the loop at the start, and again while whoever needs them has found nobody.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::settings::HostPort;

/// Between two lookups of a name that was found: names seldom move.
const FOUND: Duration = Duration::from_secs(60);
/// After the first lookup that failed; doubles with each, up to [`FOUND`].
const FAILED: Duration = Duration::from_secs(1);

/// Who needs addresses for names.
pub(crate) trait Seeker: Clone + Send + 'static {
    /// Whether it still has nobody, so that names are worth another lookup.
    fn seeks(&self, host: &Host<MioNet>) -> bool;

    /// `name` stands for these, at least one.
    fn found(&self, host: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>);
}

/// Looks up all of `hosts` that are no addresses, each on its own, for ever.
pub(crate) fn follow(host: &mut Host<MioNet>, hosts: &[HostPort], seeker: &impl Seeker) {
    for name in hosts.iter().filter(|host| host.address().is_none()) {
        Lookup { name: name.clone(), seeker: seeker.clone(), failures: 0 }.begin(host);
    }
}

/// A name that is followed.
#[derive(Clone)]
struct Lookup<S> {
    name: HostPort,
    seeker: S,
    failures: u32,
}

impl<S: Seeker> Lookup<S> {
    fn begin(self, host: &mut Host<MioNet>) {
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
                self.again_in(host, FOUND);
            }
            Ok(_) => self.failed(host),
            Err(error) => {
                tracing::warn!(name = %self.name, %error, "a name cannot be resolved");
                self.failed(host);
            }
        }
    }

    fn failed(mut self, host: &mut Host<MioNet>) {
        let wait = FAILED.saturating_mul(1 << self.failures.min(6)).min(FOUND);
        self.failures = self.failures.saturating_add(1);
        self.again_in(host, wait);
    }

    fn again_in(self, host: &mut Host<MioNet>, wait: Duration) {
        host.after(
            wait,
            move |host| {
                if self.seeker.seeks(host) { self.begin(host) } else { self.again_in(host, FOUND) }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egoist_mio::Driver;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Instant;

    #[derive(Clone)]
    struct Teller(Sender<(String, bool)>);

    impl Seeker for Teller {
        fn seeks(&self, _: &Host<MioNet>) -> bool {
            true
        }

        fn found(&self, _: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>) {
            let local = addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 7);
            self.0.send((name.to_owned(), local)).unwrap();
        }
    }

    #[test]
    fn names_are_found_and_addresses_left_alone() {
        let (found, told) = channel();
        let hosts = ["127.0.0.1:7", "localhost:7"].map(|host| host.parse().unwrap());
        let mut driver = Driver::new().unwrap();
        follow(&mut driver, &hosts, &Teller(found));
        let deadline = Instant::now() + Duration::from_secs(10);
        let first = loop {
            assert!(Instant::now() < deadline, "no answer in 10 s");
            driver.turn(Some(Duration::from_millis(20))).unwrap();
            if let Ok(first) = told.try_recv() {
                break first;
            }
        };
        assert_eq!(first, ("localhost:7".to_owned(), true));
        assert!(told.try_recv().is_err());
    }
}
