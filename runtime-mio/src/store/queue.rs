//! What is asked of a store, in order, and what comes of it.

use bytes::Bytes;
use egoist_core::kernel::{Page, StoreError, StoreOp, Ticket, Until};

use super::{StateError, Store};

/// Something that a machine asks of its store.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) ticket: Ticket,
    pub(crate) what: Asked,
}

#[derive(Debug)]
pub(crate) enum Asked {
    Store { ops: Vec<StoreOp>, until: Until },
    Load { key: Bytes },
    Scan { prefix: Bytes, after: Option<Bytes> },
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) ticket: Ticket,
    pub(super) what: Answered,
}

#[derive(Debug)]
pub(super) enum Answered {
    Stored(Result<(), StoreError>),
    Loaded(Result<Option<Bytes>, StoreError>),
    Scanned(Result<Page, StoreError>),
}

/// Answers in the order of what was asked, and the last thing that went wrong with them.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) list: Vec<Answer>,
    pub(super) trouble: Option<StateError>,
}

/// Serves what is asked of a store.
pub(super) struct Executor {
    store: Box<dyn Store>,
    open: bool,
}

/// Batches that are to be written together: their tickets, in the same order.
#[derive(Default)]
struct Group {
    tickets: Vec<(Ticket, Until)>,
    batches: Vec<Vec<StoreOp>>,
}

/// Answers that are not given yet.
#[derive(Default)]
struct Round {
    answers: Answers,
    /// Which of them were written, and wait for the disk.
    unsynced: Vec<usize>,
}

impl Executor {
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        Executor { store, open: false }
    }

    /// Does all that is asked, in order: what need not wait for the disk is answered before the others are synced, but
    /// nothing before what was asked earlier.
    pub(super) fn serve(&mut self, asks: Vec<Ask>, mut tell: impl FnMut(Answers)) {
        if let Err(error) = self.open() {
            return tell(refuse(&asks, error));
        }
        let (mut round, mut group) = (Round::default(), Group::default());
        for Ask { ticket, what } in asks {
            match what {
                Asked::Store { ops, until } => group.push(ticket, ops, until),
                Asked::Load { key } => {
                    self.write(&mut group, &mut round);
                    let found = self.store.load(&key);
                    round.push(ticket, found, Answered::Loaded);
                }
                Asked::Scan { prefix, after } => {
                    self.write(&mut group, &mut round);
                    let found = self.store.scan(&prefix, after.as_ref());
                    round.push(ticket, found, Answered::Scanned);
                }
            }
        }
        self.write(&mut group, &mut round);
        self.finish(round, tell);
    }

    /// Does what a store has to do beside; whether there is more.
    pub(super) fn tidy(&mut self) -> bool {
        self.open && self.store.tidy()
    }

    fn open(&mut self) -> Result<(), StateError> {
        if !self.open {
            self.store.open()?;
            self.open = true;
        }
        Ok(())
    }

    /// Writes what was gathered at once. If that fails each batch has a try of its own: a long one may not fit where a short
    /// one does.
    fn write(&mut self, group: &mut Group, round: &mut Round) {
        let Group { tickets, batches } = std::mem::take(group);
        if batches.is_empty() {
            return;
        }
        if batches.len() > 1 && self.store.write(&batches).is_ok() {
            tickets.into_iter().for_each(|(ticket, until)| round.stored(ticket, until, Ok(())));
            return;
        }
        for ((ticket, until), batch) in tickets.into_iter().zip(batches) {
            let written = self.store.write(&[batch]);
            round.stored(ticket, until, written);
        }
    }

    fn finish(&mut self, round: Round, mut tell: impl FnMut(Answers)) {
        let Round { answers: Answers { mut list, trouble }, unsynced } = round;
        let Some(first) = unsynced.first().copied() else { return tell(Answers { list, trouble }) };
        let mut later = list.split_off(first);
        if !list.is_empty() {
            tell(Answers { list, trouble: None });
        }
        let synced = self.store.sync();
        if let Err(error) = &synced {
            unsynced.iter().for_each(|n| later[n - first].what = Answered::Stored(Err(error.into())));
        }
        tell(Answers { list: later, trouble: synced.err().or(trouble) });
    }
}

impl Group {
    fn push(&mut self, ticket: Ticket, ops: Vec<StoreOp>, until: Until) {
        self.tickets.push((ticket, until));
        self.batches.push(ops);
    }
}

impl Round {
    fn push<T>(
        &mut self,
        ticket: Ticket,
        result: Result<T, StateError>,
        what: fn(Result<T, StoreError>) -> Answered,
    ) {
        let result = result.map_err(|error| {
            let told = (&error).into();
            self.answers.trouble = Some(error);
            told
        });
        self.answers.list.push(Answer { ticket, what: what(result) });
    }

    fn stored(&mut self, ticket: Ticket, until: Until, written: Result<(), StateError>) {
        if written.is_ok() && until == Until::Synced {
            self.unsynced.push(self.answers.list.len());
        }
        self.push(ticket, written, Answered::Stored);
    }
}

impl Asked {
    /// The answer to it where the store cannot be used.
    pub(super) const fn refused(&self, error: StoreError) -> Answered {
        match self {
            Asked::Store { .. } => Answered::Stored(Err(error)),
            Asked::Load { .. } => Answered::Loaded(Err(error)),
            Asked::Scan { .. } => Answered::Scanned(Err(error)),
        }
    }
}

fn refuse(asks: &[Ask], error: StateError) -> Answers {
    let told = StoreError::from(&error);
    let list = asks.iter().map(|ask| Answer { ticket: ask.ticket, what: ask.what.refused(told) });
    Answers { list: list.collect(), trouble: Some(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;
    use egoist_core::kernel::Scanned;
    use std::sync::{Arc, Mutex};

    /// A store that notes what it is asked, takes no batch that is longer than `room`, and fails to sync or open as often as
    /// it is told to.
    #[derive(Default)]
    struct Noting {
        memory: Memory,
        log: Arc<Mutex<Vec<String>>>,
        room: Option<usize>,
        bad_syncs: u32,
        bad_opens: u32,
    }

    impl Noting {
        fn note(&self, what: impl Into<String>) {
            self.log.lock().unwrap().push(what.into());
        }
    }

    fn fail(times: &mut u32) -> Result<(), StateError> {
        let left = times.checked_sub(1);
        *times = left.unwrap_or_default();
        left.map_or(Ok(()), |_| Err(StateError::Unserved))
    }

    impl Store for Noting {
        fn open(&mut self) -> Result<(), StateError> {
            self.note("open");
            fail(&mut self.bad_opens)
        }

        fn write(&mut self, batches: &[Vec<StoreOp>]) -> Result<(), StateError> {
            self.note(format!("write {}", batches.len()));
            if self.room.is_some_and(|room| batches.concat().len() > room) {
                return Err(StateError::io("full".as_ref(), std::io::ErrorKind::StorageFull.into()));
            }
            self.memory.write(batches)
        }

        fn sync(&mut self) -> Result<(), StateError> {
            self.note("sync");
            fail(&mut self.bad_syncs)
        }

        fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
            self.memory.load(key)
        }

        fn scan(&mut self, prefix: &Bytes, after: Option<&Bytes>) -> Result<Page, StateError> {
            self.memory.scan(prefix, after)
        }
    }

    fn store(value: &'static str, count: usize, until: Until) -> Asked {
        let op = StoreOp { key: Bytes::from("k"), value: Some(Bytes::from(value)) };
        Asked::Store { ops: vec![op; count], until }
    }

    /// What is noted and answered, in order: answers of one telling in a line.
    fn served(executor: &mut Executor, log: &Mutex<Vec<String>>, asks: Vec<Asked>) -> Vec<String> {
        let asks = (1..).map(Ticket).zip(asks).map(|(ticket, what)| Ask { ticket, what }).collect();
        log.lock().unwrap().clear();
        executor.serve(asks, |answers| {
            let line: Vec<String> =
                answers.list.iter().map(|a| format!("{} {}", a.ticket.0, short(a))).collect();
            let trouble = if answers.trouble.is_some() { " trouble" } else { "" };
            log.lock().unwrap().push(format!("tell {}{trouble}", line.join(", ")));
        });
        log.lock().unwrap().clone()
    }

    fn short(answer: &Answer) -> String {
        match &answer.what {
            Answered::Stored(Ok(())) => "stored".into(),
            Answered::Loaded(Ok(value)) => {
                format!("loaded {}", value.as_deref().map_or("nothing".into(), String::from_utf8_lossy))
            }
            Answered::Scanned(Ok(page)) => {
                let Scanned::Page { entries, .. } = page.scanned() else { panic!("a page is a page") };
                format!("{} scanned", entries.count())
            }
            Answered::Stored(Err(error)) | Answered::Loaded(Err(error)) | Answered::Scanned(Err(error)) => {
                format!("{error:?}")
            }
        }
    }

    fn executor(store: Noting) -> (Executor, Arc<Mutex<Vec<String>>>) {
        let log = Arc::clone(&store.log);
        (Executor::new(Box::new(store)), log)
    }

    use Until::{Synced, Written};

    fn load() -> Asked {
        Asked::Load { key: Bytes::from("k") }
    }

    #[test]
    fn answers_come_in_order_and_wait_for_the_disk_only_behind_one_that_does() {
        let (mut executor, log) = executor(Noting::default());
        let asks = vec![
            load(),
            store("1", 1, Written),
            store("2", 1, Synced),
            load(),
            store("3", 1, Written),
            Asked::Scan { prefix: Bytes::new(), after: None },
            store("4", 0, Synced),
        ];
        let expected = [
            "open",
            "write 2",
            "write 1",
            "write 1",
            "tell 1 loaded nothing, 2 stored",
            "sync",
            "tell 3 stored, 4 loaded 2, 5 stored, 6 1 scanned, 7 stored",
        ];
        assert_eq!(served(&mut executor, &log, asks), expected);
        let written = served(&mut executor, &log, vec![store("5", 1, Written), load()]);
        assert_eq!(written, ["write 1", "tell 1 stored, 2 loaded 5"]);
    }

    #[test]
    fn what_does_not_fit_together_is_tried_one_by_one() {
        let (mut executor, log) = executor(Noting { room: Some(1), ..Noting::default() });
        let asks = vec![store("a", 1, Synced), store("b", 2, Synced), store("c", 1, Written), load()];
        let expected = [
            "open",
            "write 3",
            "write 1",
            "write 1",
            "write 1",
            "sync",
            "tell 1 stored, 2 Full, 3 stored, 4 loaded c trouble",
        ];
        assert_eq!(served(&mut executor, &log, asks), expected);
    }

    #[test]
    fn who_waited_for_a_sync_that_failed_is_told_and_others_are_not() {
        let (mut executor, log) = executor(Noting { bad_syncs: 1, bad_opens: 1, ..Noting::default() });
        let asks = || vec![store("a", 1, Written), store("b", 1, Synced), store("c", 1, Written)];
        let refused = ["open", "tell 1 Broken, 2 Broken, 3 Broken trouble"];
        assert_eq!(served(&mut executor, &log, asks()), refused);
        let failed = ["open", "write 3", "tell 1 stored", "sync", "tell 2 Broken, 3 stored trouble"];
        assert_eq!(served(&mut executor, &log, asks()), failed);
        let fine = ["write 3", "tell 1 stored", "sync", "tell 2 stored, 3 stored"];
        assert_eq!(served(&mut executor, &log, asks()), fine);
    }
}
