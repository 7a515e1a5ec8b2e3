//! Scenarios of Chord nodes, by their grammar.
#![no_main]

use egoist_core::mesh::chord::scenario;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| scenario::check(octets));
