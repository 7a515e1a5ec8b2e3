//! A gossip node, fed whatever octets say, at both its listeners; its recording is replayed.
#![no_main]

use egoist_core::gossip::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::node(octets));
