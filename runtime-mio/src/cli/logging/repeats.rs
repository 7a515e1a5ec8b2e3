//! Events of a kind and host that come again and again are said a few times, then as "n more".

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use super::limiter::Limiter;

/// How often periods that are over are looked for, while there are any.
const LOOK: Duration = Duration::from_secs(1);

/// Octets of a host that is no address.
const HOST: usize = 64;

/// Fields that say which host an event is about, the best first.
const HOSTS: [&str; 4] = ["remote", "address", "addr", "peer"];

/// Passes events on, those of warnings and news as often as a [`Limiter`] lets.
#[derive(Clone, Debug)]
pub(crate) struct Repeats {
    limiter: Arc<Mutex<Limiter<Kind>>>,
    wake: SyncSender<()>,
}

/// What is one kind: its level, what it says, and the host it is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Kind {
    level: u8,
    what: String,
    host: Option<String>,
}

impl Repeats {
    pub(crate) fn new() -> Self {
        let (wake, woken) = sync_channel(1);
        let repeats = Repeats { limiter: Arc::new(Mutex::new(Limiter::new())), wake };
        let limiter = Arc::clone(&repeats.limiter);
        // Without a thread the numbers are said at the end.
        let _ = thread::Builder::new().name("repeats".to_owned()).spawn(move || watch(&limiter, &woken));
        repeats
    }

    /// Says how many more there were until now.
    pub(crate) fn finish(&self) {
        say(lock(&self.limiter).take_all());
    }

    fn admit(&self, event: &Event<'_>) -> bool {
        let kind = Kind::of(event);
        let mut limiter = lock(&self.limiter);
        if limiter.is_idle() {
            let _ = self.wake.try_send(());
        }
        limiter.admit(Instant::now(), kind, |kind| Kind { host: None, ..kind.clone() })
    }
}

impl<S: Subscriber> Filter<S> for Repeats {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let meta = event.metadata();
        // What is asked for in detail is wanted whole, and what is said here has been counted.
        *meta.level() > Level::INFO || meta.target() == module_path!() || self.admit(event)
    }
}

/// Says the numbers of the periods that are over, as long as there are any; then waits.
fn watch(limiter: &Mutex<Limiter<Kind>>, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        while !lock(limiter).is_idle() {
            thread::sleep(LOOK);
            let over = lock(limiter).take_over(Instant::now());
            say(over);
        }
    }
}

fn lock(limiter: &Mutex<Limiter<Kind>>) -> MutexGuard<'_, Limiter<Kind>> {
    limiter.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(over: Vec<(Kind, u64)>) {
    for (Kind { level, what, host }, more) in over {
        let host = host.as_deref().unwrap_or("several");
        match level {
            0 => tracing::error!(more, host, "{more} more: {what}"),
            1 => tracing::warn!(more, host, "{more} more: {what}"),
            _ => tracing::info!(more, host, "{more} more: {what}"),
        }
    }
}

impl Kind {
    fn of(event: &Event<'_>) -> Self {
        let level = match *event.metadata().level() {
            Level::ERROR => 0,
            Level::WARN => 1,
            _ => 2,
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let host = fields.hosts.into_iter().flatten().next();
        Kind { level, what: fields.what, host: host.map(|host| host_of(&host)) }
    }
}

/// The address without its port, or the beginning of what is none.
fn host_of(text: &str) -> String {
    let ip: Option<IpAddr> = text.parse::<SocketAddr>().map(|at| at.ip()).or_else(|_| text.parse()).ok();
    ip.map_or_else(|| text.chars().take(HOST).collect(), |ip| ip.to_canonical().to_string())
}

/// What an event says, and the fields that may name a host.
#[derive(Default)]
struct Fields {
    what: String,
    hosts: [Option<String>; HOSTS.len()],
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.what = format!("{value:?}");
        } else if let Some(place) = HOSTS.iter().position(|name| *name == field.name()) {
            self.hosts[place] = Some(format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_make_no_other_host() {
        assert_eq!(host_of("192.0.2.7:4001"), "192.0.2.7");
        assert_eq!(host_of("[2001:db8::7]:4001"), "2001:db8::7");
        assert_eq!(host_of("[::ffff:192.0.2.7]:4001"), "192.0.2.7");
        assert_eq!(host_of(&"x".repeat(900)).len(), HOST);
    }
}
