//! What was broadcast, and who heard it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::network::{Network, Session, name};

/// How long a node has to be there before a broadcast and after it.
const AROUND: Duration = Duration::from_secs(10);
/// When it is counted who has heard a broadcast; nothing is known of it after that.
pub(crate) const JUDGED: Duration = Duration::from_secs(20);

/// A broadcast that is not counted yet.
struct Said {
    by: usize,
    at: Instant,
    /// How often each session was told it, for each time that it came with.
    told: BTreeMap<usize, BTreeMap<u64, u32>>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    due: u64,
    lost: u64,
    twice: u64,
    anew: u64,
}

#[derive(Default)]
pub(crate) struct Broadcasts {
    open: VecDeque<Said>,
    /// The number of the first that is open.
    first: u64,
    turn: usize,
    refused: u64,
    /// From ours or not, to ours or not.
    counts: [[Counts; 2]; 2],
    /// How many each session has lost.
    lost_at: BTreeMap<usize, u64>,
}

impl Broadcasts {
    /// The next that is there broadcasts.
    pub(crate) fn say(&mut self, network: &mut Network) {
        let there = network.there();
        let by = there[self.turn % there.len()];
        self.turn += 1;
        if network.broadcast(by, self.first + self.open.len() as u64) {
            self.open.push_back(Said { by, at: Instant::now(), told: BTreeMap::new() });
        } else {
            self.refused += 1;
        }
    }

    pub(crate) fn heard(&mut self, by: usize, number: u64, time: u64) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(said) = at.and_then(|at| self.open.get_mut(at)) {
            *said.told.entry(by).or_default().entry(time).or_default() += 1;
        }
    }

    /// Counts those that are old enough.
    pub(crate) fn judge(&mut self, network: &Network) {
        while self.open.front().is_some_and(|said| said.at.elapsed() > JUDGED) {
            if let Some(said) = self.open.pop_front() {
                self.count(&said, &network.sessions);
                self.first += 1;
            }
        }
    }

    fn count(&mut self, said: &Said, sessions: &[Session]) {
        let from = &sessions[said.by];
        for (at, to) in sessions.iter().enumerate().filter(|(at, _)| *at != said.by) {
            if !from.was_there(said.at, AROUND) || !to.was_there(said.at, AROUND) {
                continue;
            }
            let counts = &mut self.counts[usize::from(from.is_ours)][usize::from(to.is_ours)];
            let told = said.told.get(&at);
            counts.due += 1;
            counts.lost += u64::from(told.is_none());
            counts.twice += u64::from(told.is_some_and(|told| told.values().any(|times| *times > 1)));
            counts.anew += u64::from(told.is_some_and(|told| told.len() > 1));
            if told.is_none() {
                *self.lost_at.entry(at).or_default() += 1;
            }
        }
    }

    pub(crate) fn print(&self) {
        println!("{} broadcasts, {} refused or failed", self.first, self.refused);
        println!("| broadcasts | deliveries | lost | twice | said anew by py2p |");
        println!("|---|---|---|---|---|");
        for (from, to) in [(1, 1), (0, 1), (1, 0), (0, 0)] {
            let Counts { due, lost, twice, anew } = self.counts[from][to];
            println!("| {} to {} | {due} | {lost} | {twice} | {anew} |", name(from == 1), name(to == 1));
        }
        println!("lost at each node that lost any: {:?}", self.lost_at);
    }

    pub(crate) fn summary(&self) -> String {
        let all = self.counts.iter().flatten();
        let (due, lost) = all.fold((0, 0), |(due, lost), counts| (due + counts.due, lost + counts.lost));
        format!("{lost} of {due} deliveries lost")
    }
}
