//! The control socket: JSON lines over a Unix socket, in the same loop.
//!
//! A client writes `{"id": …, "do": "overlay.routes", "with": …}`, one object to a line; the answer has the same `id`
//! (a whole number of 64 bits, or at most 64 octets of text) and either `"ok"` or `"error": {"code", "message"}`. Before its answer a request may be sent any number of lines with
//! an `"event"`. Requests of one client may be answered in any order. A client that closes its writing side is gone.
//! Where an error's `id` is null it is about the line, or about the connection: 64 clients may be connected, and for
//! another one whoever waits for nothing, and has been silent longest, is dropped.

mod client;
mod clients;
pub mod codes;
mod place;
mod wire;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::rc::{Rc, Weak};

use mio::Interest;
use mio::net::{UnixListener, UnixStream};
use serde::Serialize;
use serde_json::Value;

use crate::host::Host;
use crate::net::{MioNet, Ready};
use crate::source::{Source, watch};

use client::{Client, READ};
use clients::{CLIENTS, Clients};
use place::Place;
pub use place::is_served;
pub use wire::{Answer, Body, Refusal, Request, RequestError};

/// Requests of one client that wait for their answers.
const REQUESTS: usize = 256;
/// The way to answer one [`Request`], now or later. Dropped without an answer, it says so to the client.
pub struct Responder {
    id: Value,
    client: Weak<RefCell<Client>>,
    clients: Rc<Clients>,
    answered: bool,
}

impl Responder {
    /// Answers with a value.
    pub fn ok(mut self, value: impl Serialize) {
        match serde_json::to_value(value) {
            Ok(value) => self.answer(Body::Ok(value)),
            Err(error) => self.answer(Body::Error(Refusal::new(codes::INTERNAL, error.to_string()))),
        }
    }

    /// Answers that it cannot be done.
    pub fn refuse(mut self, refusal: Refusal) {
        self.answer(Body::Error(refusal));
    }

    /// Sends a line with an event ahead of the answer. Whether the client is still there.
    pub fn event(&self, value: impl Serialize) -> bool {
        match serde_json::to_string(&value) {
            Ok(value) => self.event_of(&value),
            Err(error) => {
                tracing::warn!(%error, "an event has no JSON form");
                self.is_open()
            }
        }
    }

    /// Sends an event whose JSON this is.
    fn event_of(&self, json: &str) -> bool {
        self.say(&format!("{{\"id\":{},\"event\":{json}}}", self.id))
    }

    /// Whether both answer the same client.
    pub fn shares_client_with(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.client, &other.client)
    }

    /// Whether the client is still there.
    pub fn is_open(&self) -> bool {
        self.client.upgrade().is_some_and(|client| !client.borrow().is_gone())
    }

    fn answer(&mut self, body: Body) {
        self.answered = true;
        self.say(&line(&Answer { id: self.id.clone(), body }));
    }

    fn say(&self, line: &str) -> bool {
        let Some(client) = self.client.upgrade() else { return false };
        self.clients.make_room(line.len());
        let mut client = client.borrow_mut();
        client.push(line);
        !client.is_gone()
    }
}

/// Sends an event to all of them, written once, and drops those whose clients have gone.
pub fn tell_all(listeners: &mut Vec<Responder>, value: impl Serialize) {
    match serde_json::to_string(&value) {
        Ok(json) => listeners.retain(|listener| listener.event_of(&json)),
        Err(error) => tracing::warn!(%error, "an event has no JSON form"),
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            self.answer(Body::Error(Refusal::new(codes::UNANSWERED, "the request was dropped")));
        }
    }
}

type Handler = Rc<RefCell<dyn FnMut(&mut Host<MioNet>, Request, Responder)>>;

struct ClientSource {
    client: Rc<RefCell<Client>>,
    clients: Rc<Clients>,
    handler: Handler,
}

impl ClientSource {
    /// Serves the whole lines that have arrived; whether the client keeps to the rules.
    fn serve(&self, host: &mut Host<MioNet>) -> bool {
        loop {
            let line = self.client.borrow_mut().line();
            match line {
                Ok(Some(line)) => {
                    self.clients.heard(&self.client);
                    self.request(host, &line);
                }
                Ok(None) => return true,
                Err(too_long) => {
                    let refusal = Refusal::new(codes::BAD_REQUEST, too_long.to_string());
                    self.responder(Value::Null).refuse(refusal);
                    return false;
                }
            }
        }
    }

    fn request(&self, host: &mut Host<MioNet>, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        match Request::read(line) {
            Err(why) => {
                self.responder(Value::Null).refuse(Refusal::new(codes::BAD_REQUEST, why.to_string()));
            }
            Ok(request) if Rc::weak_count(&self.client) >= REQUESTS => {
                let refusal = Refusal::new(codes::BUSY, "too many requests wait for their answers");
                self.responder(request.id).refuse(refusal);
            }
            Ok(request) => {
                let responder = self.responder(request.id.clone());
                (self.handler.borrow_mut())(host, request, responder);
            }
        }
    }

    fn responder(&self, id: Value) -> Responder {
        let (client, clients) = (Rc::downgrade(&self.client), Rc::clone(&self.clients));
        Responder { id, client, clients, answered: false }
    }
}

impl Source<MioNet> for ClientSource {
    fn ready(&mut self, host: &mut Host<MioNet>, ready: Ready) -> bool {
        self.clients.make_room(READ);
        self.client.borrow_mut().flush();
        let filled = self.client.borrow_mut().fill();
        if !self.serve(host) || self.client.borrow().is_gone() {
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
    clients: Rc<Clients>,
}

impl ControlListener {
    fn welcome(&mut self, host: &mut Host<MioNet>, mut stream: UnixStream) -> io::Result<()> {
        if !self.clients.make_place() {
            tracing::warn!("too many control clients: one was turned away");
            return stream.write_all(turned_away().as_bytes());
        }
        watch(host, &mut stream, Interest::READABLE | Interest::WRITABLE)?;
        let client = Rc::new(RefCell::new(Client::new(stream, self.clients.share())));
        self.clients.add(&client);
        let (clients, handler) = (Rc::clone(&self.clients), Rc::clone(&self.handler));
        host.add_source(ClientSource { client, clients, handler });
        Ok(())
    }
}

/// What a client is told for whom there is no place.
fn turned_away() -> String {
    let message = format!("{CLIENTS} clients are connected, and each waits for something");
    let body = Body::Error(Refusal::new(codes::BUSY, message));
    line(&Answer { id: Value::Null, body }) + "\n"
}

/// An answer's line, without its end.
fn line(answer: &Answer) -> String {
    // Only a map with keys that are no text could not be written.
    serde_json::to_string(answer).unwrap_or_default()
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
        self.add_source(ControlListener { listener, _place, handler, clients: Rc::default() });
        Ok(())
    }
}
