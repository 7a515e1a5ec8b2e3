//! A node fed any inputs: it goes on, and its recording is repeated to the bit.
#![no_main]

use egoist_core::overlay::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::any_inputs(octets));
