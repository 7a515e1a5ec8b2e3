//! Names to addresses, off the loop: the operating system's resolver blocks, for half a minute at worst.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::handle::{Busy, Shared};
use crate::host::Host;
use crate::net::Net;

/// Names resolved at a time, each on a thread of its own, so that one that takes long delays no other.
const LOOKUPS: usize = 8;

/// Turns `host:port` into addresses. It is asked on threads of its own and may take its time.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses that a name stands for now.
    ///
    /// # Errors
    /// Nobody knows the name, or nobody can be asked.
    fn resolve(&self, name: &str) -> io::Result<Vec<SocketAddr>>;
}

impl<F: Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static> Resolve for F {
    fn resolve(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        self(name)
    }
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        name.to_socket_addrs().map(Iterator::collect)
    }
}

/// How many lookups are under way.
#[derive(Default)]
pub(crate) struct Slots(AtomicUsize);

impl Slots {
    fn take(&self) -> Result<(), Busy> {
        let one_more = |taken| (taken < LOOKUPS).then_some(taken + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).map(drop).map_err(|_| Busy)
    }

    fn give_back(&self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

pub(crate) fn resolve<N: Net>(
    shared: &Arc<Shared<N>>,
    name: String,
    then: impl FnOnce(&mut Host<N>, io::Result<Vec<SocketAddr>>) + Send + 'static,
) -> Result<(), Busy> {
    shared.lookups.take()?;
    let (answering, resolver) = (Arc::clone(shared), shared.resolver());
    let lookup = move || {
        let answer = resolver.resolve(&name);
        answering.lookups.give_back();
        answering.post(Box::new(move |host| then(host, answer)));
    };
    let spawned = thread::Builder::new().name("resolver".to_owned()).spawn(lookup);
    spawned.map(drop).map_err(|error| {
        tracing::warn!(%error, "no thread to resolve a name");
        shared.lookups.give_back();
        Busy
    })
}
