//! The event loop.

use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use egoist_core::kernel::{DialError, Input};

use crate::files;
use crate::host::{Alarm, Host, Limits, Socket};
use crate::net::{MioNet, Net, Ready};

/// How often in a turn what machines say is written and what was written is told them: enough for a burst, and an end
/// for one who never stops.
const ROUNDS: usize = 8;
/// How often in a turn the poller is asked for more when it returned a full batch.
const POLLS: usize = 8;

/// Drives machines of any kinds on one set of sockets. It is also its [`Host`].
///
/// A turn settles what the machines want (outputs taken, sockets written, `Flushed` told), waits, hands over what has
/// arrived, *then* tells the time, and last does what closures, signals and control clients ask.
pub struct Driver<N: Net = MioNet> {
    host: Host<N>,
    polled: Vec<Ready>,
}

impl Driver<MioNet> {
    /// A driver on real sockets, of which it has no more than the process [may](files::limit) have files for.
    ///
    /// # Errors
    /// The operating system has no poller left.
    pub fn new() -> io::Result<Self> {
        let usual = Limits::default();
        let sockets = usual.sockets.min(files::sockets_within(files::limit()));
        Ok(Self::with(MioNet::new()?, Limits { sockets, ..usual }))
    }
}

impl<N: Net> Driver<N> {
    /// A driver on this network.
    pub fn on(net: N) -> Self {
        Self::with(net, Limits::default())
    }

    fn with(net: N, limits: Limits) -> Self {
        Driver { host: Host::new(net, limits), polled: Vec::new() }
    }

    /// Turns until [`Host::stop`] or [`Handle::stop`](crate::Handle::stop), or until every machine that was added has
    /// [ended](egoist_core::kernel::Output::Done) and all that they said last is written.
    ///
    /// # Errors
    /// The poller failed.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.host.stopping && !self.host.all_have_ended() {
            self.turn(None)?;
        }
        self.host.settle();
        self.host.stopping = false;
        Ok(())
    }

    /// One turn, waiting at most `max_wait` for something to happen.
    ///
    /// # Errors
    /// The poller failed.
    pub fn turn(&mut self, max_wait: Option<Duration>) -> io::Result<()> {
        self.host.settle();
        let wait = self.host.wait(max_wait);
        self.poll(wait)?;
        self.host.refresh();
        self.host.turns.next(self.host.now, self.host.net.processor_time());
        if self.host.timers.next().is_some_and(|(at, _)| at <= self.host.now) {
            // What arrived before this moment is known only to a poll that began after it.
            self.poll(Some(Duration::ZERO))?;
        }
        self.host.receive();
        self.host.fire();
        self.host.tell_wall_time();
        self.host.serve_sources();
        self.host.run_posted();
        self.host.settle();
        self.host.bury();
        Ok(())
    }

    fn poll(&mut self, wait: Option<Duration>) -> io::Result<()> {
        let mut wait = wait;
        for _ in 0..POLLS {
            let more = match self.host.net.poll(&mut self.polled, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => false,
                other => other?,
            };
            for ready in self.polled.drain(..) {
                self.host.mark(ready);
            }
            if !more {
                break;
            }
            wait = Some(Duration::ZERO);
        }
        Ok(())
    }
}

impl<N: Net> Deref for Driver<N> {
    type Target = Host<N>;
    fn deref(&self) -> &Host<N> {
        &self.host
    }
}

impl<N: Net> DerefMut for Driver<N> {
    fn deref_mut(&mut self) -> &mut Host<N> {
        &mut self.host
    }
}

impl<N: Net> Host<N> {
    /// Takes what the machines want, writes it, tells what was written, until that is quiet.
    fn settle(&mut self) {
        for _ in 0..ROUNDS {
            self.drain_machines();
            if self.unflushed.is_empty() && self.undrained.is_empty() {
                return;
            }
            for token in std::mem::take(&mut self.unflushed) {
                match self.sockets.get(token) {
                    Some(Socket::Connection(_)) => self.flush_connection(token),
                    Some(Socket::Datagrams(_)) => self.flush_datagrams(token),
                    _ => {}
                }
            }
        }
    }

    /// How long nothing needs doing.
    fn wait(&mut self, max: Option<Duration>) -> Option<Duration> {
        let busy = !(self.ready.is_empty()
            && self.spent.is_empty()
            && self.undrained.is_empty()
            && self.unflushed.is_empty()
            && self.ended.is_empty()
            && self.refused.is_empty()
            && self.woken.is_empty());
        if busy || self.stopping {
            return Some(Duration::ZERO);
        }
        self.refresh();
        let Some((at, _)) = self.timers.next() else { return max };
        let wait = at.since(self.now);
        Some(max.map_or(wait, |max| max.min(wait)))
    }

    /// Notes what the poller said; a token whose socket is gone finds nobody.
    fn mark(&mut self, ready: Ready) {
        match self.sockets.get(ready.token) {
            Some(Socket::Connection(_)) => self.connection_ready(ready),
            Some(Socket::Datagrams(_)) => self.datagrams_ready(ready),
            Some(Socket::Listener(_)) => self.listener_ready(ready.token),
            Some(Socket::Dial(_)) => self.decided.push(ready.token),
            Some(Socket::Source(_)) => self.woken.push(ready),
            None => tracing::trace!(token = ready.token.0, "stale readiness"),
        }
    }

    /// Hands over what has arrived: dials decided, bytes and datagrams within their budgets, connections accepted.
    fn receive(&mut self) {
        for (machine, ticket, why) in std::mem::take(&mut self.refused) {
            self.tell(machine, Input::DialFailed { ticket, why });
        }
        for token in std::mem::take(&mut self.decided) {
            self.decide(token);
        }
        let (ready, spent) = (std::mem::take(&mut self.ready), std::mem::take(&mut self.spent));
        for token in ready.into_iter().chain(spent) {
            match self.sockets.get(token) {
                Some(Socket::Connection(_)) => self.read_connection(token),
                Some(Socket::Datagrams(_)) => self.read_datagrams(token),
                Some(Socket::Listener(_)) => self.accept(token),
                _ => {}
            }
        }
    }

    /// Does what is due.
    fn fire(&mut self) {
        for alarm in self.timers.fire(self.now) {
            match alarm {
                Alarm::Tick(id) => self.tell(id, Input::Tick),
                Alarm::Release(token) => self.release(token),
                Alarm::ReleaseDatagrams => self.release_datagrams(),
                Alarm::Connect(token) => self.connect(token),
                Alarm::DialDeadline(token) => self.dial_failed(token, DialError::TimedOut),
                Alarm::Linger(token) => self.linger_over(token),
                Alarm::Accept => self.resume_accepting(),
                Alarm::WallTime => self.wall_said = None,
                Alarm::Job(id) => {
                    if let Some(job) = self.jobs.remove(&id) {
                        job(self);
                    }
                }
            }
        }
    }

    /// Runs what other threads have posted.
    fn run_posted(&mut self) {
        for job in self.shared.take() {
            job(self);
        }
    }
}
