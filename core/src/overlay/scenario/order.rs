//! What a script may have an overlay node asked for.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::overlay::event::Command;
use crate::overlay::machine::Overlay;
use crate::overlay::wire::Way;
use crate::sim::{World, scenario};

/// The longest payload that a script sends.
const LONGEST: usize = 65_536;

/// Something that a node is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `send TO OCTETS`: a payload over links to another node, if that runs.
    Send {
        /// The other.
        to: usize,
        /// How long it is: 65,536 at the most.
        octets: usize,
    },
}

/// A text that is no order.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an order: {0:?}")]
pub struct NotAnOrder(pub String);

impl Order {
    /// The order as a node takes it, which knows others by their ids; `None` while the other has none.
    pub(super) fn command(self, world: &World<Overlay>) -> Option<Command> {
        let Order::Send { to, octets } = self;
        let to = world.machine(to)?.id()?;
        Some(Command::Send { to, payload: vec![0; octets].into(), way: Way::Link })
    }
}

impl scenario::Order for Order {
    fn last_node(&self) -> Option<usize> {
        let Order::Send { to, .. } = self;
        Some(*to)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order::Send { to, octets } = self;
        write!(f, "send {to} {octets}")
    }
}

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(text: &str) -> Result<Self, NotAnOrder> {
        let words: Vec<&str> = text.split(' ').collect();
        let read = |to: &str, octets: &str| {
            let octets = octets.parse().ok().filter(|octets| *octets <= LONGEST)?;
            Some(Order::Send { to: to.parse().ok()?, octets })
        };
        let order = match *words {
            ["send", to, octets] => read(to, octets),
            _ => None,
        };
        order.ok_or_else(|| NotAnOrder(text.to_string()))
    }
}
