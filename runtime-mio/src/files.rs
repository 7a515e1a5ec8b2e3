//! How many files the process may have open, and how many of them are for sockets.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that a process opens beside the sockets of strangers and peers: control clients, its state, its log, the loop's own.
const KEPT: u64 = 96;

/// How many files this process may have open now; `None` for any number.
pub fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// How many files a process must be allowed for so many sockets.
pub const fn needed_for(sockets: usize) -> u64 {
    (sockets as u64).saturating_add(KEPT)
}

/// Has this process be allowed the files for so many sockets, as far as it may allow that to itself; how many it has then.
/// The limit that processes begin with is low for those that hand files to `select`, which knows 1,024: a process that
/// does so leaves this alone, and so do those whose children do.
pub fn allow_for(sockets: usize) -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(needed_for(sockets), |maximum| maximum.min(needed_for(sockets)));
    if current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, wanted, "the limit of open files stays as it is");
        }
    }
    limit()
}

/// Sockets where so many files may be open: half of them at least.
pub(crate) fn sockets_within(files: Option<u64>) -> usize {
    let sockets = files.map_or(u64::MAX, |files| files - KEPT.min(files / 2));
    usize::try_from(sockets).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_leave_some_files_to_the_process() {
        let within = |files| sockets_within(Some(files));
        assert_eq!([0, 1, 10, 192, 1_024].map(within), [0, 1, 5, 96, 928]);
        assert_eq!(sockets_within(None), usize::MAX);
        assert_eq!(sockets_within(Some(needed_for(928))), 928);
    }
}
