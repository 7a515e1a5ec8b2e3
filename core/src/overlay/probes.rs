//! How far away the others are: one probe to each within PING_PERIOD.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::ops::Bound;
use core::time::Duration;

use super::addresses::{Addresses, Attempt};
use super::hearsay::Hearsay;
use super::link::Heard;
use super::names::{Cost, NodeId, Token};
use super::wire::Pong;
use crate::kernel::{RoundTrip, Time};

/// How many newly heard-of nodes are measured at one pulse: a newcomer to an overlay of 490 knows its distances within
/// four seconds.
const FRESH_PER_PULSE: usize = 32;

/// What is known of the way to one node.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// The smoothed round trip, once measured.
    pub rtt: Option<RoundTrip>,
    /// When it last answered, or was first heard of.
    pub heard: Time,
    /// When it last answered.
    pub answered: Option<Time>,
    /// Probes without an answer since.
    pub failed: u32,
    /// Which of its addresses answered last.
    pub at: Option<SocketAddr>,
    /// To get an answer, until it came or there is none.
    attempt: Option<Attempt<Token>>,
    /// Its place among those who are measured soon.
    fresh: Option<u64>,
    /// What it has cost so far; of no interest once it has answered.
    hearsay: Hearsay,
}

impl Measured {
    fn new(now: Time, fresh: u64) -> Self {
        let fresh = Some(fresh);
        Measured {
            rtt: None,
            heard: now,
            answered: None,
            failed: 0,
            at: None,
            attempt: None,
            fresh,
            hearsay: Hearsay::default(),
        }
    }

    fn is_waiting(&self) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| !attempt.is_over())
    }

    /// The cost of a link to it; `None` while unmeasured, or when it answers no more.
    pub(super) fn cost(&self) -> Option<Cost> {
        self.rtt.as_ref().filter(|_| self.failed < 2).map(|rtt| Cost::from_duration(rtt.mean()))
    }
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: NodeId,
    sent: Time,
}

/// Whose answer came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// That of the node which was meant.
    Meant(NodeId),
    /// Somebody else's, where this node was meant to be.
    Another(NodeId),
    /// Nobody waits for it.
    Stray,
}

/// The distances measured, and the probes under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    peers: BTreeMap<NodeId, Measured>,
    /// Those who are measured soon, in the order in which they were heard of.
    fresh: BTreeMap<u64, NodeId>,
    learnt: u64,
    waiting: BTreeMap<Token, Waiting>,
    order: VecDeque<(Time, Token)>,
    cursor: Option<NodeId>,
    owed: u64,
    /// Somebody has answered: nothing is wrong with datagrams here.
    heard: bool,
}

impl Probes {
    /// A node was heard of: it is measured soon.
    pub(super) fn learn(&mut self, now: Time, id: NodeId) {
        if let alloc::collections::btree_map::Entry::Vacant(entry) = self.peers.entry(id) {
            self.learnt += 1;
            entry.insert(Measured::new(now, self.learnt));
            self.fresh.insert(self.learnt, id);
        }
    }

    /// The way to a node is of no interest any more.
    pub(super) fn forget(&mut self, id: NodeId) {
        if let Some(place) = self.peers.remove(&id).and_then(|peer| peer.fresh) {
            self.fresh.remove(&place);
        }
    }

    /// What is known of the way to `id`.
    pub(super) fn get(&self, id: NodeId) -> Option<&Measured> {
        self.peers.get(&id)
    }

    /// Who is to be probed now: the newly heard-of first, then as many of the others as `period` asks for when this is
    /// called every `pulse`, in the order of ids.
    pub(super) fn due(&mut self, pulse: Duration, period: Duration) -> Vec<NodeId> {
        let mut due: Vec<NodeId> = Vec::new();
        while due.len() < FRESH_PER_PULSE
            && let Some((_, id)) = self.fresh.pop_first()
        {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.fresh = None;
            }
            due.push(id);
        }
        let period = u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1);
        let pulse = u64::try_from(pulse.as_micros()).unwrap_or(u64::MAX);
        self.owed = self.owed.saturating_add(pulse.saturating_mul(self.peers.len() as u64));
        let count = (self.owed / period).min(self.peers.len() as u64);
        self.owed %= period;
        for _ in 0..count {
            due.extend(self.step());
        }
        due
    }

    fn step(&mut self) -> Option<NodeId> {
        let from = self.cursor.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.peers.range((from, Bound::Unbounded)).next().or_else(|| self.peers.iter().next());
        self.cursor = next.map(|(id, _)| *id);
        self.cursor
    }

    /// Whether `id` may be asked for an answer now: one that never answered is asked seldom, and not for ever.
    pub(super) fn may_ask(&self, now: Time, id: NodeId) -> bool {
        self.peers.get(&id).is_none_or(|peer| peer.answered.is_some() || peer.hearsay.may_ask(now))
    }

    /// Whether `id` may be dialled to be asked: it has answered before, or nobody has, so that datagrams may not get through.
    pub(super) fn may_dial(&self, id: NodeId) -> bool {
        !self.hears() || self.peers.get(&id).is_some_and(|peer| peer.answered.is_some())
    }

    /// An answer comes as a datagram: if it is waited for, nothing is wrong with datagrams.
    pub(super) fn came_as_datagram(&mut self, pong: &Pong) {
        self.heard |= self.waiting.contains_key(&pong.token);
    }

    /// Whether datagrams get through: somebody has answered one.
    pub(super) const fn hears(&self) -> bool {
        self.heard
    }

    /// What is told of `id` is new: it may be asked for again.
    pub(super) fn told_anew(&mut self, id: NodeId) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.hearsay = Hearsay::default();
        }
    }

    /// An attempt to get an answer of `id` at one of these begins; `pause` is the time to the next one.
    pub(super) fn begin(&mut self, now: Time, id: NodeId, addresses: Addresses, pause: Duration) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.attempt = Some(Attempt::new(addresses));
            peer.hearsay.attempted(now, pause);
        }
    }

    /// Where `id` is to be probed next in this attempt.
    pub(super) fn next_address(&mut self, id: NodeId) -> Option<SocketAddr> {
        self.peers.get_mut(&id)?.attempt.as_mut()?.take_next()
    }

    /// Whether this attempt has an address left.
    pub(super) fn has_more(&self, id: NodeId) -> bool {
        self.peers.get(&id).and_then(|peer| peer.attempt.as_ref()).is_some_and(Attempt::has_more)
    }

    /// A probe with `token` goes to `id` at one of its addresses.
    pub(super) fn sent(&mut self, now: Time, id: NodeId, token: Token, to: SocketAddr) {
        if let Some(peer) = self.peers.get_mut(&id) {
            let attempt = peer.attempt.get_or_insert_default();
            attempt.begun(token, to);
            peer.hearsay.asked();
            if peer.answered.is_none() && peer.hearsay.is_spent() {
                attempt.try_no_more();
            }
            self.waiting.insert(token, Waiting { id, sent: now });
            self.order.push_back((now, token));
        }
    }

    /// Whether an attempt to get an answer of `id` is under way.
    pub(super) fn is_waiting(&self, id: NodeId) -> bool {
        self.peers.get(&id).is_some_and(Measured::is_waiting)
    }

    /// An answer came, from wherever. With that of who was meant the attempt is over, and what else it had under way is
    /// waited for no more. Somebody else's is none: it says that this address leads to `id` no more.
    pub(super) fn answered(&mut self, now: Time, pong: &Pong, when: Heard) -> Answer {
        let Some(Waiting { id, sent }) = self.waiting.remove(&pong.token) else { return Answer::Stray };
        let Some(peer) = self.peers.get_mut(&id) else { return Answer::Stray };
        let Some(attempt) = &mut peer.attempt else { return Answer::Stray };
        if pong.id != id {
            let Some(at) = attempt.failed(pong.token) else { return Answer::Stray };
            peer.at = peer.at.filter(|known| *known != at);
            return Answer::Another(id);
        }
        let Some((at, others)) = attempt.answered(pong.token) else { return Answer::Stray };
        peer.attempt = None;
        for other in others {
            self.waiting.remove(&other);
        }
        let rtt = now.since(sent);
        peer.at = Some(at);
        peer.failed = 0;
        peer.heard = now;
        peer.answered = Some(now);
        if when == Heard::InTime {
            RoundTrip::sample(&mut peer.rtt, rtt);
        }
        Answer::Meant(id)
    }

    /// Counts the attempt to get an answer of `id`, once, as one in vain if it is over without one; whether it is.
    pub(super) fn in_vain(&mut self, id: NodeId) -> bool {
        let Some(peer) = self.peers.get_mut(&id) else { return false };
        let over = peer.attempt.take_if(|attempt| attempt.is_over()).is_some();
        peer.failed = peer.failed.saturating_add(u32::from(over));
        over
    }

    /// A link to `id` measured the way, and heard it last at `at`: as good as an answer then.
    pub(super) fn heard(&mut self, at: Time, id: NodeId, rtt: Option<RoundTrip>) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.heard = peer.heard.max(at);
            peer.answered = peer.answered.max(Some(at));
            peer.failed = 0;
            peer.rtt = rtt.or(peer.rtt);
        }
    }

    /// A connection to `id` at one of its addresses led to it.
    pub(super) fn led(&mut self, id: NodeId, at: SocketAddr) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.at = Some(at);
        }
    }

    /// Takes the probes that got no answer within `timeout`: those whose attempt is over with that.
    pub(super) fn expire(&mut self, now: Time, timeout: Duration) -> Vec<NodeId> {
        let mut failed = Vec::new();
        while let Some(&(sent, token)) = self.order.front() {
            if sent + timeout > now {
                break;
            }
            self.order.pop_front();
            if let Some(Waiting { id, .. }) = self.waiting.remove(&token)
                && let Some(peer) = self.peers.get_mut(&id)
            {
                peer.attempt.as_mut().and_then(|attempt| attempt.failed(token));
                failed.extend(Some(id).filter(|id| self.in_vain(*id)));
            }
        }
        failed
    }

    /// The machine slept for `by` until `now`: the silence is its own.
    pub(super) fn forgive(&mut self, now: Time, by: Duration) {
        for peer in self.peers.values_mut() {
            peer.heard = (peer.heard + by).min(now);
        }
        for (sent, _) in &mut self.order {
            *sent = (*sent + by).min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// The probe with this token is answered by `who`.
    fn answered(probes: &mut Probes, ms: u64, token: u64, who: NodeId) -> Answer {
        probes.answered(Time::from_millis(ms), &Pong { token: Token(token), id: who }, Heard::InTime)
    }

    proptest! {
        /// Whatever the pulse, everybody is probed about once in a period, and nobody twice before another is probed.
        #[test]
        fn everybody_is_probed_once_a_period(n in 1u128..200, pulse_ms in 50u64..2_000) {
            let mut probes = Probes::default();
            for id in 0..n {
                probes.learn(Time::ZERO, NodeId(id));
            }
            while !probes.fresh.is_empty() {
                probes.due(Duration::ZERO, Duration::from_secs(35));
            }
            let pulse = Duration::from_millis(pulse_ms);
            let mut count: BTreeMap<NodeId, u32> = BTreeMap::new();
            let mut passed = Duration::ZERO;
            while passed < Duration::from_secs(350) {
                passed += pulse;
                for id in probes.due(pulse, Duration::from_secs(35)) {
                    *count.entry(id).or_default() += 1;
                }
            }
            prop_assert_eq!(count.len() as u128, n);
            let (low, high) = (count.values().min().unwrap(), count.values().max().unwrap());
            prop_assert!(high - low <= 1 && (9..=11).contains(low), "{low} to {high}");
        }
    }

    #[test]
    fn an_answer_counts_once_and_silence_fails() {
        let mut probes = Probes::default();
        let id = NodeId(7);
        probes.learn(Time::ZERO, id);
        probes.sent(Time::from_millis(10), id, Token(1), at(1));
        assert_eq!(answered(&mut probes, 50, 1, id), Answer::Meant(id));
        assert_eq!(answered(&mut probes, 50, 1, id), Answer::Stray);
        assert_eq!(probes.get(id).unwrap().cost(), Some(Cost::from_micros(40_000)));
        for (token, sent) in [(2, 100), (3, 3_200)] {
            probes.sent(Time::from_millis(sent), id, Token(token), at(1));
            assert_eq!(probes.expire(Time::from_millis(sent + 3_000), Duration::from_secs(3)), [id]);
        }
        assert_eq!(probes.get(id).unwrap().cost(), None);
        assert!(!probes.is_waiting(id));
    }

    #[test]
    fn who_is_waited_for_is_so_until_each_probe_is_answered_or_over() {
        let mut probes = Probes::default();
        let id = NodeId(7);
        probes.learn(Time::ZERO, id);
        assert!(!probes.is_waiting(id) && !probes.is_waiting(NodeId(8)));
        for token in [1, 2] {
            probes.sent(Time::ZERO, id, Token(token), at(1));
            assert!(probes.is_waiting(id));
        }
        assert_eq!(probes.expire(Time::from_secs(3), Duration::from_secs(3)), [id], "both, and one attempt");
        assert!(!probes.is_waiting(id));
        assert_eq!(probes.get(id).unwrap().failed, 1);
    }

    #[test]
    fn an_attempt_fails_with_its_last_address_and_ends_with_the_first_answer() {
        let (mut probes, id, timeout) = (Probes::default(), NodeId(7), Duration::from_secs(3));
        probes.learn(Time::ZERO, id);
        probes.begin(Time::ZERO, id, [at(1), at(2), at(3)].into_iter().collect(), timeout);
        let send = |probes: &mut Probes, ms, token| {
            let to = probes.next_address(id).unwrap();
            probes.sent(Time::from_millis(ms), id, Token(token), to);
        };
        send(&mut probes, 0, 1);
        assert_eq!(probes.expire(Time::from_secs(3), timeout), [], "there are others left");
        send(&mut probes, 3_000, 2);
        assert!(probes.has_more(id));
        send(&mut probes, 3_250, 3);
        assert!(!probes.has_more(id));
        assert_eq!(answered(&mut probes, 3_750, 2, id), Answer::Meant(id));
        assert_eq!(probes.get(id).unwrap().rtt, Some(RoundTrip::first(Duration::from_millis(750))));
        assert_eq!(probes.get(id).unwrap().at, Some(at(2)));
        assert!(!probes.is_waiting(id), "the third is not waited for");
        assert_eq!(answered(&mut probes, 3_760, 3, id), Answer::Stray);
        assert_eq!(probes.expire(Time::from_secs(9), timeout), []);
        assert_eq!(probes.get(id).unwrap().failed, 0);
    }

    #[test]
    fn somebody_elses_answer_is_none_and_fails_its_address_alone() {
        let (mut probes, id, timeout) = (Probes::default(), NodeId(7), Duration::from_secs(3));
        probes.learn(Time::ZERO, id);
        probes.begin(Time::ZERO, id, [at(1), at(2)].into_iter().collect(), timeout);
        let send = |probes: &mut Probes, token| {
            let to = probes.next_address(id).unwrap();
            probes.sent(Time::ZERO, id, Token(token), to);
        };
        send(&mut probes, 1);
        probes.led(id, at(1));
        assert_eq!(answered(&mut probes, 9, 1, NodeId(8)), Answer::Another(id));
        assert!(probes.has_more(id) && !probes.in_vain(id), "there is another address");
        send(&mut probes, 2);
        assert_eq!(answered(&mut probes, 9, 2, NodeId(8)), Answer::Another(id));
        assert!(probes.in_vain(id));
        let peer = probes.get(id).unwrap();
        assert_eq!((peer.failed, peer.answered, peer.at, peer.rtt), (1, None, None, None));
        assert_eq!(probes.expire(Time::from_secs(3), timeout), [], "it has failed already");
        assert_eq!(answered(&mut probes, 9, 2, id), Answer::Stray, "the token is used");
    }

    #[test]
    fn who_comes_and_goes_waits_once_to_be_measured() {
        let mut probes = Probes::default();
        for _ in 0..1_000 {
            probes.learn(Time::ZERO, NodeId(7));
            probes.forget(NodeId(7));
        }
        probes.learn(Time::ZERO, NodeId(7));
        assert_eq!(probes.fresh.len(), 1);
        assert_eq!(probes.due(Duration::ZERO, Duration::from_secs(35)), [NodeId(7)]);
    }

    #[test]
    fn what_a_link_heard_is_as_good_as_an_answer_and_never_newer_than_one() {
        let mut probes = Probes::default();
        let id = NodeId(7);
        probes.learn(Time::ZERO, id);
        probes.sent(Time::ZERO, id, Token(1), at(1));
        probes.expire(Time::from_secs(3), Duration::from_secs(3));
        let rtt = RoundTrip::first(Duration::from_millis(9));
        probes.heard(Time::from_secs(8), id, Some(rtt));
        let known = |probes: &Probes| {
            let peer = probes.get(id).unwrap();
            (peer.rtt, peer.heard, peer.answered, peer.failed)
        };
        let expected = (Some(rtt), Time::from_secs(8), Some(Time::from_secs(8)), 0);
        assert_eq!(known(&probes), expected);
        probes.heard(Time::from_secs(4), id, None);
        assert_eq!(known(&probes), expected, "an older word changes nothing");
    }

    #[test]
    fn own_sleep_is_forgiven_and_never_into_the_future() {
        let mut probes = Probes::default();
        let (id, timeout) = (NodeId(7), Duration::from_secs(3));
        probes.learn(Time::from_secs(10), id);
        probes.sent(Time::from_secs(10), id, Token(1), at(1));
        probes.forgive(Time::from_secs(30), Duration::from_secs(15));
        assert_eq!(probes.get(id).unwrap().heard, Time::from_secs(25));
        assert_eq!(probes.expire(Time::from_millis(27_999), timeout), []);
        probes.forgive(Time::from_secs(30), Duration::from_secs(15));
        assert_eq!(probes.get(id).unwrap().heard, Time::from_secs(30));
        assert_eq!(probes.expire(Time::from_millis(32_999), timeout), []);
        assert_eq!(probes.expire(Time::from_secs(33), timeout), [id]);
    }
}
