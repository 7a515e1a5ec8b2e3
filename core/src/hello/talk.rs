//! What a dialect decides: how lines are read and written, and what is said when.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::time::Duration;

use bytes::Bytes;

use super::config::{Config, Dialect};
use super::interface::PeerInfo;
use super::message::{Malformed, Message, NodeId};
use super::{article, ncpoc};
use crate::kernel::{ConnId, Streams, Time};

/// A node's side of its conversations in one dialect.
pub(super) trait Talk: Debug + Send {
    /// What the node calls itself.
    fn id(&self) -> &NodeId;

    /// What a line says.
    fn read(&self, line: &[u8]) -> Result<Message, Malformed>;

    fn hello(&mut self) -> Bytes;

    fn ping(&mut self) -> Bytes;

    fn pong(&mut self) -> Bytes;

    /// Whether this end of a connection pings.
    fn pings(&self, dialed: bool) -> Pings;

    /// What is said to a peer that has just said hello, which is among the peers already.
    fn introduction(&mut self, conn: ConnId, dialed: bool, peers: &[&PeerInfo]) -> Vec<Bytes>;

    /// The answer to getaddr, if there is one.
    fn whom_i_know(&mut self, asker: ConnId, peers: &[&PeerInfo]) -> Option<Bytes>;

    /// Which connection stays when a peer that is connected says hello on another one.
    fn again(&self, old: &PeerInfo, new_is_dialed: bool) -> Again;

    /// The wall clock was said.
    fn clock(&mut self, _now: Time, _unix: Duration) {}
}

/// When a connection's end pings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pings {
    /// At once and each period.
    AtOnce,
    /// Each period.
    Later,
    /// It answers alone, and misses the pings of the other end.
    Never,
}

/// Which of two connections with one peer stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    /// The older one.
    Old,
    /// The newer one.
    New,
    /// Both.
    Both,
}

/// A node's side in the dialect that it is configured for.
pub(super) fn of(config: &Config) -> Box<dyn Talk> {
    let streams = Streams::new(config.seed);
    match config.dialect {
        Dialect::Article => Box::new(article::Talk::new(&streams, config.address, config.max_rows)),
        Dialect::Ncpoc => Box::new(ncpoc::Talk::new(&streams, config.wall_time)),
    }
}
