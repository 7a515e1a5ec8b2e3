//! A configuration file: refused with one of its lines, or read back as it was.
#![no_main]

use egoist_mio::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::configuration(octets));
