//! What a machine left in a connection's buffer.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

/// How much of each end is hashed: what is lost anywhere moves one of them.
const EDGE: usize = 4 << 10;

/// How much was left, and what both ends of it were.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Left {
    len: usize,
    hash: u64,
}

impl Left {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let edge = bytes.len().min(EDGE);
        let mut hasher = SipHasher13::new_with_keys(0, 0);
        hasher.write(&bytes[..edge]);
        hasher.write(&bytes[bytes.len() - edge..]);
        Left { len: bytes.len(), hash: hasher.finish() }
    }

    /// How many octets were left, unless `bytes` begin with them.
    pub(super) fn lost_in(self, bytes: &[u8]) -> Option<usize> {
        let kept =
            self.len == 0 || bytes.get(..self.len).is_some_and(|same| Self::of(same).hash == self.hash);
        (!kept).then_some(self.len)
    }
}
