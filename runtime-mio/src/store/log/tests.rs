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

/// A log of random batches of which the first were synced: its octets, how many of them were synced, and what was in it
/// after each batch from then on.
fn a_log(synced: &[Batch], unsynced: &[Batch]) -> (Vec<u8>, usize, Vec<Model>) {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, mut model) = (opened(folder.path()).unwrap(), Model::new());
    let mut put = |batch: &Batch| {
        store.write(&[ops(batch)]).unwrap();
        apply(&mut model, batch);
        model.clone()
    };
    synced.iter().for_each(|batch| _ = put(batch));
    let mut models = vec![put(&vec![(b"last".to_vec(), Some(b"synced".to_vec()))])];
    let len = usize::try_from(length(folder.path())).unwrap();
    models.extend(unsynced.iter().map(put));
    store.sync().unwrap();
    (fs::read(folder.path().join(FILE)).unwrap(), len, models)
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cut_at_its_last_sync_and_altered_it_is_refused_or_right(
        synced in batches(), unsynced in batches(), places in alterations(),
    ) {
        let (mut octets, len, models) = a_log(&synced, &unsynced);
        octets.truncate(len);
        prop_assert_eq!(read_back(&octets), Some(models[0].clone()));
        let whole = octets.clone();
        alter(&mut octets, &places);
        // Two changes of one octet may undo each other.
        let expected = (octets == whole).then(|| models[0].clone());
        prop_assert_eq!(read_back(&octets), expected);
    }

    #[test]
    fn cut_behind_its_last_sync_it_has_whole_batches_in_their_order(
        synced in batches(), unsynced in batches(), cut in any::<prop::sample::Index>(), zeros in 0_usize..9_000,
    ) {
        let (mut octets, len, models) = a_log(&synced, &unsynced);
        octets.truncate(len + cut.index(octets.len() - len + 1));
        let found = read_back(&octets);
        prop_assert!(found.is_some_and(|found| models.contains(&found)));
        // Space that was given and never written.
        octets.resize(octets.len() + 8 + zeros, 0);
        let found = read_back(&octets);
        prop_assert!(found.is_some_and(|found| models.contains(&found)));
    }

    #[test]
    fn altered_anywhere_it_is_refused_or_lacks_what_was_never_synced(
        synced in batches(), unsynced in batches(), cut in any::<prop::sample::Index>(), places in alterations(),
    ) {
        let (mut octets, len, models) = a_log(&synced, &unsynced);
        octets.truncate(len + cut.index(octets.len() - len + 1));
        alter(&mut octets, &places);
        let found = read_back(&octets);
        prop_assert!(found.is_none_or(|found| models.contains(&found)));
    }
}

#[test]
fn every_octet_of_a_log_counts() {
    let zeros: Batch = vec![(b"zeros".to_vec(), Some(vec![0; 700]))];
    let (whole, len, _) = a_log(std::slice::from_ref(&zeros), &[]);
    let (ends_in_zeros, ..) = a_log(&[], &[zeros]);
    for octets in [&whole[..len], &ends_in_zeros] {
        for at in 0..octets.len() {
            for change in [1, octets[at]] {
                let mut altered = octets.to_vec();
                altered[at] ^= change;
                assert!(altered == octets || read_back(&altered).is_none(), "octet {at} by {change}");
            }
        }
    }
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
    assert!(opened(&deep).is_err_and(|error| error.to_string().contains("another process")));
    drop(store);
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
    let too_long = store.write(&[vec![set(b"a", &vec![0; LONGEST])]]).unwrap_err();
    assert!(too_long.is_full(), "{too_long}");
    drop(store);
    assert_eq!(all(&mut opened(folder.path()).unwrap()), Model::from([(b"a".to_vec(), vec![7; 400_000])]));
}
