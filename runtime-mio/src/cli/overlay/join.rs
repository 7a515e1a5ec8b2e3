//! A node in the overlay, from its configuration to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use egoist_core::kernel::Time;
use egoist_core::overlay::{AddressFault, BOOTSTRAPS_LIMIT, Command, Config, Overlay, Refusal};
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::failure::Outcome;
use super::super::host_port::HostPort;
use super::super::names;
use super::super::protocol::Access;
use super::super::record::RecordArgs;
use super::super::serve::Ground;
use super::super::session::Session;
use super::desk::Desk;
use super::named::Named;

/// Runs a node of the overlay until it has left. Bootstraps given by name are looked up as it runs.
///
/// # Errors
/// As [`Ground::live`].
pub(crate) fn join(
    ground: Ground,
    config: Config,
    record: &RecordArgs,
    bootstraps: &[HostPort],
    session: &mut Session<'_>,
) -> Outcome {
    let joining = Joining::new(bootstraps);
    let desk = joining.desk(&config);
    let beside = |host: &mut Host<MioNet>, key| joining.follow(host, key);
    ground.live((desk, config), record, beside, session)
}

/// What a node of the overlay has beside its machine.
pub(crate) struct Joining<'a> {
    bootstraps: &'a [HostPort],
    named: Named,
    sought: Arc<AtomicU64>,
}

impl<'a> Joining<'a> {
    /// For a node whose bootstraps were given so.
    pub(crate) fn new(bootstraps: &'a [HostPort]) -> Self {
        Joining { bootstraps, named: Named::new(bootstraps), sought: Arc::default() }
    }

    /// The node's desk.
    pub(crate) fn desk(&self, config: &Config) -> Desk {
        Desk::new(config, self.named.clone(), Arc::clone(&self.sought))
    }

    /// Looks up the bootstraps given by name, and tells the node.
    pub(crate) fn follow(self, host: &mut Host<MioNet>, node: impl Access<Overlay> + Clone + Send + 'static) {
        let Joining { bootstraps, named, sought } = self;
        names::follow(host, bootstraps, &Newcomer { node, named, sought });
    }
}

/// A member whose bootstraps have names.
#[derive(Clone)]
struct Newcomer<A> {
    node: A,
    named: Named,
    /// When it last asked a bootstrap, or would have if it knew one, in microseconds.
    sought: Arc<AtomicU64>,
}

impl<A: Access<Overlay> + Clone + Send + 'static> names::Seeker for Newcomer<A> {
    fn seeks(&self, _: &Host<MioNet>, since: Time) -> bool {
        self.sought.load(Ordering::Relaxed) > since.as_micros()
    }

    fn found(&self, host: &mut Host<MioNet>, name: &str, addresses: Vec<SocketAddr>) {
        let (dialable, others): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| AddressFault::of(*address).is_none());
        if let Some(address) = others.first() {
            tracing::warn!(name, %address, "a name stands for an address that nobody can dial");
        }
        if dialable.is_empty() {
            return;
        }
        self.named.found(name, dialable);
        let mut addresses = self.named.addresses();
        addresses.truncate(BOOTSTRAPS_LIMIT);
        match self.node.command(host, Command::Bootstraps(addresses)) {
            // One who is leaving needs them no more.
            Ok(_) | Err(Refusal::NotRunning) => {}
            Err(refusal) => tracing::warn!(name, "what a name stands for is not taken: {refusal}"),
        }
    }

    fn unknown(&self, name: &str, why: &str) {
        self.named.unknown(name, why);
    }
}
