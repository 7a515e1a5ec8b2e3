//! Frames of the mesh: whatever octets say.
#![no_main]

use egoist_core::mesh::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::wire(octets));
