//! A mio event loop that drives any [`egoist_core::kernel::Machine`] on real sockets.
