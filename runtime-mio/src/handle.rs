//! Reaching the loop from other threads.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::Host;
use crate::net::{MioNet, Net, WakeUp};
use crate::resolver::{self, Resolve, SystemResolver};

/// Closures that wait for the loop; a thread that is faster than the loop has to wait itself.
const POSTED: usize = 1024;

/// The queue of the loop is full, or as many names are being resolved as allowed: try again later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the event loop has too much waiting for it")]
pub struct Busy;

type Posted<N> = Box<dyn FnOnce(&mut Host<N>) + Send>;

/// What a loop and its handles share.
pub(crate) struct Shared<N: Net> {
    posted: Mutex<VecDeque<Posted<N>>>,
    wake: WakeUp,
    pub(crate) lookups: resolver::Slots,
    resolver: Mutex<Arc<dyn Resolve>>,
}

impl<N: Net> Shared<N> {
    pub(crate) fn new(wake: WakeUp) -> Self {
        let resolver: Mutex<Arc<dyn Resolve>> = Mutex::new(Arc::new(SystemResolver));
        Shared { posted: Mutex::default(), wake, lookups: resolver::Slots::default(), resolver }
    }

    pub(crate) fn set_resolver(&self, resolver: Arc<dyn Resolve>) {
        *self.resolver.lock().unwrap_or_else(PoisonError::into_inner) = resolver;
    }

    pub(crate) fn resolver(&self) -> Arc<dyn Resolve> {
        Arc::clone(&self.resolver.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything posted until now.
    pub(crate) fn take(&self) -> VecDeque<Posted<N>> {
        std::mem::take(&mut *self.queue())
    }

    /// Posts whatever the queue's length: for answers that were counted when they were asked for.
    pub(crate) fn post(&self, job: Posted<N>) {
        self.queue().push_back(job);
        (self.wake)();
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Posted<N>>> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Posts closures to a driver's loop, from any thread.
pub struct Handle<N: Net = MioNet> {
    shared: Arc<Shared<N>>,
}

impl<N: Net> Clone for Handle<N> {
    fn clone(&self) -> Self {
        Handle { shared: Arc::clone(&self.shared) }
    }
}

impl<N: Net> Handle<N> {
    pub(crate) const fn new(shared: Arc<Shared<N>>) -> Self {
        Handle { shared }
    }

    /// Runs `job` on the loop, in its next turn.
    ///
    /// # Errors
    /// [`Busy`]: 1024 closures wait already.
    pub fn run(&self, job: impl FnOnce(&mut Host<N>) + Send + 'static) -> Result<(), Busy> {
        if self.shared.queue().len() >= POSTED {
            return Err(Busy);
        }
        self.shared.post(Box::new(job));
        Ok(())
    }

    /// Ends [`run`](crate::Driver::run) after its next turn.
    pub fn stop(&self) {
        self.shared.post(Box::new(Host::stop));
    }

    /// Resolves `host:port` on a thread of its own and gives the addresses to `then` on the loop, exactly once.
    ///
    /// # Errors
    /// [`Busy`]: 8 names are being resolved already; `then` is not called.
    pub fn resolve(
        &self,
        name: &str,
        then: impl FnOnce(&mut Host<N>, io::Result<Vec<SocketAddr>>) + Send + 'static,
    ) -> Result<(), Busy> {
        resolver::resolve(&self.shared, name.to_owned(), then)
    }
}
