//! A peer that floods, and a process that only takes a processor.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;

use egoist_core::gossip::wire::{MessageHash, Offer, Probe, Spread, write};

use super::TYPE;
use super::listener::{INVALID, end_with_parent, say};

/// Octets of an invalid message.
const OCTETS: usize = 64;
/// New hashes in an offer.
const OFFERS: usize = 64;
/// Frames in one write.
const BATCH: u64 = 64;

/// Takes a processor.
pub(crate) fn spin() {
    end_with_parent();
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Floods a node with invalid messages, and with offers of what there is not.
pub(crate) fn attack(peers: &str) {
    end_with_parent();
    let mut stream = TcpStream::connect(peers).expect("it listens");
    let mut incoming = stream.try_clone().expect("a descriptor");
    thread::spawn(move || while incoming.read(&mut [0; 65_536]).is_ok_and(|n| n > 0) {});
    stream.write_all(&write::native(Probe::Hello { nonce: 4_711 })).expect("it reads");
    let mut count = 0;
    loop {
        let frames: Vec<u8> = (0..BATCH).flat_map(|more| frame(count + more)).collect();
        if stream.write_all(&frames).is_err() {
            return say("closed");
        }
        count += BATCH;
        if count.is_multiple_of(1_024) {
            say(&format!("N {count} 0"));
        }
    }
}

fn frame(number: u64) -> Vec<u8> {
    let mut data = vec![0; OCTETS];
    data[..8].copy_from_slice(&INVALID);
    data[8..16].copy_from_slice(&number.to_be_bytes());
    if number.is_multiple_of(8) {
        let offer = |n: u64| Offer { hash: MessageHash::of(TYPE, &(number << 8 | n).to_be_bytes()), ttl: 0 };
        return write::have(&(0..OFFERS as u64).map(offer).collect::<Vec<_>>()).into();
    }
    write::spread(&Spread { ttl: 0, origin_ttl: 0, reserved: 0, data_type: TYPE, data: data.into() }).into()
}
