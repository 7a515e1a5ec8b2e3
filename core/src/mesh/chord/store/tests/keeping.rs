//! Writing to a disk that fails at times, and reading back.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{deleted, records};
use crate::kernel::{Page, Scanned, StoreError, StoreOp, Ticket, Until, scan};
use crate::mesh::chord::store::{Batch, Keeper, Loaded, Loader, Record, Refused, Shelf};

#[derive(Clone, Copy, Debug)]
enum Act {
    Keep {
        key: u8,
        octets: usize,
        until: Until,
    },
    Succeed,
    /// What failed may be written all the same.
    Fail {
        error: StoreError,
        is_written: bool,
    },
    Retry,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let octets = prop_oneof![9 => 8..20usize, 1 => Just(1 << 20)];
    let until = prop::sample::select(alloc::vec![Until::Written, Until::Synced]);
    let error = prop::sample::select(alloc::vec![StoreError::Full, StoreError::Broken]);
    let act = prop_oneof![
        12 => (0..9u8, octets, until).prop_map(|(key, octets, until)| Act::Keep { key, octets, until }),
        5 => Just(Act::Succeed),
        1 => (error, any::<bool>()).prop_map(|(error, is_written)| Act::Fail { error, is_written }),
        2 => Just(Act::Retry),
    ];
    vec(act, 0..150)
}

/// A keeper with its disk. Waiters are numbers, and each is the value that it waits for.
#[derive(Default)]
struct Desk {
    keeper: Keeper<u64>,
    asked: VecDeque<Batch>,
    disk: BTreeMap<Bytes, Bytes>,
    latest: BTreeMap<Bytes, u64>,
    waiting: BTreeMap<u64, (Bytes, Until)>,
    given: u64,
    /// Stores that try what had failed.
    retries: BTreeSet<Ticket>,
}

fn number(value: &Bytes) -> u64 {
    u64::from_be_bytes(*value.first_chunk().expect("a number"))
}

impl Desk {
    fn act(&mut self, act: Act) {
        match act {
            Act::Keep { key, octets, until } => self.keep(key, octets, until),
            Act::Succeed => self.answer(Ok(()), true),
            Act::Fail { error, is_written } => self.answer(Err(error), is_written),
            Act::Retry => self.keeper.retry(),
        }
        self.drain();
    }

    fn keep(&mut self, key: u8, octets: usize, until: Until) {
        self.given += 1;
        let mut value = alloc::vec![0; octets];
        value[..8].copy_from_slice(&self.given.to_be_bytes());
        let key = Bytes::from([key].to_vec());
        let op = StoreOp { key: key.clone(), value: Some(value.into()) };
        match self.keeper.keep(op, until, self.given) {
            Ok(()) => {
                assert_eq!(self.keeper.read_only(), None);
                self.latest.insert(key.clone(), self.given);
                self.waiting.insert(self.given, (key, until));
            }
            Err(Refused::ReadOnly(error)) => assert_eq!(self.keeper.read_only(), Some(error)),
            Err(Refused::Busy) => assert!(octets > 1_000, "only what is long is too much"),
        }
    }

    fn drain(&mut self) {
        loop {
            let (given, before) = (&mut self.given, self.asked.len());
            let next = self.keeper.next(|| {
                *given += 1;
                Ticket(*given)
            });
            let Some(batch) = next else { break };
            let keys: BTreeSet<_> = batch.ops.iter().map(|op| &op.key).collect();
            assert!(keys.len() == batch.ops.len() && !keys.is_empty());
            assert!(self.keeper.read_only().is_none() || before == 0, "what failed is tried alone");
            self.retries.extend(self.keeper.read_only().map(|_| batch.ticket));
            self.asked.push_back(batch);
        }
        let octets: usize = self.asked.iter().flat_map(|batch| &batch.ops).map(StoreOp::weight).sum();
        assert!(octets <= StoreOp::UNANSWERED && self.asked.len() <= Keeper::<u64>::STORES);
    }

    fn answer(&mut self, result: Result<(), StoreError>, is_written: bool) {
        let Some(batch) = self.asked.pop_front() else { return };
        if is_written {
            for op in &batch.ops {
                self.disk.insert(op.key.clone(), op.value.clone().expect("all are values"));
            }
        }
        let failed = self.keeper.read_only();
        assert_eq!(self.keeper.stored(Ticket(0), result), None, "no store has this ticket");
        let answered = self.keeper.stored(batch.ticket, result).expect("it is the oldest");
        assert_eq!(answered.result, result);
        for waiter in answered.waiters {
            let (key, until) = self.waiting.remove(&waiter).expect("each is told once");
            if result.is_ok() {
                assert!(number(&self.disk[&key]) >= waiter && batch.until >= until);
            }
        }
        let is_stored = |key: &Bytes| self.asked.iter().flat_map(|batch| &batch.ops).any(|op| op.key == *key);
        assert!(
            result.is_ok() || self.waiting.values().all(|(key, _)| is_stored(key)),
            "the others are told"
        );
        let failed =
            if self.retries.contains(&batch.ticket) { result.err() } else { result.err().or(failed) };
        assert_eq!(self.keeper.read_only(), failed);
    }

    /// Nothing fails any more.
    fn end(&mut self) {
        while !self.keeper.is_idle() {
            self.act(Act::Retry);
            self.act(Act::Succeed);
        }
        self.act(Act::Retry);
    }
}

proptest! {
    #[test]
    fn each_waiter_is_told_once_and_the_disk_has_the_last_of_each_key(acts in acts()) {
        let mut desk = Desk::default();
        acts.into_iter().for_each(|act| desk.act(act));
        desk.end();
        prop_assert_eq!(desk.keeper.read_only(), None);
        prop_assert!(desk.waiting.is_empty(), "{:?}", desk.waiting);
        let disk: BTreeMap<_, _> = desk.disk.iter().map(|(key, value)| (key.clone(), number(value))).collect();
        prop_assert_eq!(disk, desk.latest);
    }

    #[test]
    fn what_was_kept_is_read_back(kept in vec(records(), 0..60), damaged in vec(any::<prop::sample::Index>(), 0..3)) {
        let ops = kept.iter().map(Record::keeping).map(|op| (op.key, op.value.expect("it is kept")));
        let mut disk: BTreeMap<Bytes, Bytes> = ops.collect();
        let keys: Vec<Bytes> = disk.keys().cloned().collect();
        let damaged: BTreeSet<&Bytes> = damaged.iter().filter(|_| !keys.is_empty()).map(|at| at.get(&keys)).collect();
        damaged.iter().for_each(|key| _ = disk.insert((*key).clone(), Bytes::from_static(b"\x93")));
        disk.insert(Bytes::from_static(b"chore"), Bytes::new());
        let mut shelf = Shelf::new(1_000, 1 << 20);
        let loaded = load(&disk, &mut shelf);
        let records = keys.len() - damaged.len();
        prop_assert_eq!(loaded, Loaded { records, damaged: damaged.len(), ..Loaded::default() });
        for record in kept {
            let key = record.keeping().key;
            let last = (!damaged.contains(&key)).then(|| Record::from_log(&key, &disk[&key]).expect("it is whole"));
            prop_assert_eq!(shelf.get(&record.place), last.as_ref());
        }
    }
}

fn load(disk: &BTreeMap<Bytes, Bytes>, shelf: &mut Shelf) -> Loaded {
    let mut loader = Loader::default();
    loop {
        let from = loader.scan();
        let page = Page::of(scan(disk, &from.prefix, from.after.as_ref()));
        if let Some(loaded) = loader.scanned(page.scanned(), shelf) {
            return loaded;
        }
    }
}

#[test]
fn many_pages_are_read_and_what_has_no_room_is_counted() {
    let disk: BTreeMap<Bytes, Bytes> = (0..5_000)
        .map(|number| deleted(number).keeping())
        .map(|op| (op.key, op.value.expect("it is kept")))
        .collect();
    let mut shelf = Shelf::new(4_990, usize::MAX);
    assert_eq!(load(&disk, &mut shelf), Loaded { records: 4_990, left_out: 10, ..Loaded::default() });
    let failed = Loader::default().scanned(Scanned::Failed, &mut shelf);
    assert_eq!(failed, Some(Loaded { is_failed: true, ..Loaded::default() }));
}

#[test]
fn what_comes_while_stores_are_unanswered_is_gathered() {
    let mut desk = Desk::default();
    let keep = |key| Act::Keep { key, octets: 8, until: Until::Written };
    (0..9).for_each(|key| desk.act(keep(key)));
    let ops = |desk: &Desk| desk.asked.iter().map(|batch| batch.ops.len()).collect::<Vec<_>>();
    assert_eq!(ops(&desk), [1; 4]);
    (0..9).for_each(|_| desk.act(keep(8)));
    desk.act(Act::Succeed);
    assert_eq!(ops(&desk), [1, 1, 1, 5]);
}

#[test]
fn what_waits_has_bounds() {
    let keep = |keeper: &mut Keeper<u64>, number: u64, octets: usize| {
        let key = Bytes::copy_from_slice(&number.to_be_bytes());
        let value = Some(alloc::vec![0; octets].into());
        keeper.keep(StoreOp { key, value }, Until::Written, number)
    };
    let mut keeper = Keeper::default();
    let taken = (0..9).filter(|number| keep(&mut keeper, *number, 1 << 20).is_ok()).count();
    assert_eq!(taken, 3, "with their keys four are more than 4 MiB");
    assert_eq!(keep(&mut keeper, 1, 1 << 20), Err(Refused::Busy));
    let mut keeper = Keeper::default();
    let taken = (0..70_000).filter(|_| keep(&mut keeper, 0, 8).is_ok()).count();
    assert_eq!(taken, Keeper::<u64>::WAITERS);
    assert_eq!(keeper.next(|| Ticket(1)).map(|batch| batch.ops.len()), Some(1));
    assert_eq!(keep(&mut keeper, 0, 8), Ok(()));
}
