use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::{DialError, Port};
use super::*;

const BACKLOG: Backlog = Backlog { in_flight: 40, control: 120, bulk: 60 };
const LEFT: Why = Why { fault: Fault::Nobody, what: "left" };

fn remote() -> SocketAddr {
    "192.0.2.1:7000".parse().unwrap()
}

/// A frame says which it is: its class, its number, and its length.
fn frame(class: Class, number: u8, len: usize) -> Bytes {
    let mut octets = alloc::vec![number; len.max(2)];
    octets[0] = class as u8;
    octets.into()
}

/// One more octet, so that what is in flight is not what was queued.
#[derive(Clone, Default, Debug)]
struct Longer;

impl Seal for Longer {
    const OVERHEAD: usize = 1;

    fn seal(&mut self, frame: Bytes) -> Bytes {
        [&frame[..], &[0xff]].concat().into()
    }
}

/// What a driver sees of a connection.
#[derive(Default, Debug)]
struct Seen {
    in_flight: usize,
    closed: Option<CloseHow>,
    sent: [Vec<u8>; 3],
    is_read: Option<bool>,
    last: Option<Time>,
}

/// What the machine did about it.
#[derive(Default, Debug)]
struct Did {
    queued: [Vec<u8>; 3],
    gap: Option<Duration>,
    first: Time,
    kept: bool,
    ended: bool,
}

/// A table, what a driver sees of it, and what it was told.
struct Bench {
    conns: Conns<u64, u64, Longer>,
    out: Outputs<()>,
    now: Time,
    seen: BTreeMap<ConnId, Seen>,
    did: BTreeMap<ConnId, Did>,
    dials: BTreeSet<Ticket>,
    abandoned: BTreeSet<Ticket>,
    next: u64,
}

impl Bench {
    fn new() -> Self {
        Bench {
            conns: Conns::new(BACKLOG, Time::ZERO),
            out: Outputs::new(),
            now: Time::ZERO,
            seen: BTreeMap::new(),
            did: BTreeMap::new(),
            dials: BTreeSet::new(),
            abandoned: BTreeSet::new(),
            next: 0,
        }
    }

    /// Laws 5 and 7, and the order within a class.
    fn drain(&mut self) {
        while let Some(output) = self.out.poll() {
            match output {
                Output::Send { conn, frame, class, solo } => {
                    let seen = self.seen.get_mut(&conn).expect("only what is open is sent to");
                    assert_eq!((seen.closed, frame.last()), (None, Some(&0xff)));
                    seen.in_flight += frame.len();
                    assert!(seen.in_flight <= BACKLOG.in_flight || seen.in_flight == frame.len());
                    seen.sent[class as usize].push(frame[1]);
                    let gap = self.did[&conn].gap;
                    assert_eq!(solo, gap.is_some());
                    assert!(self.now >= self.did[&conn].first);
                    let last = seen.last.replace(self.now);
                    assert!(last.is_none_or(|last| self.now.since(last) >= gap.unwrap_or_default()));
                }
                Output::Close { conn, how, .. } => {
                    let before =
                        self.seen.get_mut(&conn).expect("only what is open is closed").closed.replace(how);
                    assert_eq!(before, None, "one close is said");
                }
                Output::Reading { conn, on } => {
                    let seen = self.seen.get_mut(&conn).expect("only what is open is read");
                    assert_eq!(seen.closed, None);
                    assert_ne!(seen.is_read.replace(on).unwrap_or(true), on, "only changes are said");
                }
                Output::Dial { ticket, .. } => assert!(self.dials.insert(ticket)),
                other => panic!("{other:?} is nothing of a table's"),
            }
        }
    }

    /// What may leave has left, and what may not has a time or waits for the driver.
    fn nothing_is_kept(&self) {
        for (conn, line) in &self.conns.lines {
            let due = self.conns.deadlines.get(Due::Pace(*conn));
            if due.is_some_and(|due| due <= self.now) && !line.outbox.is_empty() {
                continue;
            }
            let (mut again, mut more) = (line.clone(), Outputs::<()>::new());
            again.pump(self.now, *conn, &mut more);
            assert!(more.is_empty());
            assert_eq!(due, line.held(self.now));
            assert!(!(matches!(line.phase, Phase::Lingering(_)) && line.outbox.is_empty()));
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        match self.conns.handle(self.now, &mut self.out, input) {
            Some(News::Opened(opening)) => {
                let conn = opening.conn();
                self.did.insert(conn, Did { kept: conn.0 % 5 != 0, ..Did::default() });
                if conn.0 % 5 == 0 {
                    self.conns.refuse(&mut self.out, opening, LEFT);
                } else {
                    assert_eq!(self.conns.keep(opening, conn.0), conn);
                }
            }
            Some(News::Ended(ended)) => self.ended(ended),
            Some(News::Flushed(conn)) => assert!(self.is_open(conn)),
            Some(News::DialFailed { what, .. }) => assert!(!self.abandoned.contains(&Ticket(what))),
            Some(News::Received { .. } | News::Other(_)) | None => {}
        }
        self.drain();
    }

    fn ended(&mut self, ended: Ended<u64, u64>) {
        let did = self.did.get_mut(&ended.conn).unwrap();
        assert!(did.kept && !core::mem::replace(&mut did.ended, true), "an end is handed back once");
        assert_eq!(ended.state, ended.conn.0);
    }

    fn is_open(&self, conn: ConnId) -> bool {
        self.did.get(&conn).is_some_and(|did| did.kept && !did.ended)
    }

    /// One of those that the driver knows.
    fn pick(&self, at: usize) -> Option<ConnId> {
        self.seen.keys().nth(at % self.seen.len().max(1)).copied()
    }

    fn open(&mut self, how: How) {
        let conn = ConnId(self.next);
        self.next += 1;
        self.seen.insert(conn, Seen::default());
        self.tell(Input::Opened { conn, how, remote: remote() });
        if let How::Dialed(ticket) = how
            && self.abandoned.contains(&ticket)
        {
            assert_eq!(self.seen[&conn].closed, Some(CloseHow::Abort), "nobody wants it");
        }
    }

    fn send(&mut self, conn: ConnId, class: Class, number: u8, len: usize) {
        let open = self.is_open(conn);
        let sent = self.conns.send(&mut self.out, conn, class, frame(class, number, len));
        if let Err(ended) = sent {
            assert_eq!(ended.why, TOO_SLOW);
            self.ended(ended);
        } else if open {
            self.did.get_mut(&conn).unwrap().queued[class as usize].push(number);
        }
        self.drain();
    }

    fn close(&mut self, conn: ConnId, how: CloseHow) {
        let open = self.is_open(conn);
        let ended = self.conns.close(&mut self.out, conn, how, LEFT);
        assert_eq!(ended.is_some(), open);
        if let Some(ended) = ended {
            self.ended(ended);
        }
        self.drain();
    }

    /// The driver's end: what was said is held against what was asked.
    fn closed(&mut self, conn: ConnId) {
        let Some(seen) = self.seen.remove(&conn) else { return };
        let how = if seen.closed.is_some() { Closed::ByUs } else { Closed::Broken };
        self.tell(Input::Closed { conn, why: how });
        let did = self.did.remove(&conn).unwrap_or_default();
        assert_eq!(did.kept, did.ended);
        for (class, (queued, sent)) in did.queued.iter().zip(&seen.sent).enumerate() {
            if class == Class::Bulk as usize {
                assert!(is_subsequence(sent, queued));
            } else {
                assert!(queued.starts_with(sent));
                assert!(seen.closed != Some(CloseHow::Flush) || sent == queued, "said before the end");
            }
        }
    }

    fn act(&mut self, (op, at, amount, class): (u8, usize, usize, usize)) {
        let class = [Class::Urgent, Class::Control, Class::Bulk][class];
        let (conn, number) = (self.pick(at), u8::try_from(amount).unwrap());
        match (op, conn) {
            (0, _) => self.open(How::Accepted(Port(0))),
            (1, _) => {
                let what = self.conns.dial(&mut self.out, remote(), Duration::from_secs(1), 0);
                self.conns.dials.insert(what, what.0);
                self.drain();
            }
            (2, _) => {
                if let Some(ticket) = self.dials.pop_first() {
                    self.open(How::Dialed(ticket));
                }
            }
            (3, _) => {
                if let Some(ticket) = self.dials.pop_last() {
                    self.tell(Input::DialFailed { ticket, why: DialError::Refused });
                }
            }
            (4, _) => {
                if let Some(&ticket) = self.dials.iter().nth(at % self.dials.len().max(1)) {
                    let first = self.abandoned.insert(ticket);
                    assert_eq!(self.conns.abandon(ticket), first.then_some(ticket.0));
                }
            }
            (5, _) => {
                self.now = self.now + Duration::from_millis(amount as u64 * 20);
                if at & 1 == 0 {
                    self.tell(Input::Tick);
                }
                self.conns.advance(self.now);
            }
            (6, Some(conn)) => {
                let gap = Gap { least: Duration::from_millis(30), ..Gap::NONE };
                if self.is_open(conn) {
                    let first = self.now + Duration::from_millis(amount as u64);
                    self.conns.pace(conn, gap, first);
                    let did = self.did.get_mut(&conn).unwrap();
                    let again = did.gap.replace(gap.least).is_some();
                    did.first = did.first.max(first);
                    if !again {
                        self.seen.get_mut(&conn).unwrap().last = None;
                    }
                }
            }
            (7, Some(conn)) => self.conns.pause(&mut self.out, conn),
            (8, Some(conn)) => self.conns.resume(&mut self.out, conn),
            (9, Some(conn)) => self.close(conn, CloseHow::Flush),
            (10, Some(conn)) => self.close(conn, CloseHow::Abort),
            (11, Some(conn)) => self.closed(conn),
            (12..=15, Some(conn)) => {
                let seen = self.seen.get_mut(&conn).unwrap();
                let n = amount.min(seen.in_flight);
                seen.in_flight -= n;
                self.tell(Input::Flushed { conn, n });
            }
            (_, Some(conn)) => self.send(conn, class, number, amount),
            (_, None) => {}
        }
        self.drain();
    }

    /// The driver flushes what there is, ticks, and ends what was closed.
    fn settle(&mut self) {
        let open = self.conns.ids().collect::<Vec<_>>();
        open.iter().for_each(|conn| self.close(*conn, CloseHow::Flush));
        while let Some(ticket) = self.dials.pop_first() {
            self.tell(Input::DialFailed { ticket, why: DialError::TimedOut });
        }
        loop {
            while let Some((&conn, seen)) = self.seen.iter_mut().find(|(_, seen)| seen.in_flight > 0) {
                let n = core::mem::take(&mut seen.in_flight);
                self.tell(Input::Flushed { conn, n });
            }
            let Some(wake) = self.conns.next() else { break };
            assert!(wake.at > self.now);
            self.now = wake.at;
            self.tell(Input::Tick);
        }
        assert!(self.conns.all_closed() && self.seen.values().all(|seen| seen.closed.is_some()));
        assert!(
            open.iter().all(|conn| self.seen[conn].closed == Some(CloseHow::Flush)),
            "there was time for it"
        );
        for conn in self.seen.keys().copied().collect::<Vec<_>>() {
            self.closed(conn);
        }
        assert!(self.conns.lines.is_empty() && self.conns.is_empty());
    }
}

fn is_subsequence(part: &[u8], whole: &[u8]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|octet| whole.any(|other| other == octet))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_a_machine_does_the_driver_sees_what_is_right(
        ops in prop::collection::vec((0u8..26, 0usize..8, 0usize..48, 0usize..3), 0..120),
    ) {
        let mut bench = Bench::new();
        for op in ops {
            bench.act(op);
            bench.nothing_is_kept();
            let open: Vec<ConnId> = bench.did.keys().copied().filter(|conn| bench.is_open(*conn)).collect();
            prop_assert_eq!(bench.conns.ids().collect::<Vec<_>>(), open);
        }
        bench.settle();
    }
}

fn kept(conns: &mut Conns<()>, out: &mut Outputs<()>) -> ConnId {
    let input = Input::Opened { conn: ConnId(1), how: How::Accepted(Port(0)), remote: remote() };
    match conns.handle(Time::ZERO, out, input) {
        Some(News::Opened(opening)) => conns.keep(opening, ()),
        news => panic!("{news:?}"),
    }
}

#[test]
fn who_does_not_take_the_last_words_is_cut_off_but_not_for_our_sleep() {
    for (late, aborted) in [(0, true), (3_600, false)] {
        let (mut conns, mut out) = (Conns::new(BACKLOG, Time::ZERO), Outputs::new());
        let conn = kept(&mut conns, &mut out);
        for number in 0..2 {
            assert!(conns.send(&mut out, conn, Class::Control, frame(Class::Control, number, 40)).is_ok());
        }
        assert!(conns.close(&mut out, conn, CloseHow::Flush, LEFT).is_some());
        assert!(conns.is_empty() && !conns.all_closed());
        assert!(
            conns.send(&mut out, conn, Class::Urgent, frame(Class::Urgent, 9, 2)).is_ok(),
            "it is dropped"
        );
        assert!(matches!(out.poll(), Some(Output::Send { .. })) && out.is_empty(), "one frame waits");
        let at = conns.next().unwrap().at;
        assert_eq!(at, Time::ZERO + LINGER);
        conns.handle(at + Duration::from_secs(late), &mut out, Input::Tick);
        let said = out.poll();
        assert_eq!(matches!(said, Some(Output::Close { how: CloseHow::Abort, why: LEFT, .. })), aborted);
    }
}

#[test]
fn what_arrives_behind_the_end_or_while_nothing_is_read_is_not_told() {
    let (mut conns, mut out) = (Conns::new(BACKLOG, Time::ZERO), Outputs::new());
    let conn = kept(&mut conns, &mut out);
    let mut bytes = BytesMut::from("ab");
    let heard = |conns: &mut Conns<()>, out: &mut Outputs<()>, bytes: &mut BytesMut| {
        matches!(conns.handle(Time::ZERO, out, Input::Received { conn, bytes }), Some(News::Received { .. }))
    };
    assert!(heard(&mut conns, &mut out, &mut bytes) && conns.reader(conn).is_some());
    conns.pause(&mut out, conn);
    assert!(!heard(&mut conns, &mut out, &mut bytes) && conns.reader(conn).is_none());
    assert_eq!(&bytes[..], b"ab", "it is presented again");
    conns.resume(&mut out, conn);
    assert!(heard(&mut conns, &mut out, &mut bytes));
    assert!(conns.close(&mut out, conn, CloseHow::Abort, LEFT).is_some());
    assert!(!heard(&mut conns, &mut out, &mut bytes) && bytes.is_empty());
}

#[test]
fn an_end_closes_all_and_loses_what_slow_peers_have_not_taken() {
    let mut conns: Conns<u8> = Conns::new(BACKLOG, Time::ZERO);
    let mut out = Outputs::<()>::new();
    conns.dial(&mut out, remote(), Duration::from_secs(1), remote());
    for n in 1..=4 {
        let opened = Input::Opened { conn: ConnId(n), how: How::Accepted(Port(0)), remote: remote() };
        let Some(News::Opened(opening)) = conns.handle(Time::ZERO, &mut out, opened) else { unreachable!() };
        conns.keep(opening, 0);
    }
    // The second and the third read slowly, the third and the fourth are closed already.
    for conn in [2, 2, 3, 3].map(ConnId) {
        assert!(conns.send(&mut out, conn, Class::Control, frame(Class::Control, 0, 30)).is_ok());
    }
    assert!(conns.close(&mut out, ConnId(3), CloseHow::Flush, LEFT).is_some());
    assert!(conns.close(&mut out, ConnId(4), CloseHow::Abort, LEFT).is_some());
    let ended: Vec<ConnId> = conns.close_all(&mut out, LEFT).iter().map(|ended| ended.conn).collect();
    assert_eq!(ended, [1, 2].map(ConnId));
    let closes: Vec<_> = core::iter::from_fn(|| out.poll())
        .filter_map(|output| match output {
            Output::Close { conn, how, .. } => Some((conn.0, how)),
            _ => None,
        })
        .collect();
    assert_eq!(
        closes,
        [(4, CloseHow::Abort), (1, CloseHow::Flush), (2, CloseHow::Abort), (3, CloseHow::Abort)]
    );
    assert!(conns.next().is_none() && conns.dials().len() == 0 && conns.is_empty());
}

/// Puts its own octet behind each frame.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Mark(u8);

impl Seal for Mark {
    const OVERHEAD: usize = 1;

    fn seal(&mut self, frame: Bytes) -> Bytes {
        [&frame[..], &[self.0]].concat().into()
    }
}

#[test]
fn a_seal_is_changed_only_while_nothing_waits_for_the_one_before() {
    let mut conns: Conns<(), SocketAddr, Mark> = Conns::new(BACKLOG, Time::ZERO);
    let (mut out, conn) = (Outputs::<()>::new(), ConnId(1));
    assert_eq!(conns.set_seal(conn, Mark(1)), Err(Mark(1)), "it is not open");
    let opened = Input::Opened { conn, how: How::Accepted(Port(0)), remote: remote() };
    let Some(News::Opened(opening)) = conns.handle(Time::ZERO, &mut out, opened) else { unreachable!() };
    conns.keep(opening, ());
    for _ in 0..2 {
        assert!(conns.send(&mut out, conn, Class::Bulk, frame(Class::Bulk, 9, 30)).is_ok());
    }
    assert_eq!((conns.set_seal(conn, Mark(1)), conns.seal(conn)), (Err(Mark(1)), Some(&Mark(0))));
    conns.handle(Time::ZERO, &mut out, Input::Flushed { conn, n: 31 });
    assert_eq!(conns.set_seal(conn, Mark(1)), Ok(()), "both have left");
    conns.handle(Time::ZERO, &mut out, Input::Flushed { conn, n: 31 });
    assert!(conns.send(&mut out, conn, Class::Bulk, frame(Class::Bulk, 9, 30)).is_ok());
    let marks = core::iter::from_fn(|| out.poll()).map(|output| match output {
        Output::Send { frame, .. } => frame.last().copied(),
        other => panic!("{other:?}"),
    });
    assert_eq!(marks.collect::<Vec<_>>(), [0, 0, 1].map(Some));
}
