//! Events of a kind and host that come again and again are said a few times, then as "n more".

use std::collections::BTreeMap;
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
const HOSTS: [&str; 4] = ["remote", "address", "addr", "bootstrap"];

/// Says whom a warning is about that names no host. News is not told apart by it: a stranger can bring a link about, and end
/// it, as often as it likes and under any id.
const PEER: &str = "peer";

/// The level of what is no more than news.
const NEWS: u8 = 2;

/// How many warnings of a kind are said in a period.
pub(crate) const SAID: u32 = 5;

/// ... and how much news: many peers may share a host, and start together.
pub(crate) const NEWS_SAID: u32 = 32;

/// Passes events on, those of warnings and news as often as a [`Limiter`] lets.
#[derive(Clone, Debug)]
pub(crate) struct Repeats {
    limiter: Arc<Mutex<Limiter<Kind>>>,
    wake: SyncSender<()>,
}

/// What is one kind: its level, what it says and why, and the host it is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Kind {
    level: u8,
    what: String,
    /// As much of the reason as tells it from others.
    why: Option<String>,
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
        let most = if kind.level < NEWS { SAID } else { NEWS_SAID };
        limiter.admit(Instant::now(), kind, most, |kind| Kind { host: None, why: None, ..kind.clone() })
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
    for (Kind { level, what, why, host }, more) in over {
        let host = host.as_deref().unwrap_or("several");
        let what = why.map_or(what.clone(), |why| format!("{what}: {why}"));
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
            _ => NEWS,
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.kind(level)
    }
}

/// The address without its port, or the beginning of what is none.
fn host_of(text: &str) -> String {
    let ip: Option<IpAddr> = text.parse::<SocketAddr>().map(|at| at.ip()).or_else(|_| text.parse()).ok();
    ip.map_or_else(|| text.chars().take(HOST).collect(), |ip| ip.to_canonical().to_string())
}

/// What an event says, why, and the fields that may name a host.
#[derive(Default)]
struct Fields {
    what: String,
    why: Option<String>,
    hosts: BTreeMap<&'static str, String>,
}

impl Fields {
    fn kind(mut self, level: u8) -> Kind {
        let peer = Some(&PEER).filter(|_| level < NEWS);
        let host =
            HOSTS.iter().chain(peer).find_map(|name| self.hosts.remove(name)).map(|host| host_of(&host));
        let why = self.why.map(|why| why.chars().take(HOST).collect());
        Kind { level, what: self.what, why, host }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.what = format!("{value:?}"),
            "why" => self.why = Some(format!("{value:?}")),
            name if name == PEER || HOSTS.contains(&name) => {
                _ = self.hosts.insert(name, format!("{value:?}"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(level: u8, why: &str, hosts: &[(&'static str, &str)]) -> Kind {
        let hosts = hosts.iter().map(|(name, host)| (*name, (*host).to_owned())).collect();
        Fields { what: "x".to_owned(), why: Some(why.to_owned()), hosts }.kind(level)
    }

    #[test]
    fn what_differs_for_its_reader_is_of_different_kinds() {
        let (one, other) = (("peer", "0a"), ("peer", "0b"));
        let at = ("address", "192.0.2.7:1");
        for level in [1, NEWS] {
            assert_eq!(kind(level, "", &[one, at]), kind(level, "", &[other, at]), "a host under two ids");
        }
        assert_ne!(kind(1, "", &[one]), kind(1, "", &[other]), "two neighbours that are silent");
        assert_eq!(kind(NEWS, "", &[one]), kind(NEWS, "", &[other]), "links that end");
        assert_ne!(kind(1, "a", &[at]), kind(1, "b", &[at]), "two reasons");
        let bootstraps = ["192.0.2.1:1", "192.0.2.2:1"].map(|at| kind(1, "", &[("bootstrap", at)]));
        assert_ne!(bootstraps[0], bootstraps[1]);
        assert_eq!(kind(1, &"x".repeat(900), &[]).why.unwrap().len(), HOST);
    }

    #[test]
    fn ports_make_no_other_host() {
        assert_eq!(host_of("192.0.2.7:4001"), "192.0.2.7");
        assert_eq!(host_of("[2001:db8::7]:4001"), "2001:db8::7");
        assert_eq!(host_of("[::ffff:192.0.2.7]:4001"), "192.0.2.7");
        assert_eq!(host_of(&"x".repeat(900)).len(), HOST);
    }
}
