//! A small overlay, and everything that goes wrong in it: the oracles hold a stated time after.
#![no_main]

use egoist_core::overlay::scenario;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| scenario::check(octets));
