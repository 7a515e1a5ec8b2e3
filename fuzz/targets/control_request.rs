//! One line of a control socket: refused, or read back as it was.
#![no_main]

use egoist_mio::checks;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| checks::control_request(octets));
