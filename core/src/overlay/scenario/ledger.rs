//! What became of payloads: each arrives once or its sender is told, as long as no link fails meanwhile, and never both.

use alloc::collections::BTreeMap;
use core::time::Duration;

use bytes::Bytes;

use crate::kernel::{Fault, Time};
use crate::overlay::event::Event;
use crate::overlay::oracle::Difference;

/// A payload has arrived, or its sender knows better, after this. What is told or arrives later is not looked at.
const TIME: Duration = Duration::from_secs(5);
/// What payloads begin with that are kept account of.
const HEAD: &[u8] = b"ledger";

/// What is known of a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    UnderWay,
    /// Its sender was told that it was lost.
    Told,
    Arrived,
}

/// A payload that was taken.
#[derive(Debug)]
struct Sent {
    from: usize,
    to: usize,
    /// Its number at its sender, while that process lives.
    number: Option<u64>,
    at: Time,
    fate: Fate,
}

/// Payloads sent over links.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    next: u64,
    sent: BTreeMap<u64, Sent>,
    /// When a link failed last.
    failed: Time,
    /// What was wrong first.
    wrong: Option<Difference>,
}

impl Ledger {
    /// The next payload, of `octets` octets at least.
    pub(super) fn payload(&self, octets: usize) -> Bytes {
        let mut payload = alloc::vec![0; octets.max(HEAD.len() + 8)];
        payload[..HEAD.len()].copy_from_slice(HEAD);
        payload[HEAD.len()..HEAD.len() + 8].copy_from_slice(&self.next.to_be_bytes());
        payload.into()
    }

    /// It was taken.
    pub(super) fn sent(&mut self, now: Time, from: usize, to: usize, number: u64) {
        let sent = Sent { from, to, number: Some(number), at: now, fate: Fate::UnderWay };
        self.sent.insert(self.next, sent);
        self.next += 1;
    }

    /// Something failed: of what was sent until `now` nobody gives account. `Time::MAX` ends the account for good.
    pub(super) fn disturbed(&mut self, now: Time) {
        self.failed = self.failed.max(now);
    }

    /// From now on account is given again.
    pub(super) fn resume(&mut self, now: Time) {
        self.failed = now;
    }

    /// A node tells something.
    pub(super) fn hear(&mut self, now: Time, node: usize, event: &Event) {
        match event {
            Event::Delivered { payload, .. } => self.arrived(payload),
            Event::Undelivered { number, .. } => self.told(node, *number),
            // What ends in good order takes nothing with it.
            Event::LinkDown { why, .. } if why.fault == Fault::Nobody => {}
            Event::LinkDown { .. } | Event::Suspected { .. } => self.disturbed(now),
            Event::Started { .. } => {
                self.disturbed(now);
                self.sent.values_mut().filter(|sent| sent.from == node).for_each(|sent| sent.number = None);
            }
            _ => {}
        }
    }

    fn arrived(&mut self, payload: &[u8]) {
        let Some(serial) = payload.strip_prefix(HEAD).and_then(<[u8]>::first_chunk) else { return };
        let Some(sent) = self.sent.get_mut(&u64::from_be_bytes(*serial)) else { return };
        let Sent { from, to, .. } = *sent;
        match core::mem::replace(&mut sent.fate, Fate::Arrived) {
            Fate::UnderWay => {}
            Fate::Told => _ = self.wrong.get_or_insert(Difference::ToldAndArrived { from, to }),
            Fate::Arrived => _ = self.wrong.get_or_insert(Difference::Twice { from, to }),
        }
    }

    /// A node is told that its payload with this number was lost.
    fn told(&mut self, node: usize, number: u64) {
        let of_it = |sent: &&mut Sent| sent.from == node && sent.number == Some(number);
        let Some(sent) = self.sent.values_mut().find(of_it) else { return };
        match sent.fate {
            Fate::UnderWay => sent.fate = Fate::Told,
            Fate::Told => {}
            Fate::Arrived => {
                let (from, to) = (sent.from, sent.to);
                self.wrong.get_or_insert(Difference::ToldAndArrived { from, to });
            }
        }
    }

    /// Closes the account of what was sent long enough ago.
    ///
    /// # Errors
    /// A payload came twice, or arrived and was said to be lost, or neither.
    pub(super) fn settle(&mut self, now: Time) -> Result<(), Difference> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        while let Some(entry) = self.sent.first_entry()
            && now.since(entry.get().at) >= TIME
        {
            let Sent { from, to, at, fate, .. } = entry.remove();
            if fate == Fate::UnderWay && self.failed < at {
                return Err(Difference::Vanished { from, to });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Why;
    use crate::overlay::event::Loss;
    use crate::overlay::names::NodeId;

    fn at(secs: u64) -> Time {
        Time::from_secs(secs)
    }

    /// One payload from 3 to 4, its number 7.
    fn one() -> (Ledger, Event) {
        let mut ledger = Ledger::default();
        let payload = ledger.payload(100);
        ledger.sent(at(10), 3, 4, 7);
        (ledger, Event::Delivered { from: NodeId(1), payload })
    }

    #[test]
    fn what_arrives_once_or_is_told_is_in_order() {
        let (mut ledger, arrival) = one();
        ledger.hear(at(11), 4, &arrival);
        assert_eq!(ledger.settle(at(20)), Ok(()));
        let (mut ledger, _) = one();
        ledger.hear(at(11), 3, &Event::Undelivered { number: 7, to: NodeId(1), why: Loss::Busy });
        assert_eq!(ledger.settle(at(20)), Ok(()));
    }

    #[test]
    fn what_is_lost_without_a_word_or_comes_twice_is_not() {
        let (mut ledger, arrival) = one();
        ledger.hear(at(11), 3, &Event::Undelivered { number: 8, to: NodeId(1), why: Loss::Busy });
        ledger.hear(at(11), 4, &Event::Undelivered { number: 7, to: NodeId(1), why: Loss::Busy });
        assert_eq!(ledger.settle(at(14)), Ok(()));
        assert_eq!(ledger.settle(at(15)), Err(Difference::Vanished { from: 3, to: 4 }));
        let (mut ledger, _) = one();
        ledger.hear(at(11), 4, &arrival);
        ledger.hear(at(12), 4, &arrival);
        assert_eq!(ledger.settle(at(12)), Err(Difference::Twice { from: 3, to: 4 }));
    }

    #[test]
    fn what_is_told_and_arrives_is_not_in_order_whichever_comes_first() {
        let told = Event::Undelivered { number: 7, to: NodeId(1), why: Loss::Busy };
        let both = Err(Difference::ToldAndArrived { from: 3, to: 4 });
        for first in [3, 4] {
            let (mut ledger, arrival) = one();
            for node in [first, 7 - first] {
                ledger.hear(at(11), node, if node == 3 { &told } else { &arrival });
            }
            assert_eq!(ledger.settle(at(11)), both, "node {first} hears of it first");
        }
        let (mut ledger, arrival) = one();
        ledger.hear(at(11), 3, &told);
        ledger.hear(at(11), 3, &told);
        assert_eq!(ledger.settle(at(15)), Ok(()));
        ledger.hear(at(16), 4, &arrival);
        assert_eq!(ledger.settle(at(16)), Ok(()), "the account is closed");
    }

    #[test]
    fn who_starts_again_is_told_nothing_of_what_it_sent_before() {
        let (mut ledger, arrival) = one();
        let event = Event::Started { id: NodeId(3), incarnation: 2 };
        ledger.hear(at(11), 3, &event);
        ledger.hear(at(11), 3, &Event::Undelivered { number: 7, to: NodeId(1), why: Loss::Busy });
        ledger.hear(at(11), 4, &arrival);
        assert_eq!(ledger.settle(at(11)), Ok(()));
        ledger.hear(at(11), 4, &arrival);
        assert_eq!(ledger.settle(at(11)), Err(Difference::Twice { from: 3, to: 4 }));
    }

    #[test]
    fn a_link_that_fails_may_take_payloads_with_it() {
        let why = Why { fault: Fault::Network, what: "gone" };
        for (when, outcome) in [(9, Err(Difference::Vanished { from: 3, to: 4 })), (10, Ok(())), (14, Ok(()))]
        {
            let (mut ledger, _) = one();
            ledger.hear(at(when), 8, &Event::LinkDown { peer: NodeId(5), why });
            assert_eq!(ledger.settle(at(15)), outcome, "{when}");
        }
        let why = Why { fault: Fault::Nobody, what: "given up" };
        let (mut ledger, _) = one();
        ledger.hear(at(12), 8, &Event::LinkDown { peer: NodeId(5), why });
        let vanished = Err(Difference::Vanished { from: 3, to: 4 });
        assert_eq!(ledger.settle(at(15)), vanished, "this one ended in good order");
    }
}
