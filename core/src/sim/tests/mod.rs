//! The laws of the world itself, with a machine that talks for the sake of talking.

pub(super) mod chatter;
mod drivers;
mod ends;
mod faulty;
mod laws;
mod mixed;
mod network;
mod ways;
