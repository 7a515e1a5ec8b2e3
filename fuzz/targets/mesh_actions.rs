//! A few mesh nodes, and everything that goes wrong among them: the oracles hold a stated time after.
#![no_main]

use egoist_core::mesh::scenario;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| scenario::check(octets));
