//! State through the driver: what was answered is there, whatever happens to the process, the disk or the store.

mod machines;
mod program;

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use egoist_core::kernel::{Checked, Output, Page, StoreError, StoreOp, Ticket, Time, Until};
use egoist_mio::store::{LogStore, StateError, Store};
use egoist_mio::{Driver, Key, Setup, State};
use machines::{Puppet, Seen};
use program::Mount;

type Told = Output<(Time, Seen)>;

fn set(key: impl Into<Bytes>, value: impl Into<Bytes>) -> StoreOp {
    StoreOp { key: key.into(), value: Some(value.into()) }
}

fn store(ticket: u64, ops: Vec<StoreOp>, until: Until) -> Told {
    Output::Store { ticket: Ticket(ticket), ops, until }
}

fn load(ticket: u64, key: &'static str) -> Told {
    Output::Load { ticket: Ticket(ticket), key: Bytes::from(key) }
}

fn scan(ticket: u64, prefix: &'static str, after: Option<Bytes>) -> Told {
    Output::Scan { ticket: Ticket(ticket), prefix: Bytes::from(prefix), after }
}

fn puppet(state: State) -> (Driver, Key<Checked<Puppet>>) {
    let mut driver = Driver::new().unwrap();
    let bound = driver.bind(&Setup { state, ..Setup::default() }).unwrap();
    let key = driver.add(bound, Checked::new(Puppet::default()), |_, _| ());
    (driver, key)
}

/// Has the puppet ask, all at once; what it is told, once it is told as much.
fn asked(driver: &mut Driver, puppet: Key<Checked<Puppet>>, asks: Vec<Told>) -> Vec<Seen> {
    let before = driver.machine(puppet).machine().seen.len();
    let (count, start) = (asks.len(), Instant::now());
    asks.into_iter().for_each(|ask| driver.command(puppet, ask).unwrap());
    while driver.machine(puppet).machine().seen.len() < before + count {
        assert!(start.elapsed() < Duration::from_secs(20), "it is never answered");
        driver.turn(Some(Duration::from_millis(20))).unwrap();
    }
    driver.machine(puppet).machine().seen[before..].to_vec()
}

/// What is kept in a log that nobody has open.
fn kept(folder: &Path, key: &str) -> Option<Bytes> {
    let (mut log, start) = (LogStore::new(folder), Instant::now());
    // Whoever had it may need a moment to let go of its lock.
    while let Err(error) = log.open() {
        assert!(start.elapsed() < Duration::from_secs(20), "{error}");
        std::thread::yield_now();
    }
    log.load(key.as_bytes()).unwrap()
}

fn found(ticket: u64, value: &'static str) -> Seen {
    Seen::Loaded(Ticket(ticket), Some(Ok(Bytes::from(value))))
}

#[test]
fn answers_come_in_the_order_of_what_was_asked_from_every_kind_of_store() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for state in [State::Memory, State::File(at("file")), State::Log(at("log"))] {
        let (mut driver, puppet) = puppet(state);
        let asks = vec![
            load(1, "a"),
            store(2, vec![set("a", "1"), set("b", "1")], Until::Synced),
            load(3, "a"),
            store(4, vec![set("a", "2"), StoreOp { key: Bytes::from("b"), value: None }], Until::Written),
            load(5, "a"),
            scan(6, "", None),
        ];
        let entries = vec![(Bytes::from("a"), Bytes::from("2"))];
        let expected = [
            Seen::Loaded(Ticket(1), None),
            Seen::Stored(Ticket(2), Ok(())),
            found(3, "1"),
            Seen::Stored(Ticket(4), Ok(())),
            found(5, "2"),
            Seen::Scanned(Ticket(6), Some((entries, false))),
        ];
        assert_eq!(asked(&mut driver, puppet, asks), expected);
    }
}

#[test]
fn a_scan_goes_on_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let (mut driver, puppet) = puppet(State::Log(folder.path().to_owned()));
    let ops: Vec<StoreOp> = (0..40).map(|n| set(format!("k{n:02}"), vec![n; 20_000])).collect();
    let _ = asked(
        &mut driver,
        puppet,
        vec![store(0, ops, Until::Written), store(1, vec![set("l", "")], Until::Written)],
    );
    let (mut keys, mut after) = (Vec::new(), None);
    for ticket in 2.. {
        let said = asked(&mut driver, puppet, vec![scan(ticket, "k", after.clone())]);
        let [Seen::Scanned(_, Some((entries, more)))] = &said[..] else { panic!("{said:?}") };
        assert!(entries.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() <= 256 << 10);
        keys.extend(entries.iter().map(|(key, _)| key.clone()));
        after = keys.last().cloned();
        if !more {
            break;
        }
    }
    assert_eq!(keys, (0..40).map(|n| Bytes::from(format!("k{n:02}"))).collect::<Vec<_>>());
}

#[test]
fn a_driver_that_ends_finishes_what_was_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (mut driver, puppet) = puppet(State::Log(folder.path().to_owned()));
    for n in 0..100 {
        let ops = vec![set("last", n.to_string()), set(n.to_string(), vec![0; 1000])];
        driver.command(puppet, store(n, ops, Until::Written)).unwrap();
    }
    driver.turn(Some(Duration::ZERO)).unwrap();
    drop(driver);
    assert_eq!(kept(folder.path(), "last"), Some(Bytes::from("99")));
}

#[test]
fn a_log_on_a_full_disk_is_read_and_written_again_when_there_is_room() {
    let base = tempfile::tempdir().unwrap();
    let disk = base.path().join("disk");
    let Some(_mount) = Mount::new(&disk, "size=1m") else {
        eprintln!("SKIPPED: a file system cannot be mounted here, so a full disk is not tested");
        return;
    };
    let (mut driver, puppet) = puppet(State::Log(disk.join("s")));
    let put =
        |ticket, key: &'static str, octets| store(ticket, vec![set(key, vec![7; octets])], Until::Synced);
    assert_eq!(asked(&mut driver, puppet, vec![put(1, "a", 9)]), [Seen::Stored(Ticket(1), Ok(()))]);
    std::fs::write(disk.join("fill"), vec![0; 1 << 20]).unwrap_err();
    let full = |ticket| Seen::Stored(Ticket(ticket), Err(StoreError::Full));
    // The last page of the log has room for a short one still: it is tried for itself.
    let said =
        asked(&mut driver, puppet, vec![put(2, "b", 100_000), put(3, "c", 9), load(4, "a"), load(5, "b")]);
    let value = Seen::Loaded(Ticket(4), Some(Ok(Bytes::from(vec![7; 9]))));
    assert_eq!(said, [full(2), Seen::Stored(Ticket(3), Ok(())), value, Seen::Loaded(Ticket(5), None)]);
    assert_eq!(asked(&mut driver, puppet, vec![put(6, "b", 100_000)]), [full(6)]);
    let error = driver.state_error(puppet).unwrap();
    assert!(error.is_full() && error.to_string().contains("No space left"), "{error}");
    std::fs::remove_file(disk.join("fill")).unwrap();
    assert_eq!(asked(&mut driver, puppet, vec![put(7, "b", 100_000)]), [Seen::Stored(Ticket(7), Ok(()))]);
    assert!(driver.state_error(puppet).is_none());
    drop(driver);
    assert_eq!(kept(&disk.join("s"), "b").map(|value| value.len()), Some(100_000));
    assert_eq!(kept(&disk.join("s"), "c").map(|value| value.len()), Some(9));
}

/// Panics at the second store.
#[derive(Default)]
struct Panicking(u32);

impl Store for Panicking {
    fn open(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    fn write(&mut self, _: &[Vec<StoreOp>]) -> Result<(), StateError> {
        self.0 += 1;
        assert!(self.0 < 2, "on purpose");
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    fn load(&mut self, _: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(None)
    }

    fn scan(&mut self, _: &Bytes, _: Option<&Bytes>) -> Result<Page, StateError> {
        Ok(Page::default())
    }
}

#[test]
fn a_store_that_panics_is_broken_and_its_machine_is_told() {
    let mut driver = Driver::new().unwrap();
    let bound = driver.bind(&Setup::default()).unwrap().with_store(Panicking::default());
    let puppet = driver.add(bound, Checked::new(Puppet::default()), |_, _| ());
    let put = |ticket| store(ticket, vec![set("k", "")], Until::Synced);
    let broken = |ticket| Seen::Stored(Ticket(ticket), Err(StoreError::Broken));
    assert_eq!(asked(&mut driver, puppet, vec![put(1)]), [Seen::Stored(Ticket(1), Ok(()))]);
    let said = asked(&mut driver, puppet, vec![put(2), load(3, "k"), scan(4, "", None)]);
    let failed = [broken(2), Seen::Loaded(Ticket(3), Some(Err(()))), Seen::Scanned(Ticket(4), None)];
    assert_eq!(said, failed);
    assert_eq!(asked(&mut driver, puppet, vec![put(5)]), [broken(5)]);
    assert!(matches!(driver.state_error(puppet), Some(StateError::Unserved)));
}

/// Puts of a process that is killed, and how many of them wait for an answer at a time.
const PUTS: usize = 10_000;
const AT_ONCE: usize = 16;
/// How often.
const KILLS: usize = 10;

fn value(run: usize, n: usize) -> String {
    format!("{run} {n} {}", "x".repeat(200))
}

/// No test: what the test below runs in a process of its own. It stores, and prints the number of each store that is
/// answered.
#[test]
fn a_process_that_stores() {
    let (Ok(folder), Ok(run)) = (env::var("EGOIST_TEST_FOLDER"), env::var("EGOIST_TEST_RUN")) else {
        return;
    };
    let run: usize = run.parse().unwrap();
    let until = if run.is_multiple_of(2) { Until::Written } else { Until::Synced };
    let put = |n: usize| store(n as u64, vec![set(n.to_string(), value(run, n))], until);
    let (mut driver, puppet) = puppet(State::Log(folder.into()));
    (0..AT_ONCE).for_each(|n| driver.command(puppet, put(n)).unwrap());
    let mut answered = 0;
    while answered < PUTS {
        driver.turn(None).unwrap();
        let told = driver.machine(puppet).machine().seen[answered..].to_vec();
        for seen in told {
            assert_eq!(seen, Seen::Stored(Ticket(answered as u64), Ok(())), "in order");
            std::io::stdout().write_all(format!("{answered}\n").as_bytes()).unwrap();
            answered += 1;
            let next = answered - 1 + AT_ONCE;
            if next < PUTS {
                driver.command(puppet, put(next)).unwrap();
            }
        }
    }
}

/// How many stores a process was told of that is killed once it was told of so many.
fn killed_after(answers: usize, folder: &Path, run: usize) -> usize {
    let mut child: Child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "a_process_that_stores", "--nocapture"])
        .env("EGOIST_TEST_FOLDER", folder)
        .env("EGOIST_TEST_RUN", run.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = 0;
    for number in lines.filter_map(|line| line.parse::<usize>().ok()) {
        told = number + 1;
        if told >= answers {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success(), "it was to be killed");
    told
}

#[test]
fn what_was_answered_outlives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    // The last process that was told of each store.
    let mut answered = vec![None; PUTS];
    for run in 0..KILLS {
        let told = killed_after(1 + run * (PUTS - 100) / KILLS, folder.path(), run);
        answered[..told].fill(Some(run));
        let mut log = LogStore::new(folder.path());
        log.open().unwrap();
        for (n, answered) in answered.iter().enumerate() {
            let found = log.load(n.to_string().as_bytes()).unwrap();
            let found = found.map(|value| String::from_utf8(value.to_vec()).unwrap());
            let by = (0..=run).find(|run| found.as_deref() == Some(&value(*run, n)));
            assert_eq!(by.is_some(), found.is_some(), "store {n} was never of {found:?}");
            assert!(by >= *answered, "store {n} was answered to process {answered:?}, and is of {by:?}");
        }
        println!("killed after {told} answers");
    }
}
