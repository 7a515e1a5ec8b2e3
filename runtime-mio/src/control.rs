//! The control socket: JSON lines over a Unix socket, in the same loop.
//!
//! A client writes `{"id": …, "do": "overlay.routes", "with": …}`, one object to a line; the answer has the same `id`
//! and either `"ok"` or `"error": {"code", "message"}`. Before its answer a request may be sent any number of lines with
//! an `"event"`. Requests of one client may be answered in any order. A client that closes its writing side is gone.

mod place;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::rc::{Rc, Weak};

use bytes::{Buf, BytesMut};
use egoist_core::kernel::{LineScanner, Terminator};
use mio::Interest;
use mio::net::{UnixListener, UnixStream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::host::Host;
use crate::net::{MioNet, Ready};
use crate::source::{Source, watch};

use place::Place;
pub use place::is_served;

/// Octets of a request's line.
const LINE: usize = 1 << 20;
/// Clients at a time; another one is turned away.
const CLIENTS: usize = 64;
/// Octets that may wait for a client to read them before it is given more; beyond, it is dropped.
const BACKLOG: usize = 4 << 20;
/// Requests of one client that wait for their answers.
const REQUESTS: usize = 256;
/// Octets read from a client in a turn.
const READ: usize = 64 << 10;

/// What a client asks for.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Request {
    /// The client's name for it, which the answer repeats.
    #[serde(default)]
    pub id: Value,
    /// What to do: `protocol.verb`.
    #[serde(rename = "do")]
    pub action: String,
    /// With what; null if left out.
    #[serde(default)]
    pub with: Value,
}

/// The way to answer one [`Request`], now or later. Dropped without an answer, it says so to the client.
pub struct Responder {
    id: Value,
    client: Weak<RefCell<Client>>,
    answered: bool,
}

impl Responder {
    /// Answers with a value.
    pub fn ok(mut self, value: impl Serialize) {
        match serde_json::to_value(value) {
            Ok(value) => self.answer(&json!({ "id": self.id, "ok": value })),
            Err(error) => self.fail("internal", &error.to_string()),
        }
    }

    /// Answers that it cannot be done: `code` for programs, `message` for people.
    pub fn error(mut self, code: &str, message: &str) {
        self.fail(code, message);
    }

    /// Sends a line with an event ahead of the answer. Whether the client is still there.
    pub fn event(&self, value: impl Serialize) -> bool {
        match serde_json::to_value(value) {
            Ok(value) => self.say(&json!({ "id": self.id, "event": value })),
            Err(error) => {
                tracing::warn!(%error, "an event has no JSON form");
                self.is_open()
            }
        }
    }

    /// Whether the client is still there.
    pub fn is_open(&self) -> bool {
        self.client.upgrade().is_some_and(|client| !client.borrow().gone)
    }

    fn fail(&mut self, code: &str, message: &str) {
        self.answer(&json!({ "id": self.id, "error": { "code": code, "message": message } }));
    }

    fn answer(&mut self, line: &Value) {
        self.answered = true;
        self.say(line);
    }

    fn say(&self, line: &Value) -> bool {
        let Some(client) = self.client.upgrade() else { return false };
        let mut client = client.borrow_mut();
        client.push(line);
        !client.gone
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            self.fail("unanswered", "the request was dropped");
        }
    }
}

/// One client's socket and what it has not read yet.
struct Client {
    stream: UnixStream,
    unsent: BytesMut,
    gone: bool,
}

impl Client {
    fn push(&mut self, line: &Value) {
        if self.gone {
            return;
        }
        if self.unsent.len() > BACKLOG {
            tracing::warn!("a control client does not read and is dropped");
            return self.give_up();
        }
        self.unsent.extend_from_slice(line.to_string().as_bytes());
        self.unsent.extend_from_slice(b"\n");
        self.flush();
    }

    fn flush(&mut self) {
        while !self.gone && !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(n) => self.unsent.advance(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.give_up(),
            }
        }
        self.unsent = BytesMut::new();
    }

    /// The hang-up that follows makes the poller report the client, and its source takes it out of the loop.
    fn give_up(&mut self) {
        self.gone = true;
        self.stream.shutdown(Shutdown::Both).ok();
    }
}

type Handler = Rc<RefCell<dyn FnMut(&mut Host<MioNet>, Request, Responder)>>;

struct ClientSource {
    client: Rc<RefCell<Client>>,
    buffer: BytesMut,
    lines: LineScanner,
    handler: Handler,
}

impl ClientSource {
    /// Reads within the budget; whether there may be more.
    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 8192];
        let mut budget = READ;
        while budget > 0 {
            match self.client.borrow_mut().stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    self.buffer.extend_from_slice(&piece[..n]);
                    budget = budget.saturating_sub(n);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Serves the whole lines that have arrived; whether the client keeps to the rules.
    fn serve(&mut self, host: &mut Host<MioNet>) -> bool {
        loop {
            match self.lines.next_line(&mut self.buffer) {
                Ok(Some(line)) => self.request(host, &line),
                Ok(None) => return true,
                Err(too_long) => {
                    self.responder(Value::Null).error("bad-request", &too_long.to_string());
                    return false;
                }
            }
        }
    }

    fn request(&self, host: &mut Host<MioNet>, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        match serde_json::from_slice::<Request>(line) {
            Err(error) => self.responder(Value::Null).error("bad-request", &error.to_string()),
            Ok(request) if Rc::weak_count(&self.client) >= REQUESTS => {
                self.responder(request.id).error("busy", "too many requests wait for their answers");
            }
            Ok(request) => {
                let responder = self.responder(request.id.clone());
                (self.handler.borrow_mut())(host, request, responder);
            }
        }
    }

    fn responder(&self, id: Value) -> Responder {
        Responder { id, client: Rc::downgrade(&self.client), answered: false }
    }
}

impl Source<MioNet> for ClientSource {
    fn ready(&mut self, host: &mut Host<MioNet>, ready: Ready) -> bool {
        self.client.borrow_mut().flush();
        let filled = self.fill();
        if !self.serve(host) || self.client.borrow().gone {
            return false;
        }
        if matches!(filled, Ok(true)) {
            host.woken.push(ready);
        }
        filled.is_ok()
    }
}

struct ControlListener {
    listener: UnixListener,
    _place: Place,
    handler: Handler,
    clients: Vec<Weak<RefCell<Client>>>,
}

impl ControlListener {
    fn welcome(&mut self, host: &mut Host<MioNet>, mut stream: UnixStream) -> io::Result<()> {
        self.clients.retain(|client| client.strong_count() > 0);
        if self.clients.len() >= CLIENTS {
            tracing::warn!("too many control clients: one was turned away");
            return Ok(());
        }
        watch(host, &mut stream, Interest::READABLE | Interest::WRITABLE)?;
        let client = Rc::new(RefCell::new(Client { stream, unsent: BytesMut::new(), gone: false }));
        self.clients.push(Rc::downgrade(&client));
        let lines = LineScanner::new(Terminator::Lf, LINE);
        let handler = Rc::clone(&self.handler);
        host.add_source(ClientSource { client, buffer: BytesMut::new(), lines, handler });
        Ok(())
    }
}

impl Source<MioNet> for ControlListener {
    fn ready(&mut self, host: &mut Host<MioNet>, ready: Ready) -> bool {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if let Err(error) = self.welcome(host, stream) {
                        tracing::warn!(%error, "a control client cannot be served");
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) => {
                    tracing::warn!(%error, "no control client is accepted for now");
                    try_later(host, ready);
                    return true;
                }
            }
        }
    }
}

/// Readiness is told once: what could not be accepted now must be asked for again.
fn try_later(host: &mut Host<MioNet>, ready: Ready) {
    let pause = host.limits.accept_pause;
    host.after(pause, move |host| host.woken.push(ready));
}

impl Host<MioNet> {
    /// Serves a control socket at `path`, for this user only (mode 0600); `handler` is given every request, and answers
    /// through the [`Responder`] at once or later. A socket that nobody serves any more is replaced, and nothing else.
    /// It is removed with the driver.
    ///
    /// # Errors
    /// Another process serves this path ([`AddrInUse`](ErrorKind::AddrInUse)), something is there that is no socket, or
    /// beside it under the name with `~` that is needed for a moment ([`AlreadyExists`](ErrorKind::AlreadyExists)), the
    /// socket there belongs to another user ([`PermissionDenied`](ErrorKind::PermissionDenied)), the path is longer than
    /// the about 100 octets that a Unix socket's may have, or the folder cannot be written.
    pub fn serve_control(
        &mut self,
        path: &Path,
        handler: impl FnMut(&mut Host<MioNet>, Request, Responder) + 'static,
    ) -> io::Result<()> {
        let (mut listener, _place) = Place::take(path)?;
        watch(self, &mut listener, Interest::READABLE)?;
        let handler: Handler = Rc::new(RefCell::new(handler));
        self.add_source(ControlListener { listener, _place, handler, clients: Vec::new() });
        Ok(())
    }
}
