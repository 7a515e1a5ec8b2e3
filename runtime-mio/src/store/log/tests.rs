use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use egoist_core::kernel::Scanned;
use proptest::prelude::*;

use super::*;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Batch = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn set(key: &[u8], value: &[u8]) -> StoreOp {
    StoreOp { key: Bytes::copy_from_slice(key), value: Some(Bytes::copy_from_slice(value)) }
}

fn ops(batch: &Batch) -> Vec<StoreOp> {
    let op = |(key, value): &(Vec<u8>, Option<Vec<u8>>)| StoreOp {
        key: Bytes::copy_from_slice(key),
        value: value.clone().map(Bytes::from),
    };
    batch.iter().map(op).collect()
}

fn apply(model: &mut Model, batch: &Batch) {
    for (key, value) in batch {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

fn opened(folder: &Path) -> Result<LogStore, StateError> {
    let mut store = LogStore::new(folder);
    store.open().map(|()| store)
}

/// All that a store answers, page by page; a load says the same.
fn all(store: &mut LogStore) -> Model {
    let (mut found, mut after) = (Model::new(), None::<Bytes>);
    loop {
        let page = store.scan(&Bytes::new(), after.as_ref()).unwrap();
        let Scanned::Page { entries, more } = page.scanned() else { panic!("a page is a page") };
        for (key, value) in entries {
            assert_eq!(store.load(key).unwrap().as_deref(), Some(value));
            found.insert(key.to_vec(), value.to_vec());
            after = Some(Bytes::copy_from_slice(key));
        }
        if !more {
            return found;
        }
    }
}

fn length(folder: &Path) -> u64 {
    fs::metadata(folder.join(FILE)).map_or(0, |meta| meta.len())
}

#[derive(Clone, Debug)]
enum Act {
    Write(Vec<Batch>),
    Sync,
    Tidy,
    /// Until nothing is left to do.
    TidyAll,
    Doubt,
    Reopen,
}

fn a_batch(longest: usize) -> impl Strategy<Value = Batch> {
    let value = (any::<u8>(), 0..longest).prop_map(|(octet, length)| vec![octet; length]);
    let key = prop::collection::vec(0_u8..4, 0..3);
    prop::collection::vec((key, prop::option::weighted(0.8, value)), 0..4)
}

fn an_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => prop::collection::vec(a_batch(200_000), 1..4).prop_map(Act::Write),
        2 => Just(Act::Sync),
        4 => Just(Act::Tidy),
        1 => Just(Act::TidyAll),
        1 => Just(Act::Doubt),
        1 => Just(Act::Reopen),
    ]
}

fn run(folder: &Path, store: &mut LogStore, model: &mut Model, act: Act) {
    match act {
        Act::Write(batches) => {
            store.write(&batches.iter().map(ops).collect::<Vec<_>>()).unwrap();
            batches.iter().for_each(|batch| apply(model, batch));
        }
        Act::Sync => store.sync().unwrap(),
        Act::Tidy => _ = store.tidy(),
        Act::TidyAll => {
            while store.tidy() {}
            assert!(length(folder) <= 2 * store.kept.octets + SLACK + 100, "{} octets", length(folder));
        }
        Act::Doubt => store.log.iter_mut().for_each(Appended::doubt),
        Act::Reopen => {
            *store = LogStore::new(folder);
            store.open().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn it_holds_what_a_map_holds_whatever_is_done(acts in prop::collection::vec(an_act(), 0..50)) {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, mut model) = (opened(folder.path()).unwrap(), Model::new());
        for act in acts {
            run(folder.path(), &mut store, &mut model, act);
            prop_assert!(all(&mut store) == model);
        }
        run(folder.path(), &mut store, &mut model, Act::Reopen);
        prop_assert!(all(&mut store) == model);
    }
}

#[test]
fn what_became_waste_while_the_log_was_written_anew_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, mut model) = (opened(folder.path()).unwrap(), Model::new());
    let write = |key: u8| Act::Write(vec![vec![(vec![key], Some(vec![key; 200_000]))]]);
    let acts =
        (0..4).chain([0; 12]).map(write).chain([Act::Tidy]).chain([1; 12].map(write)).chain([Act::TidyAll]);
    for act in acts {
        run(folder.path(), &mut store, &mut model, act);
    }
    assert!(all(&mut store) == model);
}

/// A log of random batches, some of them behind its last sync.
struct Written {
    octets: Vec<u8>,
    /// How many octets were synced, ...
    synced: usize,
    /// ... the entry left aside that says so.
    proven: usize,
    /// What was in it before and after each batch, ...
    models: Vec<Model>,
    /// ... the last of them that was synced.
    kept: usize,
}

impl Written {
    fn new(synced: &[Batch], unsynced: &[Batch]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, mut models) = (opened(folder.path()).unwrap(), vec![Model::new()]);
        let mut put = |store: &mut LogStore, batch: &Batch| {
            store.write(&[ops(batch)]).unwrap();
            let mut model = models.last().unwrap().clone();
            apply(&mut model, batch);
            models.push(model);
        };
        let last = vec![(b"last".to_vec(), Some(b"synced".to_vec()))];
        synced.iter().chain([&last]).for_each(|batch| put(&mut store, batch));
        let proven = usize::try_from(length(folder.path())).unwrap();
        store.sync().unwrap();
        let len = usize::try_from(length(folder.path())).unwrap();
        unsynced.iter().for_each(|batch| put(&mut store, batch));
        let octets = fs::read(folder.path().join(FILE)).unwrap();
        Written { octets, synced: len, proven, models, kept: synced.len() + 1 }
    }

    /// Whether this has all that was synced, and whole batches in their order of what was not.
    fn has_kept(&self, found: Option<&Model>) -> bool {
        found.is_some_and(|found| self.models[self.kept..].contains(found))
    }
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    prop::collection::vec(a_batch(600), 0..8)
}

/// What a log of these octets holds; none if it is refused, and then it is left as it is.
fn read_back(octets: &[u8]) -> Option<Model> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, octets).unwrap();
    let looked = check(folder.path());
    let found = opened(folder.path()).map(|mut store| all(&mut store));
    assert_eq!(looked.is_ok(), found.is_ok());
    if found.is_err() {
        assert_eq!(fs::read(path).unwrap(), octets);
    } else {
        assert!(opened(folder.path()).is_ok(), "it stays readable");
    }
    found.ok()
}

fn alter(octets: &mut [u8], places: &[(prop::sample::Index, u8)]) {
    for (place, change) in places {
        octets[place.index(octets.len())] ^= change;
    }
}

fn alterations() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..4)
}

/// What a power cut may leave of octets that were not synced.
#[derive(Clone, Debug)]
enum Left {
    Cut(prop::sample::Index),
    Zeros(prop::sample::Index, usize),
    Altered(Vec<(prop::sample::Index, u8)>),
    Longer(Vec<u8>),
}

fn left() -> impl Strategy<Value = Left> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Left::Cut),
        (any::<prop::sample::Index>(), 0_usize..600).prop_map(|(from, len)| Left::Zeros(from, len)),
        alterations().prop_map(Left::Altered),
        (any::<u8>(), 0_usize..9_000).prop_map(|(octet, len)| Left::Longer(vec![octet; len])),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Left::Longer),
    ]
}

fn leave(octets: &mut Vec<u8>, left: &Left) {
    match left {
        Left::Longer(more) => octets.extend_from_slice(more),
        _ if octets.is_empty() => {}
        Left::Cut(at) => octets.truncate(at.index(octets.len())),
        Left::Zeros(from, len) => {
            let from = from.index(octets.len());
            let end = octets.len().min(from + len);
            octets[from..end].fill(0);
        }
        Left::Altered(places) => alter(octets, places),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_left_of_what_was_not_synced_what_was_is_there(
        synced in batches(), unsynced in batches(), left in prop::collection::vec(left(), 0..3),
    ) {
        let log = Written::new(&synced, &unsynced);
        // The entry that says how much was synced was not.
        for begin in [log.proven, log.synced] {
            let mut behind = log.octets[begin..].to_vec();
            left.iter().for_each(|left| leave(&mut behind, left));
            let found = read_back(&[&log.octets[..begin], &behind].concat());
            prop_assert!(log.has_kept(found.as_ref()));
        }
    }

    #[test]
    fn altered_where_it_was_synced_it_is_refused(
        synced in batches(), unsynced in batches(), places in alterations(), cut in any::<prop::sample::Index>(),
    ) {
        let log = Written::new(&synced, &unsynced);
        let mut octets = log.octets[..log.synced + cut.index(log.octets.len() - log.synced + 1)].to_vec();
        let whole = octets.clone();
        alter(&mut octets[..log.proven], &places);
        // Two changes of one octet may undo each other.
        let found = read_back(&octets);
        let right = if octets == whole { log.has_kept(found.as_ref()) } else { found.is_none() };
        prop_assert!(right);
    }

    #[test]
    fn altered_anywhere_it_is_refused_or_has_whole_batches_in_their_order(
        synced in batches(), unsynced in batches(), left in prop::collection::vec(left(), 0..3),
    ) {
        let log = Written::new(&synced, &unsynced);
        let mut octets = log.octets.clone();
        left.iter().for_each(|left| leave(&mut octets, left));
        prop_assert!(read_back(&octets).is_none_or(|found| log.models.contains(&found)));
    }
}

#[test]
fn every_octet_of_what_was_synced_counts() {
    let zeros: Batch = vec![(b"zeros".to_vec(), Some(vec![0; 700]))];
    let log = Written::new(std::slice::from_ref(&zeros), &[]);
    for at in 0..log.octets.len() {
        for change in [1, log.octets[at]] {
            let mut altered = log.octets.clone();
            altered[at] ^= change;
            let found = read_back(&altered);
            let right =
                if at < log.proven && change != 0 { found.is_none() } else { log.has_kept(found.as_ref()) };
            assert!(right, "octet {at} by {change}");
        }
    }
}

#[test]
fn a_sync_is_noted_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path()).unwrap();
    store.write(&[vec![set(b"a", b"1")]]).unwrap();
    let lengths = [(); 3].map(|()| {
        store.sync().unwrap();
        length(folder.path())
    });
    drop(store);
    drop(opened(folder.path()).unwrap());
    assert_eq!([lengths[0]; 2], [lengths[2], length(folder.path())]);
}

#[test]
fn a_newer_version_is_told_from_damage_and_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    assert!(check(folder.path()).is_ok(), "nothing was stored yet");
    fs::write(&path, "egoist-log 12 and more\nwhatever").unwrap();
    assert!(matches!(opened(folder.path()), Err(StateError::Version { version: 12, .. })));
    for damaged in ["", "egoist-log 12", "egoist-log 1", "egoist-lag 1\n", "\n", "egoist-log 1 2\n"] {
        fs::write(&path, damaged).unwrap();
        assert!(matches!(check(folder.path()), Err(StateError::Broken { .. })), "{damaged:?}");
    }
}

#[test]
fn it_is_for_its_owner_and_for_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("deep/er");
    let mut store = opened(&deep).unwrap();
    let mut late = opened(&deep).unwrap();
    assert!(!deep.exists(), "nothing was stored");
    store.write(&[vec![set(b"a", b"1")]]).unwrap();
    let modes =
        [&deep, &deep.join(FILE)].map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o600]);
    assert!(late.write(&[vec![set(b"a", b"2")]]).is_err(), "somebody else was first");
    let said = opened(&deep).unwrap_err().to_string();
    assert!(said.contains("another process") && said.contains(deep.to_str().unwrap()), "{said}");
    while store.tidy() {}
    store.log.iter_mut().for_each(Appended::doubt);
    store.sync().unwrap();
    assert!(opened(&deep).is_err(), "another file is in its place, and it is had alone still");
    drop(store);
    assert!(late.write(&[vec![set(b"a", b"2")]]).is_err(), "it knows nothing of what was stored");
    assert_eq!(opened(&deep).unwrap().load(b"a").unwrap(), Some(Bytes::from("1")));
    // A link in its place is not followed.
    let linked = folder.path().join("linked");
    fs::create_dir(&linked).unwrap();
    symlink(deep.join(FILE), linked.join(FILE)).unwrap();
    assert!(opened(&linked).is_err_and(|error| error.to_string().contains("and no file")));
    assert!(check(&linked).is_err());
}

#[test]
fn what_cannot_be_written_anew_goes_on_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = opened(folder.path()).unwrap();
    let put = |store: &mut LogStore| store.write(&[vec![set(b"a", &[7; 400_000])]]).unwrap();
    put(&mut store);
    fs::create_dir(folder.path().join("log.new")).unwrap();
    (0..9).for_each(|_| put(&mut store));
    assert!(store.is_wasteful() && !store.tidy() && !store.is_wasteful());
    (0..3).for_each(|_| put(&mut store));
    assert!(store.is_wasteful(), "it is tried again");
    fs::remove_dir(folder.path().join("log.new")).unwrap();
    while store.tidy() {}
    assert!(length(folder.path()) < 500_000);
    (0..5).for_each(|_| put(&mut store));
    assert!(store.is_wasteful(), "it is put off no more");
    let too_long = store.write(&[vec![set(b"a", &vec![0; LONGEST])]]).unwrap_err();
    assert!(!too_long.is_full() && too_long.to_string().contains("16777216"), "{too_long}");
    drop(store);
    assert_eq!(all(&mut opened(folder.path()).unwrap()), Model::from([(b"a".to_vec(), vec![7; 400_000])]));
}
