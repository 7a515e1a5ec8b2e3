//! Frames of gossip: whatever octets say.
#![no_main]

use egoist_core::gossip::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::wire(octets));
