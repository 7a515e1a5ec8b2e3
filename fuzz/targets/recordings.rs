//! A recording, or one entry of it: refused, or written as it was read.
#![no_main]

use egoist_core::record::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::recording(octets));
