//! Worlds of machines in simulated time.
