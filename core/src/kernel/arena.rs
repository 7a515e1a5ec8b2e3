//! Frames that are made one after the other, in few allocations.

use bytes::{Bytes, BytesMut};

/// What is allocated at a time, in octets, unless a frame is longer.
const CHUNK: usize = 16 << 10;

/// Where the frames of one queue are written: many are cut from one allocation, which is used again or given back once the
/// last of them is gone. Frames that leave in the order in which they were made keep little more memory than they fill.
#[derive(Debug, Default)]
pub struct Arena {
    spare: BytesMut,
}

impl Arena {
    /// A frame of about `size` octets, which `write` appends.
    pub fn frame(&mut self, size: usize, write: impl FnOnce(&mut BytesMut)) -> Bytes {
        if self.spare.capacity() < size {
            self.spare.reserve(size.max(CHUNK));
        }
        write(&mut self.spare);
        self.spare.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn frames_hold_what_was_written_whatever_their_size() {
        let mut arena = Arena::default();
        let frames: Vec<(u8, Bytes)> = (0..200u8)
            .map(|n| (n, alloc::vec![n; usize::from(n) * 300]))
            .map(|(n, octets)| (n, arena.frame(octets.len(), |out| out.extend_from_slice(&octets))))
            .collect();
        for (n, frame) in frames {
            assert_eq!((frame.len(), frame.iter().all(|octet| *octet == n)), (usize::from(n) * 300, true));
        }
    }

    #[test]
    fn an_allocation_is_used_again_once_its_frames_are_gone() {
        let mut arena = Arena::default();
        let first = arena.frame(100, |out| out.extend_from_slice(&[1; 100])).as_ptr();
        let mut places = 0;
        for _ in 0..10 * CHUNK / 100 {
            places += usize::from(arena.frame(100, |out| out.extend_from_slice(&[1; 100])).as_ptr() == first);
        }
        assert!(places > 5, "{places}");
    }
}
