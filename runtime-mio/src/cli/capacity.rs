//! Whether the process may open as many files as its nodes need.

use egoist_mio::net::MioNet;
use egoist_mio::{Driver, Host, Limits, files};

use super::failure::{Failure, Outcome};

/// A loop with as many sockets as it may have, up to the usual bound.
///
/// # Errors
/// The operating system has no poller left.
pub(crate) fn event_loop() -> Outcome<Driver> {
    files::allow_for(Limits::default().sockets);
    Driver::new().map_err(|e| Failure::io("cannot begin an event loop", "poll", &e))
}

/// Warns of a node that may have more connections at once than the loop that it begins in has sockets left.
pub(crate) fn check(connections: Option<usize>, host: &Host<MioNet>) {
    let Some(connections) = connections else { return };
    let left = host.limits().sockets.saturating_sub(host.sockets());
    if connections > left {
        warn(connections, left, files::needed_for(connections.saturating_add(host.sockets())));
    }
}

/// Says what would help: more files, where the loop would have more sockets then.
fn warn(connections: usize, sockets: usize, needed: u64) {
    match files::limit() {
        Some(files) if needed <= files::needed_for(Limits::default().sockets) => tracing::warn!(
            connections,
            sockets,
            files,
            "the settings allow more connections than this process has files for, and newcomers wait while it has none \
             left: let it open {needed} files ('ulimit -n {needed}', or LimitNOFILE={needed} in a unit of systemd), or \
             lower the settings that bound connections"
        ),
        _ => tracing::warn!(
            connections,
            sockets,
            "the settings allow more connections than a node has sockets for, and newcomers wait while it has none left: \
             lower those that bound connections"
        ),
    }
}
