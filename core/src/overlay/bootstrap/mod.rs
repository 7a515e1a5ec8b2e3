//! The bootstrap: who is there, for newcomers.
