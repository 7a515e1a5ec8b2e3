//! The kinds of frames.

/// The lowest code that a frame may have, and the highest.
const RANGE: core::ops::RangeInclusive<u16> = 500..=519;

/// What a frame is. The order is that of the codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Code {
    /// 500: a message, from a module to its node or from a node to its peers.
    Announce,
    /// 501: a module wants to hear of a type.
    Notify,
    /// 502: a message, from a node to a module.
    Notification,
    /// 503: a module says whether a message is valid.
    Validation,
    /// 510: a peer says where it listens, and asks who else does.
    PeerRequest,
    /// 511: who else listens.
    PeerResponse,
    /// 512: somebody listens, as peers tell each other.
    PeerUpdate,
    /// 513: a peer says where it listens.
    PeerInit,
    /// 515: a node of this project is at the other end, and whether it is still there.
    Native,
    /// 516: a message between nodes of this project.
    Spread,
    /// 517: messages that can be had.
    Have,
    /// 518: messages that are asked for.
    Want,
    /// 519: messages that were asked for and cannot be had.
    Gone,
    /// Any other in the range. It says nothing, and the connection goes on.
    Unassigned(u16),
}

impl Code {
    /// The code's meaning, `None` if it is outside of the range.
    pub fn of(code: u16) -> Option<Code> {
        RANGE.contains(&code).then_some(match code {
            500 => Code::Announce,
            501 => Code::Notify,
            502 => Code::Notification,
            503 => Code::Validation,
            510 => Code::PeerRequest,
            511 => Code::PeerResponse,
            512 => Code::PeerUpdate,
            513 => Code::PeerInit,
            515 => Code::Native,
            516 => Code::Spread,
            517 => Code::Have,
            518 => Code::Want,
            519 => Code::Gone,
            other => Code::Unassigned(other),
        })
    }

    /// As it is written.
    pub const fn number(self) -> u16 {
        match self {
            Code::Announce => 500,
            Code::Notify => 501,
            Code::Notification => 502,
            Code::Validation => 503,
            Code::PeerRequest => 510,
            Code::PeerResponse => 511,
            Code::PeerUpdate => 512,
            Code::PeerInit => 513,
            Code::Native => 515,
            Code::Spread => 516,
            Code::Have => 517,
            Code::Want => 518,
            Code::Gone => 519,
            Code::Unassigned(other) => other,
        }
    }
}
