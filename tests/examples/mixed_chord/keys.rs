//! Keys that were set, and who found them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use egoist_core::kernel::{Rng, Seed, Streams};

use crate::network::{Ended, Network, Op, name};

const TRIES: usize = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// How old a key is that is read.
const FRESH: Duration = Duration::from_secs(2);
/// Keys that are read; the oldest go.
const MOST: usize = 1_000;
/// What is read at once in the end.
const AT_ONCE: usize = 6;

/// A key that was set.
#[derive(Clone, Copy)]
struct Key {
    number: u64,
    by: usize,
    at: Instant,
}

/// Why a key is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// One was drawn.
    Drawn,
    /// All are read in the end.
    Last,
    /// Somebody has not found it: whether others do.
    Lost,
}

struct Read {
    key: Key,
    by: usize,
    why: Why,
    tried: usize,
    /// When it was asked for.
    at: Instant,
}

#[derive(Clone, Default)]
struct Counts {
    /// In the first try, in the second, in the third.
    found: [u64; TRIES],
    lost: u64,
    /// Of those lost, set at a node that has left since.
    setter_left: u64,
    wrong: u64,
    reader_left: u64,
    /// Of what was found in the first try, how long it took.
    took: Vec<Duration>,
}

/// A key that somebody has not found, and how many others were asked for it and have found it.
struct Lost {
    key: Key,
    by: usize,
    asked: usize,
    found: usize,
}

pub(crate) struct Keys {
    rng: Rng,
    begun: u64,
    sets: BTreeMap<Op, Key>,
    reads: BTreeMap<Op, Read>,
    again: Vec<(Instant, Read)>,
    last: VecDeque<(Key, usize)>,
    keys: VecDeque<Key>,
    lost: Vec<Lost>,
    /// At real ones, at ours: what was set, what failed.
    set: [(u64, u64); 2],
    /// Drawn or in the end, set at ours or not, read at ours or not.
    counts: [[[Counts; 2]; 2]; 2],
}

impl Keys {
    pub(crate) fn new() -> Self {
        Keys {
            rng: Streams::new(Seed::from_u64(1)).named("mixed chord"),
            begun: 0,
            sets: BTreeMap::new(),
            reads: BTreeMap::new(),
            again: Vec::new(),
            last: VecDeque::new(),
            keys: VecDeque::new(),
            lost: Vec::new(),
            set: Default::default(),
            counts: Default::default(),
        }
    }

    fn draw_node(&mut self, network: &Network, is_fit: impl Fn(usize) -> bool) -> Option<usize> {
        let fit: Vec<_> = network.there().into_iter().filter(|at| is_fit(*at)).collect();
        (!fit.is_empty()).then(|| fit[self.rng.index(fit.len())])
    }

    /// Somebody sets a new key.
    pub(crate) fn set_one(&mut self, network: &mut Network) {
        let Some(by) = self.draw_node(network, |_| true) else { return };
        let key = Key { number: self.begun, by, at: Instant::now() };
        self.begun += 1;
        match network.begin_set(by, key.number) {
            Some(op) => _ = self.sets.insert(op, key),
            None => self.set[usize::from(network.sessions[by].is_ours)].1 += 1,
        }
    }

    /// Somebody else reads one of those that were set.
    pub(crate) fn read_one(&mut self, network: &mut Network) {
        let old = self.keys.iter().take_while(|key| key.at.elapsed() > FRESH).count();
        if old == 0 {
            return;
        }
        let key = self.keys[self.rng.index(old)];
        if let Some(by) = self.draw_node(network, |at| at != key.by) {
            self.read(network, Read { key, by, why: Why::Drawn, tried: 0, at: Instant::now() });
        }
    }

    /// All keys are to be read, at a real node and at one of ours.
    pub(crate) fn read_all(&mut self, network: &Network) {
        for key in std::mem::take(&mut self.keys) {
            for is_ours in [false, true] {
                let by = self.draw_node(network, |at| network.sessions[at].is_ours == is_ours);
                self.last.extend(by.map(|by| (key, by)));
            }
        }
    }

    pub(crate) fn are_idle(&self) -> bool {
        self.sets.is_empty() && self.reads.is_empty() && self.again.is_empty() && self.last.is_empty()
    }

    /// What is to be read by now is.
    pub(crate) fn turn(&mut self, network: &mut Network) {
        let now = Instant::now();
        let due: Vec<_> = self.again.extract_if(.., |(at, _)| *at <= now).collect();
        due.into_iter().for_each(|(_, read)| self.read(network, read));
        while self.reads.len() < AT_ONCE
            && let Some((key, by)) = self.last.pop_front()
        {
            self.read(network, Read { key, by, why: Why::Last, tried: 0, at: now });
        }
    }

    fn read(&mut self, network: &mut Network, read: Read) {
        let read = Read { tried: read.tried + 1, at: Instant::now(), ..read };
        match network.begin_get(read.by, read.key.number) {
            Some(op) => _ = self.reads.insert(op, read),
            None => self.has_read(network, read, Ended::Left),
        }
    }

    pub(crate) fn ended(&mut self, network: &mut Network, op: Op, outcome: Ended) {
        if let Some(key) = self.sets.remove(&op) {
            self.has_set(network, key, &outcome);
        }
        if let Some(read) = self.reads.remove(&op) {
            self.has_read(network, read, outcome);
        }
    }

    fn has_set(&mut self, network: &Network, key: Key, outcome: &Ended) {
        let session = &network.sessions[key.by];
        let (set, failed) = &mut self.set[usize::from(session.is_ours)];
        if *outcome != Ended::Set {
            eprintln!("key {} is not set by {}: {outcome:?}", key.number, session.label(key.by));
            return *failed += 1;
        }
        *set += 1;
        self.keys.push_back(Key { at: Instant::now(), ..key });
        if self.keys.len() > MOST {
            self.keys.pop_front();
        }
    }

    fn has_read(&mut self, network: &mut Network, read: Read, outcome: Ended) {
        if read.why == Why::Lost {
            return self.note_other(read.key, &outcome);
        }
        let (from, to) = (&network.sessions[read.key.by], &network.sessions[read.by]);
        let counts = &mut self.counts[usize::from(read.why == Why::Last)][usize::from(from.is_ours)]
            [usize::from(to.is_ours)];
        match outcome {
            Ended::Found(number) if number == read.key.number => {
                counts.found[read.tried - 1] += 1;
                if read.tried == 1 {
                    counts.took.push(read.at.elapsed());
                }
            }
            Ended::Found(_) => counts.wrong += 1,
            Ended::Left => counts.reader_left += 1,
            Ended::Absent | Ended::Set | Ended::Failed(_) if read.tried < TRIES => {
                self.again.push((Instant::now() + PAUSE, read));
            }
            Ended::Absent | Ended::Set | Ended::Failed(_) => {
                counts.lost += 1;
                counts.setter_left += u64::from(!from.is_there());
                self.is_lost(network, &read, &outcome);
            }
        }
    }

    /// It is read no more, but once by all others.
    fn is_lost(&mut self, network: &mut Network, read: &Read, outcome: &Ended) {
        let (from, to) = (&network.sessions[read.key.by], &network.sessions[read.by]);
        let (number, setter, reader) = (read.key.number, from.label(read.key.by), to.label(read.by));
        let left = from.end.map(|end| format!(", left {:.0} s ago", end.elapsed().as_secs_f64()));
        let (left, age) = (left.unwrap_or_default(), read.key.at.elapsed().as_secs_f64());
        eprintln!(
            "key {number}, set {age:.0} s ago by {setter}{left}, is not found by {reader}: {outcome:?}"
        );
        if self.lost.iter().any(|lost| lost.key.number == number) {
            return;
        }
        self.keys.retain(|key| key.number != number);
        self.lost.push(Lost { key: read.key, by: read.by, asked: 0, found: 0 });
        for by in network.there() {
            if by != read.by {
                let at = Instant::now();
                self.read(network, Read { key: read.key, by, why: Why::Lost, tried: 0, at });
            }
        }
    }

    fn note_other(&mut self, key: Key, outcome: &Ended) {
        if let Some(lost) = self.lost.iter_mut().find(|lost| lost.key.number == key.number) {
            lost.asked += 1;
            lost.found += usize::from(*outcome == Ended::Found(key.number));
        }
    }

    pub(crate) fn print(&mut self) {
        for (at, (set, failed)) in self.set.iter().enumerate() {
            println!("{set} keys set at {}, {failed} failed", name(at == 1));
        }
        println!(
            "| keys set | read | in 1st try | 2nd | 3rd | not found | of these, setter left | wrong | reader left | median |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|");
        for (last, when) in [(0, ""), (1, ", in the end")] {
            for (from, to) in [(1, 1), (0, 1), (1, 0), (0, 0)] {
                self.counts[last][from][to].print(from == 1, to == 1, when);
            }
        }
        for Lost { key, by, asked, found } in &self.lost {
            println!(
                "key {} of {} was not found at {by}; {found} of {asked} others find it",
                key.number, key.by
            );
        }
    }

    pub(crate) fn summary(&self) -> String {
        let all = self.counts.iter().flatten().flatten();
        let found: u64 = all.map(|counts| counts.found.iter().sum::<u64>()).sum();
        let (lost, set) = (self.lost.len(), self.set.iter().map(|(set, _)| set).sum::<u64>());
        let nobody = self.lost.iter().filter(|lost| lost.found == 0).count();
        format!("{set} keys set, {found} reads found theirs, {lost} not, {nobody} of these keys nobody has")
    }
}

impl Counts {
    fn print(&mut self, from_ours: bool, to_ours: bool, when: &str) {
        self.took.sort_unstable();
        let Counts { found: [first, second, third], lost, setter_left, wrong, reader_left, took } = self;
        let median = took.get(took.len() / 2).map_or(0, Duration::as_millis);
        println!(
            "| {} | {}{when} | {first} | {second} | {third} | {lost} | {setter_left} | {wrong} | {reader_left} | {median} ms |",
            name(from_ours),
            name(to_ours)
        );
    }
}
