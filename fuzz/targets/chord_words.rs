//! Words between Chord nodes, of any fields.
#![no_main]

use egoist_core::mesh::chord::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::word(octets));
