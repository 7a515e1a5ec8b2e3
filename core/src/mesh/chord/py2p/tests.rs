//! One node, and peers of py2p written by hand.
