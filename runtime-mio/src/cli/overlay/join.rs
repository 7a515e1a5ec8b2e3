//! A node in the overlay, from its configuration to its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use egoist_core::kernel::Time;
use egoist_core::overlay::{AddressFault, BOOTSTRAPS_LIMIT, Command, Config, Overlay, Refusal};
use egoist_mio::net::MioNet;
use egoist_mio::{Host, Key};

use super::super::failure::Outcome;
use super::super::host_port::HostPort;
use super::super::names;
use super::super::protocol::Member;
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
    let (named, sought) = (Named::new(bootstraps), Arc::default());
    let desk = Desk::new(&config, named.clone(), Arc::clone(&sought));
    let beside = |host: &mut Host<MioNet>, key| {
        names::follow(host, bootstraps, &Newcomer { key, named, sought });
    };
    ground.live((desk, config), record, beside, session)
}

/// A member whose bootstraps have names.
#[derive(Clone)]
struct Newcomer {
    key: Key<Member<Overlay>>,
    named: Named,
    /// When it last asked a bootstrap, or would have if it knew one, in microseconds.
    sought: Arc<AtomicU64>,
}

impl names::Seeker for Newcomer {
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
        match host.command(self.key, Command::Bootstraps(addresses)) {
            // One who is leaving needs them no more.
            Ok(_) | Err(Refusal::NotRunning) => {}
            Err(refusal) => tracing::warn!(name, "what a name stands for is not taken: {refusal}"),
        }
    }

    fn unknown(&self, name: &str, why: &str) {
        self.named.unknown(name, why);
    }
}
