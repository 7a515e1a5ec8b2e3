//! What a world did, as one number.

use core::fmt::{self, Write};
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::kernel::{Output, Time};

/// A running hash over outputs, with their times and nodes: two runs that did the same have the same.
#[derive(Clone, Debug, Default)]
pub struct Trace(SipHasher13);

impl Trace {
    /// The hash of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what `node` did at `now`; meant for [`World::observe`](super::World::observe).
    pub fn add<E: fmt::Debug>(&mut self, now: Time, node: usize, output: &Output<E>) {
        // A hasher takes whatever is written.
        let _ = write!(self, "{now:?} {node} {output:?}");
        self.0.write_u8(0xff);
    }

    /// The hash of all that was added.
    pub fn hash(&self) -> u64 {
        self.0.finish()
    }
}

impl Write for Trace {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.write(s.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_counts() {
        let hash = |now, node, event| {
            let mut trace = Trace::new();
            trace.add(Time::from_micros(now), node, &Output::Event(event));
            trace.hash()
        };
        assert_eq!(hash(1, 2, 'a'), hash(1, 2, 'a'));
        let others = [hash(2, 2, 'a'), hash(1, 3, 'a'), hash(1, 2, 'b'), Trace::new().hash()];
        assert!(!others.contains(&hash(1, 2, 'a')));
    }
}
