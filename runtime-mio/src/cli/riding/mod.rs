//! Gossip that rides on an overlay: a node of both, which is run by `egoist gossip node --ride` and answers what is asked of
//! either.

mod desk;
mod inside;
mod node;
mod status;

pub(crate) use desk::Desk;
pub(crate) use node::Rider;

/// What its nodes say that they are.
pub(crate) const NAME: &str = "riding";
