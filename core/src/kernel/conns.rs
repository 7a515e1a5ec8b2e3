//! The connections of a machine.

mod line;
mod news;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

pub use self::news::{Conn, Ended, News, Opening, Origin, Plain, Seal};

use self::line::{Line, Phase};
use super::{
    Awaits, Backlog, Class, CloseHow, Closed, ConnId, Deadline, Deadlines, Fault, Gap, How, Input, Outbox,
    Output, Outputs, Part, Slack, Ticket, Time, Wake, Why,
};

/// How long a closed connection may take for what was said before.
const LINGER: Duration = Duration::from_secs(5);
/// Woken later than that, the machine was asleep.
const ASLEEP: Duration = Duration::from_secs(1);

const TOO_SLOW: Why = Why { fault: Fault::Peer, what: "reads too slowly" };
const NO_MORE_WANTED: Why = Why { fault: Fault::Nobody, what: "no more wanted" };

impl Closed {
    /// The same as a reason: whose doing, and what.
    pub const fn why(self) -> Why {
        match self {
            Closed::ByPeer => Why { fault: Fault::Nobody, what: "closed by the peer" },
            Closed::Broken => Why { fault: Fault::Network, what: "the connection broke" },
            Closed::ByUs => Why { fault: Fault::Nobody, what: "closed at this end" },
        }
    }
}

/// What the table itself has to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    /// The next frame may leave.
    Pace(ConnId),
    /// What a closed connection still had to say has not gone.
    Linger(ConnId),
}

impl Deadline for Due {
    fn awaits(&self) -> Awaits {
        match self {
            Due::Pace(_) => Awaits::Nobody,
            Due::Linger(_) => Awaits::Others,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Due::Pace(_) => "pace",
            Due::Linger(_) => "linger",
        }
    }
}

/// The connections of a machine and its dials: what is open, what waits on it, and what it was dialled for. To each
/// connection belongs a `T`, what the protocol knows of it, and to each dial a `D`, what it is for; `S` is what frames go
/// through on their way [out](Seal).
///
/// Every [`Input`] goes through [`handle`](Self::handle), which says what it means. All that names a connection is sent
/// from here, so that these hold whatever a machine does:
///
/// - Nothing is said of a connection that is not open, and nothing after its close (law 5): what is sent to one that is
///   gone is dropped. Its [end](Ended) is handed back once, by whatever ended it.
/// - No more is with the driver than [`Backlog::in_flight`] (law 7). Frames wait here, by class.
/// - A connection closed with [`CloseHow::Flush`] is closed once what was said before is with the driver, or after five
///   seconds.
/// - A dial that is no more wanted opens nothing.
///
/// A peer that leaves too much of what is due to it lying is closed, and [`send`](Self::send) says so. The table has
/// deadlines of its own: give it to [`Deadlines::advance`] as a part, and [`next`](Self::next) to [`Deadlines::wake`].
///
/// ```
/// use core::time::Duration;
/// use egoist_core::kernel::*;
///
/// let mut out: Outputs<()> = Outputs::new();
/// let mut conns: Conns<&str> = Conns::new(Backlog::default(), Time::ZERO);
/// let to = "192.0.2.1:7000".parse().unwrap();
/// let ticket = conns.dial(&mut out, to, Duration::from_secs(5), to);
///
/// let (conn, how) = (ConnId(1), How::Dialed(ticket));
/// let opened = Input::Opened { conn, how, remote: to };
/// let Some(News::Opened(opening)) = conns.handle(Time::ZERO, &mut out, opened) else { unreachable!() };
/// assert_eq!(opening.origin().dialed(), Some(&to));
/// conns.keep(opening, "greeting");
/// assert!(conns.send(&mut out, conn, Class::Urgent, "hello\n".into()).is_ok());
///
/// let closed = Input::Closed { conn, why: Closed::ByPeer };
/// let Some(News::Ended(ended)) = conns.handle(Time::ZERO, &mut out, closed) else { unreachable!() };
/// assert_eq!((ended.state, ended.why.what), ("greeting", "closed by the peer"));
/// assert!(conns.is_empty() && conns.all_closed());
/// ```
#[derive(Clone, Debug)]
pub struct Conns<T, D = SocketAddr, S = Plain> {
    backlog: Backlog,
    open: BTreeMap<ConnId, Conn<T, D>>,
    lines: BTreeMap<ConnId, Line<S>>,
    dials: BTreeMap<Ticket, D>,
    deadlines: Deadlines<Due>,
}

impl<T, D, S: Seal + Default> Conns<T, D, S> {
    /// No connections; what waits on each is bounded so.
    pub const fn new(backlog: Backlog, now: Time) -> Self {
        Conns {
            backlog,
            open: BTreeMap::new(),
            lines: BTreeMap::new(),
            dials: BTreeMap::new(),
            deadlines: Deadlines::new(Slack::new(ASLEEP), now),
        }
    }

    /// Takes an input, does what it asks for, and answers what it means to the protocol; `None` if nothing.
    pub fn handle<'a, E>(
        &mut self,
        now: Time,
        out: &mut Outputs<E>,
        input: Input<'a>,
    ) -> Option<News<'a, T, D>> {
        self.advance(now);
        match input {
            Input::Opened { conn, how, remote } => self.opened(out, conn, how, remote).map(News::Opened),
            Input::Received { conn, bytes } => self.received(conn, bytes),
            Input::Flushed { conn, n } => self.flushed(out, conn, n),
            Input::Closed { conn, why } => self.closed(conn, why).map(News::Ended),
            Input::DialFailed { ticket, why } => {
                self.dials.remove(&ticket).map(|what| News::DialFailed { what, why })
            }
            Input::Tick => {
                self.tick(out);
                Some(News::Other(input))
            }
            other => Some(News::Other(other)),
        }
    }

    /// Takes the time, at a command; [`handle`](Self::handle) does it at each input. A machine with [`Deadlines`] gives the
    /// table to [`Deadlines::advance`] instead, before both.
    pub fn advance(&mut self, now: Time) {
        self.deadlines.advance(now, &mut []);
    }

    /// When the table wants to be woken, by [`Input::Tick`]. Later than the time last given.
    pub fn next(&self) -> Option<Wake> {
        self.deadlines.next()
    }

    /// What a machine with no deadlines but the table's answers to [`Machine::poll_timeout`](super::Machine::poll_timeout).
    pub fn wake<E>(&self, out: &Outputs<E>) -> Option<Wake> {
        self.deadlines.wake(out, [])
    }

    /// Dials; what comes of it within the time is said with `what`.
    pub fn dial<E>(&mut self, out: &mut Outputs<E>, to: SocketAddr, within: Duration, what: D) -> Ticket {
        let ticket = out.dial(to, self.deadlines.now() + within);
        self.dials.insert(ticket, what);
        ticket
    }

    /// A dial is no more wanted; what it was for, if it has not ended. Nothing is heard of it again.
    pub fn abandon(&mut self, ticket: Ticket) -> Option<D> {
        self.dials.remove(&ticket)
    }

    /// The dials that have not ended, in order.
    pub fn dials(&self) -> impl ExactSizeIterator<Item = (Ticket, &D)> {
        self.dials.iter().map(|(ticket, what)| (*ticket, what))
    }

    /// Keeps a connection that has opened.
    pub fn keep(&mut self, opening: Opening<D>, state: T) -> ConnId {
        let Opening { conn, remote, origin } = opening;
        self.lines.insert(conn, self.line(Phase::Open));
        self.open.insert(conn, Conn { remote, origin, state });
        conn
    }

    /// Closes a connection that has opened, at once.
    pub fn refuse<E>(&mut self, out: &mut Outputs<E>, opening: Opening<D>, why: Why) {
        self.abort(out, opening.conn, why);
    }

    /// An open connection.
    pub fn get(&self, conn: ConnId) -> Option<&Conn<T, D>> {
        self.open.get(&conn)
    }

    /// An open connection.
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Conn<T, D>> {
        self.open.get_mut(&conn)
    }

    /// An open connection that is read from: a loop that takes frames off a buffer asks for it before each.
    pub fn reader(&mut self, conn: ConnId) -> Option<&mut Conn<T, D>> {
        let is_read = self.lines.get(&conn).is_some_and(|line| line.is_read);
        self.open.get_mut(&conn).filter(|_| is_read)
    }

    /// The open connections, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ConnId, &Conn<T, D>)> + Clone {
        self.open.iter().map(|(conn, open)| (*conn, open))
    }

    /// The open connections, in the order of their names.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (ConnId, &mut Conn<T, D>)> {
        self.open.iter_mut().map(|(conn, open)| (*conn, open))
    }

    /// The names of the open connections, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = ConnId> {
        self.open.keys().copied()
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the driver was told to close every connection: a machine that ends may say [`Output::Done`] then, and not
    /// before.
    pub fn all_closed(&self) -> bool {
        self.lines.values().all(|line| line.phase == Phase::Closing)
    }

    /// What waits on an open connection.
    pub fn outbox(&self, conn: ConnId) -> Option<&Outbox> {
        self.open_line(conn).map(|line| &line.outbox)
    }

    /// How many bulk frames were shed on an open connection.
    pub fn shed(&self, conn: ConnId) -> u64 {
        self.open_line(conn).map_or(0, |line| line.shed)
    }

    /// What the frames of an open connection go through as they leave.
    pub fn seal(&self, conn: ConnId) -> Option<&S> {
        self.open_line(conn).map(|line| &line.seal)
    }

    /// Puts what frames go through from now on in place of what they went through.
    ///
    /// # Errors
    /// The seal comes back: the connection is not open, or frames wait on it that were queued for the one before. Once
    /// they have left, which [`News::Flushed`] tells, it can be tried again.
    pub fn set_seal(&mut self, conn: ConnId, seal: S) -> Result<(), S> {
        match self.open_line_mut(conn).filter(|line| line.outbox.is_empty()) {
            Some(line) => line.seal = seal,
            None => return Err(seal),
        }
        Ok(())
    }

    /// Sends a frame on an open connection, behind those of its class.
    ///
    /// # Errors
    /// The peer reads too slowly, and the connection is closed.
    pub fn send<E>(
        &mut self,
        out: &mut Outputs<E>,
        conn: ConnId,
        class: Class,
        frame: Bytes,
    ) -> Result<(), Ended<T, D>> {
        let Some(line) = self.open_line_mut(conn) else { return Ok(()) };
        if line.queue(class, frame).is_ok() {
            self.pump(out, conn);
            return Ok(());
        }
        self.close(out, conn, CloseHow::Abort, TOO_SLOW).map_or(Ok(()), Err)
    }

    /// From now on each frame of an open connection is a write of its own, not before `first` and with pauses between them.
    /// Paced again, it has other pauses; those that it makes already stay.
    pub fn pace(&mut self, conn: ConnId, gap: Gap, first: Time) {
        if let Some(line) = self.open_line_mut(conn) {
            line.pace(gap, first);
            self.wait(conn);
        }
    }

    /// From now on the frames of an open connection leave as they come, and what a pause held leaves at once.
    pub fn pace_no_more<E>(&mut self, out: &mut Outputs<E>, conn: ConnId) {
        if let Some(line) = self.open_line_mut(conn) {
            line.pace_no_more();
            self.pump(out, conn);
        }
    }

    /// Stops reading an open connection. What arrives is kept by the driver.
    pub fn pause<E>(&mut self, out: &mut Outputs<E>, conn: ConnId) {
        if let Some(line) = self.open_line_mut(conn).filter(|line| line.is_read) {
            line.is_read = false;
            out.push(Output::Reading { conn, on: false });
        }
    }

    /// Reads it again; what arrived meanwhile comes as [`News::Received`].
    pub fn resume<E>(&mut self, out: &mut Outputs<E>, conn: ConnId) {
        if let Some(line) = self.open_line_mut(conn).filter(|line| !line.is_read) {
            line.is_read = true;
            out.push(Output::Reading { conn, on: true });
        }
    }

    /// Closes an open connection; what was known of it. With [`CloseHow::Flush`] the driver closes it once it has what was
    /// sent before.
    #[must_use = "it says what ended"]
    pub fn close<E>(
        &mut self,
        out: &mut Outputs<E>,
        conn: ConnId,
        how: CloseHow,
        why: Why,
    ) -> Option<Ended<T, D>> {
        let open = self.open.remove(&conn)?;
        match how {
            CloseHow::Flush => {
                self.lines.entry(conn).and_modify(|line| line.phase = Phase::Lingering(why));
                self.deadlines.after(Due::Linger(conn), LINGER);
                self.close_if_said(out, conn);
            }
            CloseHow::Abort => self.abort(out, conn, why),
        }
        Some(open.ended(conn, why))
    }

    /// Closes all connections and forgets all dials, since the machine ends; what was known of those that were open.
    /// [`Output::Done`] may follow. What waits on a connection for its peer to take more is lost.
    #[must_use = "it says what ended"]
    pub fn close_all<E>(&mut self, out: &mut Outputs<E>, why: Why) -> Vec<Ended<T, D>> {
        self.dials.clear();
        let closing = |line: &Line<S>| line.phase == Phase::Closing;
        let said = self
            .lines
            .iter()
            .filter(|(_, line)| !closing(line))
            .map(|(conn, line)| (*conn, line.outbox.is_empty()));
        for (conn, said) in said.collect::<Vec<_>>() {
            self.end(out, conn, if said { CloseHow::Flush } else { CloseHow::Abort }, why);
        }
        core::mem::take(&mut self.open).into_iter().map(|(conn, open)| open.ended(conn, why)).collect()
    }
}

impl<T, D, S> Part for Conns<T, D, S> {
    fn due(&self) -> Option<Time> {
        self.deadlines.due()
    }

    fn woken(&mut self, now: Time, late: Duration) {
        self.deadlines.woken(now, late);
    }
}

/// What inputs mean.
impl<T, D, S: Seal + Default> Conns<T, D, S> {
    fn opened<E>(
        &mut self,
        out: &mut Outputs<E>,
        conn: ConnId,
        how: How,
        remote: SocketAddr,
    ) -> Option<Opening<D>> {
        let origin = match how {
            How::Accepted(port) => Origin::Accepted(port),
            How::Dialed(ticket) => match self.dials.remove(&ticket) {
                Some(what) => Origin::Dialed(what),
                None => {
                    self.abort(out, conn, NO_MORE_WANTED);
                    return None;
                }
            },
        };
        Some(Opening { conn, remote, origin })
    }

    fn received<'a>(&self, conn: ConnId, bytes: &'a mut BytesMut) -> Option<News<'a, T, D>> {
        let Some(line) = self.open_line(conn) else {
            bytes.clear();
            return None;
        };
        line.is_read.then_some(News::Received { conn, bytes })
    }

    fn flushed<'a, E>(&mut self, out: &mut Outputs<E>, conn: ConnId, n: usize) -> Option<News<'a, T, D>> {
        let line = self.lines.get_mut(&conn).filter(|line| line.phase != Phase::Closing)?;
        line.outbox.flushed(n);
        self.pump(out, conn);
        self.close_if_said(out, conn);
        self.open.contains_key(&conn).then_some(News::Flushed(conn))
    }

    fn closed(&mut self, conn: ConnId, why: Closed) -> Option<Ended<T, D>> {
        self.lines.remove(&conn);
        self.forget(conn);
        self.open.remove(&conn).map(|open| open.ended(conn, why.why()))
    }

    fn tick<E>(&mut self, out: &mut Outputs<E>) {
        for due in self.deadlines.fire() {
            match due {
                Due::Pace(conn) => {
                    self.pump(out, conn);
                    self.close_if_said(out, conn);
                }
                Due::Linger(conn) => {
                    if let Some(Phase::Lingering(why)) = self.lines.get(&conn).map(|line| line.phase) {
                        self.abort(out, conn, why);
                    }
                }
            }
        }
    }
}

/// What leaves.
impl<T, D, S: Seal + Default> Conns<T, D, S> {
    fn line(&self, phase: Phase) -> Line<S> {
        Line::new(phase, Outbox::new(self.backlog), S::default())
    }

    fn open_line(&self, conn: ConnId) -> Option<&Line<S>> {
        self.lines.get(&conn).filter(|line| line.phase == Phase::Open)
    }

    fn open_line_mut(&mut self, conn: ConnId) -> Option<&mut Line<S>> {
        self.lines.get_mut(&conn).filter(|line| line.phase == Phase::Open)
    }

    fn pump<E>(&mut self, out: &mut Outputs<E>, conn: ConnId) {
        let now = self.deadlines.now();
        let Some(line) = self.lines.get_mut(&conn) else { return };
        line.pump(now, conn, out);
        self.wait(conn);
    }

    /// Comes back when pacing lets out what waits.
    fn wait(&mut self, conn: ConnId) {
        let held = self.lines.get(&conn).and_then(|line| line.held(self.deadlines.now()));
        match held {
            Some(until) => self.deadlines.set(Due::Pace(conn), until),
            None => {
                self.deadlines.cancel(Due::Pace(conn));
            }
        }
    }

    /// Closes a connection for good; what waits on it is lost.
    fn abort<E>(&mut self, out: &mut Outputs<E>, conn: ConnId, why: Why) {
        self.end(out, conn, CloseHow::Abort, why);
    }

    /// Closes a connection that was closed already, once all that was said before is with the driver.
    fn close_if_said<E>(&mut self, out: &mut Outputs<E>, conn: ConnId) {
        let said = self.lines.get(&conn).filter(|line| line.outbox.is_empty());
        if let Some(Phase::Lingering(why)) = said.map(|line| line.phase) {
            self.end(out, conn, CloseHow::Flush, why);
        }
    }

    fn end<E>(&mut self, out: &mut Outputs<E>, conn: ConnId, how: CloseHow, why: Why) {
        self.lines.insert(conn, self.line(Phase::Closing));
        self.forget(conn);
        out.push(Output::Close { conn, how, why });
    }

    fn forget(&mut self, conn: ConnId) {
        self.deadlines.cancel(Due::Pace(conn));
        self.deadlines.cancel(Due::Linger(conn));
    }
}

impl<T, D> Conn<T, D> {
    fn ended(self, conn: ConnId, why: Why) -> Ended<T, D> {
        let Conn { remote, origin, state } = self;
        Ended { conn, remote, origin, state, why }
    }
}
