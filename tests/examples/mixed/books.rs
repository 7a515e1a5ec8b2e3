//! Who was told of what, and when.

use std::collections::HashMap;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use egoist_mio::gossip::{ClientError, Notifications, Sender};
use egoist_tests::module::{Module, UNBOUNDED};

/// What all messages are.
const TYPE: u16 = 600;
const AFTER: Duration = Duration::from_secs(10);

/// By number of the message: when it was first told, and how often.
type Told = HashMap<u64, (Instant, u32)>;

/// A module that finds all valid, from its subscription to its end.
pub(crate) struct Session {
    /// Whose module it is.
    pub(crate) seat: usize,
    begin: Instant,
    end: Option<Instant>,
    sender: Sender,
    told: Arc<Mutex<Told>>,
}

/// A message that was announced.
pub(crate) struct Said {
    /// By the module of which node.
    pub(crate) by: usize,
    pub(crate) at: Instant,
}

/// What became of some deliveries.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) due: usize,
    pub(crate) lost: usize,
    pub(crate) twice: usize,
    pub(crate) times: Vec<Duration>,
}

impl Session {
    pub(crate) fn begin(seat: usize, api: SocketAddrV4) -> Self {
        let Module { notifications, sender } = Module::new(api, &[TYPE]);
        let told = Arc::new(Mutex::new(HashMap::new()));
        let (book, judge) = (Arc::clone(&told), sender.clone());
        thread::spawn(move || keep(notifications, &judge, &book));
        Session { seat, begin: Instant::now(), end: None, sender, told }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.end.is_none()
    }

    pub(crate) fn end(&mut self) {
        self.end.get_or_insert_with(Instant::now);
    }

    pub(crate) fn announce(&self, number: u64) -> Said {
        self.sender.announce(UNBOUNDED, TYPE, &number.to_be_bytes()).expect("its node reads");
        Said { by: self.seat, at: Instant::now() }
    }

    /// Whether it should have told of a message.
    fn counts(&self, said: &Said) -> bool {
        let until = self.end.unwrap_or_else(Instant::now);
        self.seat != said.by && self.begin < said.at && said.at + AFTER < until
    }

    /// The messages that it should have told of, and when it did.
    pub(crate) fn due<'a>(&self, all: &'a [Said]) -> Vec<(&'a Said, Option<(Instant, u32)>)> {
        let told = self.told.lock().expect("nobody panics");
        let due = all.iter().zip(0..).filter(|(said, _)| self.counts(said));
        due.map(|(said, number)| (said, told.get(&number).copied())).collect()
    }
}

fn keep(mut notifications: Notifications, judge: &Sender, book: &Mutex<Told>) {
    loop {
        match notifications.next() {
            Some(Ok(message)) if message.data_type == TYPE => {
                let number = message.data.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
                let now = Instant::now();
                book.lock().expect("nobody panics").entry(number).or_insert((now, 0)).1 += 1;
                let _ = judge.accept(message.id);
            }
            Some(Ok(_) | Err(ClientError::Silence)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

impl Account {
    pub(crate) fn add(&mut self, said: &Said, told: Option<(Instant, u32)>) {
        self.due += 1;
        match told {
            None => self.lost += 1,
            Some((at, count)) => {
                self.twice += usize::from(count > 1);
                self.times.push(at.duration_since(said.at));
            }
        }
    }

    /// In a line.
    pub(crate) fn told(&mut self) -> String {
        self.times.sort_unstable();
        let at = |hundredths: usize| self.times.get(self.times.len().saturating_sub(1) * hundredths / 100);
        let [half, most, all] = [50, 99, 100].map(|part| at(part).copied().unwrap_or_default());
        let Account { due, lost, twice, .. } = self;
        format!(
            "{due} deliveries, {lost} lost, {twice} more than once; after {half:.1?} (p50), {most:.1?} (p99), {all:.1?} (max)"
        )
    }
}
