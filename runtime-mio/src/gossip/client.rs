//! Both halves of a connection to a node.

use std::fmt::Display;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::{ClientError, Notifications, Sender};

/// How long each of an address's hosts has to answer.
const DIAL: Duration = Duration::from_secs(5);

/// A module's connection to its node. It is dropped as its halves are: see [`Client::split`].
#[derive(Debug)]
pub struct Client {
    notifications: Notifications,
    sender: Sender,
}

impl Client {
    /// Connects to a node's port for modules. A name's addresses are tried in turn, for five seconds each; looking the name
    /// up takes as long as the operating system lets it.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`].
    pub fn connect(addr: impl ToSocketAddrs + Display) -> Result<Self, ClientError> {
        Client::connect_within(addr, DIAL)
    }

    /// The same, with so long for each address.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], also if the time is zero.
    pub fn connect_within(addr: impl ToSocketAddrs + Display, each: Duration) -> Result<Self, ClientError> {
        let stream = dial(&addr, each).and_then(|stream| Sender::prepare(&stream).map(|()| stream));
        let unreachable = |error| ClientError::Unreachable { addr: addr.to_string(), error };
        let stream = Arc::new(Connection::new(stream.map_err(unreachable)?));
        Ok(Client { notifications: Notifications::new(stream.clone()), sender: Sender::new(stream) })
    }

    /// The same client, which from now on waits before each frame until a gossip-python has read the one before: 2 ms for
    /// 72 octets, half a second for the longest. At these gaps such a node was seen to lose nothing on an idle machine; a
    /// machine that is busy may need longer ones.
    #[must_use]
    pub fn paced(self) -> Self {
        self.sender.pace();
        self
    }

    /// For how long nothing may arrive before a read ends with [`ClientError::Silence`]; `None`, as at first, for ever. Less
    /// than a microsecond is one.
    ///
    /// # Errors
    /// [`ClientError::Broken`] if the operating system refuses.
    pub fn set_timeout(&self, silence: Option<Duration>) -> Result<(), ClientError> {
        self.notifications.set_timeout(silence)
    }

    /// See [`Sender::announce`].
    ///
    /// # Errors
    /// See there.
    pub fn announce(&self, ttl: u8, data_type: u16, data: &[u8]) -> Result<(), ClientError> {
        self.sender.announce(ttl, data_type, data)
    }

    /// See [`Sender::notify`].
    ///
    /// # Errors
    /// See there.
    pub fn notify(&self, data_type: u16) -> Result<(), ClientError> {
        self.sender.notify(data_type)
    }

    /// See [`Sender::verdict`].
    ///
    /// # Errors
    /// See there.
    pub fn verdict(&self, id: u16, valid: bool) -> Result<(), ClientError> {
        self.sender.verdict(id, valid)
    }

    /// See [`Sender::accept`].
    ///
    /// # Errors
    /// See there.
    pub fn accept(&self, id: u16) -> Result<(), ClientError> {
        self.sender.accept(id)
    }

    /// See [`Sender::reject`].
    ///
    /// # Errors
    /// See there.
    pub fn reject(&self, id: u16) -> Result<(), ClientError> {
        self.sender.reject(id)
    }

    /// What the node says. Who answers within a loop over these splits the client first.
    pub fn notifications(&mut self) -> &mut Notifications {
        &mut self.notifications
    }

    /// A half that reads and one that writes, each for a thread of its own. The connection closes when both are dropped; for who
    /// has subscribed that takes until the node closes too, half a second if it is quiet and two seconds at most.
    pub fn split(self) -> (Notifications, Sender) {
        (self.notifications, self.sender)
    }
}

fn dial(addr: &impl ToSocketAddrs, each: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for addr in addr.to_socket_addrs()? {
        match TcpStream::connect_timeout(&addr, each) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
