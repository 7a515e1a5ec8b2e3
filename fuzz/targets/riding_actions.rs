//! A few nodes of gossip that ride on an overlay, and everything that goes wrong among them: the oracles hold a stated time
//! after.
#![no_main]

use egoist_core::riding::scenario;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| scenario::check(octets));
