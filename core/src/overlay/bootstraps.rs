//! The bootstraps, and how asking each of them ended.

use alloc::collections::BTreeMap;
use core::fmt;
use core::net::SocketAddr;

use super::wire::Reason;
use crate::kernel::{DialError, Fault, Why};

/// Why a bootstrap told nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum BootstrapError {
    /// The dial came to nothing.
    Dial(DialError),
    /// It said NACK.
    Refused(Reason),
    /// It is an address of this node's own.
    Itself,
    /// It took the connection and did not answer in time.
    Silent,
    /// It closed the connection without an answer.
    Closed,
    /// It answered what no bootstrap says; in a few words, what is wrong with it.
    Nonsense(&'static str),
}

impl BootstrapError {
    /// What became of a connection to a bootstrap that ended without an answer.
    pub(super) const fn ended(why: Why) -> Self {
        match why.fault {
            Fault::Peer => BootstrapError::Nonsense(why.what),
            Fault::Nobody | Fault::Own | Fault::Network => BootstrapError::Closed,
        }
    }

    /// What to do about it, in a few words without a full stop.
    pub const fn remedy(&self) -> &'static str {
        use BootstrapError::{Closed, Dial, Itself, Nonsense, Refused, Silent};
        match self {
            Dial(DialError::Refused) => "start it, or name another bootstrap",
            Dial(DialError::TimedOut) => "check its address, and the firewalls on the way",
            Dial(DialError::Unreachable) => "check its address, and this host's network",
            Dial(DialError::Exhausted) => "allow this process more open files",
            Itself | Refused(Reason::Myself) => "name another node, unless this one is the first",
            Refused(Reason::Twin) => "give each node an id, a seed and a state folder of its own",
            Refused(Reason::Network) => "give both the same network, or name a bootstrap of this one",
            Refused(Reason::Version) => "run the same version on both",
            Refused(Reason::Busy | Reason::Leaving) => "wait, it is asked again; or name another bootstrap",
            Refused(_) => "name another bootstrap",
            Silent | Closed | Nonsense(_) => "check its address: that may be another program",
        }
    }
}

impl fmt::Display for BootstrapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use BootstrapError::{Closed, Dial, Itself, Nonsense, Refused, Silent};
        f.write_str(match self {
            Dial(DialError::Refused) => "nobody listens there",
            Dial(DialError::TimedOut) => "nobody answers there",
            Dial(DialError::Unreachable) => "no way leads there",
            Dial(DialError::Exhausted) => "this host has no room for another connection",
            Itself | Refused(Reason::Myself) => "that is this node itself",
            Refused(Reason::Twin) => "another node there has this node's id",
            Refused(Reason::Network) => "that is a node of another network",
            Refused(Reason::Version) => "that is a node of another version",
            Refused(Reason::Busy) => "it was asked too much lately",
            Refused(Reason::Leaving) => "it is leaving",
            Refused(reason) => return write!(f, "it refuses to answer ({reason})"),
            Silent => "it takes connections and does not answer",
            Closed => "it closes connections without an answer",
            Nonsense(what) => return write!(f, "it answers what no bootstrap says ({what})"),
        })
    }
}

/// How asking each bootstrap ended last; `None` for an answer. There are as many as the node knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcomes(BTreeMap<SocketAddr, Option<BootstrapError>>);

impl Outcomes {
    /// Notes how asking `address` ended; whether that differs from the last time.
    pub(super) fn note(&mut self, address: SocketAddr, outcome: Option<BootstrapError>) -> bool {
        let changed = self.0.get(&address) != Some(&outcome);
        self.0.insert(address, outcome);
        changed
    }

    /// The bootstraps are these now.
    pub(super) fn keep(&mut self, addresses: &[SocketAddr]) {
        self.0.retain(|address, _| addresses.contains(address));
    }

    /// How asking `address` ended, if it has been asked.
    pub(super) fn of(&self, address: SocketAddr) -> Option<&Option<BootstrapError>> {
        self.0.get(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_same_outcome_is_news_once() {
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let mut outcomes = Outcomes::default();
        let refused = || Some(BootstrapError::Dial(DialError::Refused));
        assert!(outcomes.note(at(1), refused()) && !outcomes.note(at(1), refused()));
        assert!(
            outcomes.note(at(2), refused()) && outcomes.note(at(1), None) && outcomes.note(at(1), refused())
        );
        outcomes.keep(&[at(2)]);
        assert_eq!((outcomes.of(at(1)), outcomes.of(at(2))), (None, Some(&refused())));
    }

    #[test]
    fn each_error_says_what_is_wrong_and_what_to_do() {
        let said = |error: BootstrapError| [error.to_string().as_str(), error.remedy()].join(": ");
        assert_eq!(
            said(BootstrapError::Dial(DialError::Refused)),
            "nobody listens there: start it, or name another bootstrap"
        );
        assert_eq!(
            said(BootstrapError::Refused(Reason::Network)),
            "that is a node of another network: give both the same network, or name a bootstrap of this one"
        );
        assert_eq!(
            said(BootstrapError::Refused(Reason::new("moon").unwrap())),
            "it refuses to answer (moon): name another bootstrap"
        );
    }
}
