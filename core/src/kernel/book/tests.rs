use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::kernel::{Seed, Streams};

const LIMITS: BookLimits = BookLimits {
    retry_min: Duration::from_secs(1),
    retry_max: Duration::from_millis(2_500),
    give_up_after: 3,
    max_dials: 2,
    max_learned: 3,
};
const OWN: u16 = 1;
/// The last two are the same, and one is this node's own.
const BOOTSTRAPS: [u16; 4] = [OWN, 2, 3, 3];

fn text(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::new([1, 1, 1, 1].into(), port)
}

fn book<I: Clone + Eq>(limits: BookLimits, bootstraps: &[u16]) -> AddressBook<I> {
    let retry = Streams::new(Seed::from_u64(1)).named("retry");
    AddressBook::new(limits, Some(addr(OWN)), bootstraps.iter().copied().map(addr), retry, Time::ZERO)
}

#[test]
fn some_addresses_are_nobodys() {
    for nobodys in
        ["0.0.0.0:1", "[::]:1", "[::ffff:0.0.0.0]:1", "1.2.3.4:0", "224.0.0.1:1", "255.255.255.255:1"]
    {
        assert!(!dialable(text(nobodys)), "{nobodys}");
    }
    assert!(dialable(text("127.0.0.1:1")) && dialable(text("[::1]:1")));
    assert_eq!(canonical(text("[::ffff:1.2.3.4]:5")), text("1.2.3.4:5"));
}

#[test]
fn where_a_peer_listens_is_tried_soon_once_it_is_lost() {
    let limits = BookLimits { retry_max: Duration::from_secs(300), ..LIMITS };
    let mut book = book::<u8>(limits, &[]);
    assert!(book.learn(addr(3), Some(7)) && book.learn(addr(4), Some(8)));
    assert_eq!(book.pick(9, [7, 8].iter()), None, "both are up by other means");
    assert!(book.next().unwrap().at > Time::from_secs(200));
    book.lost(&7);
    let wake = book.next().unwrap().at;
    assert!(wake <= Time::from_millis(1_200), "{wake:?}");
    book.woken(wake, Duration::ZERO);
    book.tick();
    assert_eq!(book.pick(9, [8].iter()), Some(addr(3)));
    assert_eq!(book.pick(9, [8].iter()), None, "nobody lost the other");
}

#[test]
fn learned_addresses_are_bounded_and_given_up() {
    let mut book = book::<u8>(BookLimits { max_learned: 1, give_up_after: 2, ..LIMITS }, &[2]);
    assert!(book.learn(addr(3), None));
    assert!(!book.learn(addr(4), None), "no room");
    for n in 1..4 {
        let mut dialled: Vec<_> = core::iter::from_fn(|| book.pick(9, [].iter())).collect();
        dialled.sort_unstable();
        assert_eq!(dialled, if n < 3 { vec![addr(2), addr(3)] } else { vec![addr(2)] });
        for port in [3, 2, 2] {
            book.failed(addr(port));
        }
        let failures: Vec<_> = book.iter().map(|known| known.failures).collect();
        assert_eq!(failures, if n < 2 { vec![n, n] } else { vec![n] }, "each ended once");
        while let Some(wake) = book.next() {
            book.woken(wake.at, Duration::ZERO);
            book.tick();
        }
    }
    assert!(book.learn(addr(4), None), "room again");
}

#[test]
fn a_peer_that_is_connected_otherwise_is_not_dialled() {
    let mut book = book(LIMITS, &[2, 3]);
    assert_eq!(book.pick(9, [].iter()), Some(addr(2)));
    book.met_elsewhere(addr(2), &'a');
    assert_eq!(book.pick(2, ['a'].iter()), Some(addr(3)));
    assert_eq!(book.pick(2, ['a'].iter()), None, "as many as are wanted");
    assert_eq!(book.claim(addr(2), 9, ['a'].iter()), Err(NotDialled::Already));
    assert_eq!(book.claim(addr(2), 9, [].iter()), Ok(()));
    assert_eq!(book.next(), None);
}

#[test]
fn nobody_says_who_listens_at_a_bootstrap_but_who_answers_there() {
    let mut book = book(LIMITS, &[2]);
    assert!(!book.learn(addr(2), Some('a')), "it is known already");
    assert_eq!(book.pick(9, ['a'].iter()), Some(addr(2)), "whoever is connected");
}

#[test]
fn pauses_double_up_to_the_longest() {
    let mut book = book::<u8>(LIMITS, &[2]);
    let mut now = Time::ZERO;
    for millis in [1_000, 2_000, 2_500, 2_500] {
        assert_eq!(book.pick(1, [].iter()), Some(addr(2)));
        book.failed(addr(2));
        let (before, after) = (now, book.next().expect("it pauses").at);
        let (pause, exact) = (after.since(before), Duration::from_millis(millis));
        assert!(pause >= exact * 4 / 5 && pause <= exact * 6 / 5, "{pause:?} for {exact:?}");
        now = after;
        book.woken(now, Duration::ZERO);
        book.tick();
    }
}

#[test]
fn what_is_not_to_be_dialled_is_refused() {
    let mut book = book::<u8>(LIMITS, &[2, 3]);
    assert_eq!(book.claim(addr(0), 9, [].iter()), Err(NotDialled::NotDialable));
    assert_eq!(book.claim(addr(OWN), 9, [].iter()), Err(NotDialled::Own));
    assert_eq!(book.claim(addr(2), 1, [7].iter()), Err(NotDialled::NoRoom), "for another peer");
    assert_eq!(book.claim(addr(2), 9, [].iter()), Ok(()));
    assert_eq!(book.claim(addr(2), 9, [].iter()), Err(NotDialled::Already));
    book.met_itself(addr(2));
    book.failed(addr(2));
    assert_eq!(book.claim(addr(2), 9, [].iter()), Err(NotDialled::Own), "it answered itself");
    assert_eq!(book.claim(addr(4), 9, [].iter()), Ok(()));
    assert_eq!(book.claim(addr(5), 9, [].iter()), Ok(()));
    assert_eq!(book.claim(addr(3), 9, [].iter()), Err(NotDialled::NoRoom), "for another dial");
    book.clear();
    assert_eq!((book.iter().count(), book.next(), book.pick(9, [].iter())), (0, None, None));
}

/// What is remembered of an address beside the book.
#[derive(Clone, Copy, Debug)]
struct Entry {
    bootstrap: bool,
    failures: u32,
    phase: Phase,
    id: Option<u8>,
    /// When its pause is over, at the earliest and at the latest.
    over: (Time, Time),
}

/// A book, and what must be in it.
struct Trial {
    book: AddressBook<u8>,
    entries: BTreeMap<SocketAddr, Entry>,
    now: Time,
    want: usize,
    /// Peers that were not dialled.
    accepted: Vec<u8>,
}

impl Trial {
    fn new(want: usize) -> Self {
        let entry = |bootstrap| Entry {
            bootstrap,
            failures: 0,
            phase: Phase::Ready,
            id: None,
            over: (Time::ZERO, Time::ZERO),
        };
        let entries = [2, 3].map(|port| (addr(port), entry(true))).into();
        let book = book(LIMITS, &BOOTSTRAPS);
        Trial { book, entries, now: Time::ZERO, want, accepted: Vec::new() }
    }

    fn phase(&self, addr: SocketAddr) -> Option<Phase> {
        self.entries.get(&addr).map(|entry| entry.phase)
    }

    fn in_phase(&self, phase: Phase) -> usize {
        self.entries.values().filter(|entry| entry.phase == phase).count()
    }

    /// Who is up, whoever dialled.
    fn up(&self) -> Vec<u8> {
        let dialled = self.entries.values().filter(|entry| entry.phase == Phase::Up);
        dialled.filter_map(|entry| entry.id).chain(self.accepted.iter().copied()).collect()
    }

    fn is_up(&self, addr: SocketAddr) -> bool {
        self.entries.get(&addr).and_then(|entry| entry.id).is_some_and(|id| self.up().contains(&id))
    }

    /// A dial that brought no peer.
    fn fail(&mut self, addr: SocketAddr, pause: impl FnOnce(u32) -> Duration) {
        let Some(entry) = self.entries.get_mut(&addr) else { return };
        entry.failures += 1;
        let pause = pause(entry.failures);
        entry.over = (self.now + pause * 4 / 5, self.now + pause * 6 / 5);
        entry.phase = Phase::Pausing;
        if !entry.bootstrap && entry.failures >= LIMITS.give_up_after {
            self.entries.remove(&addr);
        }
    }

    fn learn(&mut self, addr: SocketAddr, id: Option<u8>) -> bool {
        let learned = self.entries.values().filter(|entry| !entry.bootstrap).count();
        let entry = self.entries.get_mut(&addr);
        let is_known = entry.is_some();
        if let Some(entry) = entry.filter(|entry| !entry.bootstrap) {
            entry.id = entry.id.or(id);
        }
        let is_news = !is_known && learned < LIMITS.max_learned && ![0, OWN].contains(&addr.port());
        if is_news {
            let (over, phase) = ((self.now, self.now), Phase::Ready);
            self.entries.insert(addr, Entry { bootstrap: false, failures: 0, phase, id, over });
        }
        is_news
    }

    /// Which of those that wait are dialled first is the book's business, and it may put aside those that are up.
    fn pick(&mut self) {
        let up = self.up();
        let has_room = || {
            self.in_phase(Phase::Dialing) < LIMITS.max_dials
                && up.len() + self.in_phase(Phase::Dialing) < self.want
        };
        let picked = if has_room() {
            self.book.pick(self.want, up.iter())
        } else {
            assert_eq!(self.book.pick(self.want, up.iter()), None, "there is no room");
            return;
        };
        let waiting: Vec<_> =
            self.entries.keys().copied().filter(|addr| self.phase(*addr) == Some(Phase::Ready)).collect();
        for addr in waiting.into_iter().filter(|addr| Some(*addr) != picked) {
            let still = self.book.iter().any(|known| known.addr == addr && known.phase == Phase::Ready);
            assert!(still && picked.is_some() || self.is_up(addr), "{addr} was passed over");
            if !still {
                self.fail(addr, |_| LIMITS.retry_max);
            }
        }
        if let Some(addr) = picked {
            assert!(self.phase(addr) == Some(Phase::Ready) && !self.is_up(addr), "{addr} was dialled");
            self.entries.entry(addr).and_modify(|entry| entry.phase = Phase::Dialing);
        }
    }

    fn claim(&mut self, addr: SocketAddr) {
        let up = self.up();
        let full = self.in_phase(Phase::Dialing) >= LIMITS.max_dials || up.len() >= self.want;
        let expected = match self.phase(addr) {
            _ if addr.port() == 0 => Err(NotDialled::NotDialable),
            Some(Phase::Own) => Err(NotDialled::Own),
            _ if addr.port() == OWN => Err(NotDialled::Own),
            Some(Phase::Dialing | Phase::Up) => Err(NotDialled::Already),
            _ if self.is_up(addr) => Err(NotDialled::Already),
            _ if full => Err(NotDialled::NoRoom),
            Some(_) => Ok(()),
            None => self.learn(addr, None).then_some(()).ok_or(NotDialled::NoRoom),
        };
        assert_eq!(self.book.claim(addr, self.want, up.iter()), expected);
        if expected.is_ok() {
            self.entries.entry(addr).and_modify(|entry| entry.phase = Phase::Dialing);
        }
    }

    /// What comes of a dial, if there is one.
    fn dialled(&mut self, addr: SocketAddr, id: u8, how: u8) {
        if self.phase(addr) != Some(Phase::Dialing) {
            return;
        }
        let entry =
            |trial: &mut Self, change: &dyn Fn(&mut Entry)| _ = trial.entries.entry(addr).and_modify(change);
        match how {
            0 => {
                self.book.met(addr, &id);
                entry(self, &|entry| (entry.phase, entry.id) = (Phase::Up, Some(id)));
            }
            1 => {
                self.book.met_elsewhere(addr, &id);
                entry(self, &|entry| entry.id = Some(id));
                self.fail(addr, |_| LIMITS.retry_max);
                self.book.failed(addr);
            }
            _ => {
                self.book.met_itself(addr);
                if self.entries[&addr].bootstrap {
                    entry(self, &|entry| entry.phase = Phase::Own);
                }
                self.end(addr);
            }
        }
    }

    /// A dial or a connection ends.
    fn end(&mut self, addr: SocketAddr) {
        self.book.failed(addr);
        if matches!(self.phase(addr), Some(Phase::Dialing | Phase::Up)) {
            let doubled = |failures: u32| LIMITS.retry_min * (1 << (failures - 1).min(20));
            self.fail(addr, |failures| doubled(failures).min(LIMITS.retry_max));
        }
    }

    /// Wakes as the book wants to be woken.
    fn pass(&mut self) {
        let Some(wake) = self.book.next() else { return };
        assert!(wake.at > self.now);
        self.now = wake.at;
        self.book.woken(self.now, Duration::ZERO);
        self.book.tick();
        let pausing = self.entries.iter_mut().filter(|(_, entry)| entry.phase == Phase::Pausing);
        for (addr, entry) in pausing {
            let ready = self.book.iter().any(|known| known.addr == *addr && known.phase == Phase::Ready);
            let (earliest, latest) = entry.over;
            let right = if ready { self.now >= earliest } else { self.now < latest };
            assert!(right, "{addr} pauses until {earliest:?} or {latest:?}, at {:?}: {entry:?}", self.now);
            entry.phase = if ready { Phase::Ready } else { Phase::Pausing };
        }
    }

    fn step(&mut self, op: u8, port: u16, id: u8) {
        let addr = addr(port);
        match op {
            0 => {
                let id = (id > 0).then_some(id);
                assert_eq!(self.book.learn(addr, id), self.learn(addr, id));
            }
            1 | 2 => self.pick(),
            3 => self.claim(addr),
            4..7 => self.dialled(addr, id, op - 4),
            7 | 8 => self.end(addr),
            9 if self.phase(addr) == Some(Phase::Up) => {
                self.book.proved(addr);
                self.entries.entry(addr).and_modify(|entry| entry.failures = 0);
            }
            10 => self.accepted = Vec::from_iter((id > 0).then_some(id)),
            _ => self.pass(),
        }
    }

    fn check(&self) {
        let known = self.book.iter().map(|known| {
            let Known { addr, id, bootstrap, failures, phase } = *known;
            (addr, bootstrap, failures, phase, id)
        });
        let expected = self.entries.iter().map(|(addr, entry)| {
            let Entry { bootstrap, failures, phase, id, .. } = *entry;
            (*addr, bootstrap, failures, phase, id)
        });
        assert_eq!(known.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert!(self.in_phase(Phase::Dialing) <= LIMITS.max_dials);
        assert!(self.entries.len() <= LIMITS.max_learned + 2);
    }
}

proptest! {
    /// The model says where each address stands and when its pause may be over.
    #[test]
    fn agrees_with_its_model(want in 1usize..5, steps in prop::collection::vec((0u8..14, 0u16..8, 0u8..4), 0..200)) {
        let mut trial = Trial::new(want);
        for (op, port, id) in steps {
            trial.step(op, port, id);
            trial.check();
        }
    }
}
