//! A module, by the client.

use std::io::Write as _;
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use egoist_mio::gossip::{Client, ClientError, Notification, Notifications, Sender};

/// What takes longer does not come.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Only told at once to modules of the node where it is announced.
const MARK: u16 = 9_999;
/// A TTL without a bound.
pub const UNBOUNDED: u8 = 0;
/// That of what is told to nobody by who hears it first.
const SILENT: u8 = 1;

/// A module of a node, real or ours. Its methods panic where the node does not do its part.
#[derive(Debug)]
pub struct Module {
    /// What it is told.
    pub notifications: Notifications,
    /// What it says.
    pub sender: Sender,
}

impl Module {
    /// A module of a node, with a name of its own, that is subscribed to the types by the time this returns.
    pub fn new(node: SocketAddrV4, types: &[u16]) -> Self {
        let client = Client::connect(node).unwrap().paced();
        client.set_timeout(Some(PATIENCE)).unwrap();
        let (notifications, sender) = client.split();
        let mut module = Module { notifications, sender };
        types.iter().for_each(|it| module.sender.notify(*it).unwrap());
        module.settle();
        module
    }

    /// Waits until the node has done all that it was told.
    pub fn settle(&mut self) {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let mark = MARKS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        self.sender.announce(SILENT, MARK, &mark).unwrap();
        self.sender.notify(MARK).unwrap();
        while self.hear(MARK).unwrap().data != mark {}
    }

    /// The next of a type; others are passed over.
    ///
    /// # Errors
    /// As [`Notifications`] has them.
    pub fn hear(&mut self, data_type: u16) -> Result<Notification, ClientError> {
        loop {
            let next = self.notifications.next().expect("the node goes on")?;
            if next.data_type == data_type {
                return Ok(next);
            }
        }
    }

    /// The data of the next of a type, found valid.
    ///
    /// # Errors
    /// As [`Notifications`] and [`Sender`] have them.
    pub fn accept(&mut self, data_type: u16) -> Result<Vec<u8>, ClientError> {
        let next = self.hear(data_type)?;
        self.sender.accept(next.id)?;
        Ok(next.data)
    }
}

/// Says something on the terminal, in one piece.
pub fn say(what: &str) {
    let _ = std::io::stderr().write_all(format!("{what}\n").as_bytes());
}
