//! A Chord node, fed whatever octets say; its recording is replayed.
#![no_main]

use egoist_core::mesh::chord::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::node(octets));
