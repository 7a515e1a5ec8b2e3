//! The frames of VoidPhone gossip, where modules on a host announce data, subscribe to types and say what is valid before it is
//! passed on. So far they are all that is here: a node that speaks them is not.

pub mod wire;
