//! A script of pieces and of time passing, beside a model.
#![no_main]

use egoist_core::overlay::wire::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::segments(octets));
