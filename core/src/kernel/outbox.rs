//! What waits to be sent on one connection.

use alloc::collections::VecDeque;

use bytes::Bytes;

use super::Class;

/// The connection takes less than is due to it: what may not be shed has passed its bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the peer reads too slowly: over {limit} octets wait that may not be dropped")]
pub struct TooSlow {
    /// The bound in octets.
    pub limit: usize,
}

/// The bounds of an [`Outbox`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Backlog {
    /// Octets given to the driver and not yet flushed; one frame may exceed it alone.
    pub in_flight: usize,
    /// Octets of urgent and control frames that may wait.
    pub control: usize,
    /// Octets that may wait in all before bulk frames go, the oldest first.
    pub bulk: usize,
}

impl Default for Backlog {
    /// 64 KiB at the driver, 1 MiB waiting.
    fn default() -> Self {
        Backlog { in_flight: 64 << 10, control: 1 << 20, bulk: 1 << 20 }
    }
}

/// One connection's queues, by [`Class`]. It gives the driver only as much as [`Backlog::in_flight`], so that an urgent
/// frame never waits behind a megabyte of payload, and whoever sheds holds the queue. Beside each frame lies a tag, by
/// which its owner knows it again when it is shed.
#[derive(Clone, Debug)]
pub struct Outbox<T = ()> {
    bounds: Backlog,
    queues: [VecDeque<(Bytes, T)>; 3],
    control: usize,
    bulk: usize,
    in_flight: usize,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Outbox::new(Backlog::default())
    }
}

impl<T> Outbox<T> {
    /// Empty queues with these bounds.
    pub const fn new(bounds: Backlog) -> Self {
        let queues = [VecDeque::new(), VecDeque::new(), VecDeque::new()];
        Outbox { bounds, queues, control: 0, bulk: 0, in_flight: 0 }
    }

    /// Queues a frame. The tags of bulk frames that had to go for it are given to `shed`, oldest first; a frame larger than
    /// the bound is itself shed.
    ///
    /// # Errors
    /// Urgent and control frames have passed their bound; the connection should be closed.
    pub fn push(
        &mut self,
        class: Class,
        frame: Bytes,
        tag: T,
        mut shed: impl FnMut(T),
    ) -> Result<(), TooSlow> {
        if class == Class::Bulk {
            self.bulk += frame.len();
        } else {
            self.control += frame.len();
            if self.control > self.bounds.control {
                return Err(TooSlow { limit: self.bounds.control });
            }
        }
        self.queues[class as usize].push_back((frame, tag));
        while self.bulk > 0 && self.waiting() > self.bounds.bulk {
            let Some((frame, tag)) = self.queues[Class::Bulk as usize].pop_front() else { break };
            self.bulk -= frame.len();
            shed(tag);
        }
        Ok(())
    }

    /// The next frame that the driver may have now: the most urgent class first.
    pub fn pop(&mut self) -> Option<(Class, Bytes)> {
        self.pop_as(0, |frame| frame)
    }

    /// Likewise, as what `seal` makes of it, which is longer by `overhead` octets at most. That is what is in flight.
    pub fn pop_as(&mut self, overhead: usize, seal: impl FnOnce(Bytes) -> Bytes) -> Option<(Class, Bytes)> {
        let class = [Class::Urgent, Class::Control, Class::Bulk]
            .into_iter()
            .find(|class| !self.queues[*class as usize].is_empty())?;
        let len = self.queues[class as usize].front()?.0.len();
        if !self.admits(len + overhead) {
            return None;
        }
        let queue = &mut self.queues[class as usize];
        *(if class == Class::Bulk { &mut self.bulk } else { &mut self.control }) -= len;
        let (frame, _) = queue.pop_front()?;
        let sealed = seal(frame);
        debug_assert!(sealed.len() <= len + overhead, "a frame was sealed into more than it said");
        self.in_flight += sealed.len();
        Some((class, sealed))
    }

    /// Whether the driver may have a frame of `len` octets now, were it the next.
    pub const fn admits(&self, len: usize) -> bool {
        self.in_flight == 0 || self.in_flight + len <= self.bounds.in_flight
    }

    /// The driver was given a frame of `len` octets that waited elsewhere.
    pub const fn passed(&mut self, len: usize) {
        self.in_flight += len;
    }

    /// The driver wrote `n` octets.
    pub fn flushed(&mut self, n: usize) {
        debug_assert!(n <= self.in_flight, "the driver flushed more than it was given");
        self.in_flight = self.in_flight.saturating_sub(n);
    }

    /// Whether a bulk frame of `len` octets can wait here and leave three quarters to others: for who asks before he fills
    /// the queue. An empty one takes any.
    pub fn has_room_for(&self, len: usize) -> bool {
        let waiting = self.waiting();
        waiting == 0 || waiting.saturating_add(len) <= self.bounds.bulk / 4
    }

    /// Whether so little waits that one who was refused should try again.
    pub fn is_roomy(&self) -> bool {
        self.waiting() <= self.bounds.bulk / 8
    }

    /// Whether more than half of what bulk frames may take is taken: whoever sends them should send less.
    pub fn is_crowded(&self) -> bool {
        self.bulk > 0 && self.waiting() > self.bounds.bulk / 2
    }

    /// Takes the bulk frames that wait, as they were tagged: the connection has ended.
    pub fn take_bulk(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.bulk = 0;
        core::mem::take(&mut self.queues[Class::Bulk as usize]).into_iter().map(|(_, tag)| tag)
    }

    /// Octets of urgent and control frames that wait here.
    pub const fn pressing(&self) -> usize {
        self.control
    }

    /// Octets that wait here, not counting what the driver has.
    pub fn waiting(&self) -> usize {
        self.control + self.bulk
    }

    /// Whether nothing waits here, and the driver has written all that it was given.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.is_empty()
    }

    /// Whether nothing waits here.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn frame(tag: u8, len: usize) -> Bytes {
        Bytes::from(alloc::vec![tag; len])
    }

    #[test]
    fn urgent_goes_first_and_bulk_is_shed_oldest_first() {
        let mut outbox = Outbox::new(Backlog { in_flight: 10, control: 100, bulk: 20 });
        let mut lost = Vec::new();
        for tag in 0..4 {
            outbox.push(Class::Bulk, frame(tag, 8), tag, |tag| lost.push(tag)).unwrap();
        }
        outbox.push(Class::Urgent, frame(9, 4), 9, |_| unreachable!()).unwrap();
        assert_eq!(lost, [0, 1]);
        assert_eq!(outbox.pop(), Some((Class::Urgent, frame(9, 4))));
        assert_eq!(outbox.pop(), None, "4 + 8 octets are more than may be in flight");
        outbox.flushed(4);
        assert_eq!(outbox.pop(), Some((Class::Bulk, frame(2, 8))));
        assert_eq!(outbox.waiting(), 8);
        assert_eq!(outbox.take_bulk().collect::<Vec<_>>(), [3]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn it_is_crowded_above_half_of_what_it_holds() {
        let mut outbox = Outbox::new(Backlog { in_flight: 1, control: 100, bulk: 20 });
        outbox.push(Class::Control, frame(0, 11), (), |_| ()).unwrap();
        assert!(!outbox.is_crowded(), "nothing could be sent less of");
        outbox.push(Class::Bulk, frame(1, 1), (), |_| ()).unwrap();
        assert!(outbox.is_crowded());
        assert!(outbox.pop().is_some(), "the driver has the control frame");
        outbox.push(Class::Bulk, frame(2, 9), (), |_| ()).unwrap();
        assert_eq!((outbox.waiting(), outbox.is_crowded()), (10, false));
    }

    #[test]
    fn the_window_may_be_full() {
        let mut outbox = Outbox::new(Backlog { in_flight: 10, control: 100, bulk: 20 });
        for (tag, len) in [(1, 4), (2, 6), (3, 1)] {
            outbox.push(Class::Control, frame(tag, len), (), |_| ()).unwrap();
        }
        let given: Vec<_> = core::iter::from_fn(|| outbox.pop()).map(|(_, frame)| frame[0]).collect();
        assert_eq!(given, [1, 2]);
    }

    #[test]
    fn a_frame_above_the_window_goes_alone_and_control_has_an_end() {
        let mut outbox = Outbox::new(Backlog { in_flight: 10, control: 30, bulk: 20 });
        outbox.push(Class::Control, frame(1, 25), (), |_| ()).unwrap();
        assert!(outbox.pop().is_some());
        outbox.push(Class::Control, frame(2, 30), (), |_| ()).unwrap();
        assert_eq!(outbox.pop(), None);
        assert_eq!(outbox.push(Class::Urgent, frame(3, 1), (), |_| ()), Err(TooSlow { limit: 30 }));
    }

    proptest! {
        #[test]
        fn order_within_a_class_is_kept_and_nothing_exceeds_its_bound(
            ops in prop::collection::vec((0usize..3, 1usize..12, any::<bool>()), 0..80),
        ) {
            let bounds = Backlog { in_flight: 16, control: 1 << 20, bulk: 32 };
            let mut outbox = Outbox::new(bounds);
            let (mut next, mut last, mut given) = (0u8, [None::<u8>; 3], 0usize);
            for (class, len, drain) in ops {
                let class = [Class::Urgent, Class::Control, Class::Bulk][class];
                outbox.push(class, frame(next, len), (), |_| ()).unwrap();
                next += 1;
                if drain {
                    outbox.flushed(given);
                    given = 0;
                    while let Some((class, frame)) = outbox.pop() {
                        prop_assert!(last[class as usize] < Some(frame[0]));
                        last[class as usize] = Some(frame[0]);
                        given += frame.len();
                    }
                    prop_assert!(given <= 16);
                }
                prop_assert!(outbox.bulk <= 32);
            }
        }
    }
}
