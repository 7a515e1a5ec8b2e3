//! One datagram: refused, or emitted as it was.
#![no_main]

use egoist_core::overlay::wire::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::datagram(octets));
