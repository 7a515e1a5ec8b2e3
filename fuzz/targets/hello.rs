//! A node of the hello protocol, fed whatever octets say; its recording is replayed.
#![no_main]

use egoist_core::hello::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::node(octets));
