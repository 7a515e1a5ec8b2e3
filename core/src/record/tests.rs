use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::kernel::{Class, Closed, ConnId, How, Input, Output, Port, Time, Wake};

/// Sends back whole lines with a running number, and counts wrongly from the line `WRONG` on.
struct Lines<const WRONG: u64> {
    count: u64,
    now: Time,
    out: VecDeque<Output<u64>>,
}

impl<const WRONG: u64> Machine for Lines<WRONG> {
    type Command = u64;
    type Reply = u64;
    type Refusal = ();
    type Event = u64;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Received { conn, bytes } => {
                while let Some(end) = bytes.iter().position(|octet| *octet == b'\n') {
                    let mut frame = BytesMut::from(&self.count.to_le_bytes()[..]);
                    frame.extend_from_slice(&bytes.split_to(end + 1));
                    self.count += if self.count >= WRONG { 2 } else { 1 };
                    let frame = frame.freeze();
                    self.out.push_back(Output::Send { conn, frame, class: Class::Bulk, solo: false });
                }
            }
            Input::Datagram { port, from, bytes } => {
                let payload = Bytes::copy_from_slice(bytes);
                self.out.push_back(Output::Datagram { port, to: from, payload, class: Class::Urgent });
            }
            Input::Tick => self.out.push_back(Output::Event(self.count)),
            _ => {}
        }
    }

    fn command(&mut self, _: Time, command: u64) -> Result<u64, ()> {
        if command == 0 { Err(()) } else { Ok(self.count) }
    }

    fn poll(&mut self) -> Option<Output<u64>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        (!self.out.is_empty()).then_some(Wake { at: self.now, why: "output" })
    }
}

/// What the machine can be built from.
const MOST: u64 = 1_000;

impl<const WRONG: u64> Recordable for Lines<WRONG> {
    const KIND: &'static str = "lines";
    type Setup = u64;
    type Unfit = &'static str;

    fn build(count: u64) -> Result<Self, &'static str> {
        if count > MOST {
            return Err("too many");
        }
        Ok(Lines { count, now: Time::ZERO, out: VecDeque::from([Output::Event(count)]) })
    }
}

type Right = Lines<{ u64::MAX }>;

#[derive(Clone, Debug)]
enum Act {
    Bytes(u64, Vec<u8>),
    Datagram(Vec<u8>),
    Closed(u64),
    Tick,
    Command(u64),
    Poll(usize),
    Drain,
}

fn act() -> impl Strategy<Value = Act> {
    let bytes = || prop::collection::vec(prop::sample::select(&b"ab\n"[..]), 0..9);
    prop_oneof![
        4 => (0..3_u64, bytes()).prop_map(|(conn, bytes)| Act::Bytes(conn, bytes)),
        2 => bytes().prop_map(Act::Datagram),
        1 => (0..3_u64).prop_map(Act::Closed),
        1 => Just(Act::Tick),
        1 => (0..3_u64).prop_map(Act::Command),
        1 => (0..4_usize).prop_map(Act::Poll),
        3 => Just(Act::Drain),
    ]
}

/// Keeps all of a recording.
struct Shelf(Rc<RefCell<Vec<u8>>>, Outputs);

impl Sink for Shelf {
    fn piece(&mut self, piece: Piece) {
        piece.seal(&mut self.0.borrow_mut());
    }

    fn outputs(&self) -> Outputs {
        self.1
    }
}

fn recorded(acts: &[Act]) -> Vec<u8> {
    recorded_with(Outputs::Hashed, acts)
}

/// Runs the acts on a recorder, half a second after each other; the recording.
fn recorded_with(outputs: Outputs, acts: &[Act]) -> Vec<u8> {
    let tape = Rc::new(RefCell::new(Vec::new()));
    let mut machine = Recorder::<Right, _>::new(5, Shelf(Rc::clone(&tape), outputs)).unwrap();
    let from: SocketAddr = "[2001:db8::9]:77".parse().unwrap();
    let mut buffers = [(); 3].map(|()| BytesMut::new());
    for conn in 0..3 {
        let opened = Input::Opened { conn: ConnId(conn), how: How::Accepted(Port(0)), remote: from };
        machine.handle(Time::ZERO, opened);
    }
    for (n, act) in (0..).zip(acts) {
        let now = Time::from_millis(500 * n);
        match act {
            Act::Bytes(conn, new) => {
                let bytes = &mut buffers[usize::try_from(*conn).unwrap()];
                bytes.extend_from_slice(new);
                machine.handle(now, Input::Received { conn: ConnId(*conn), bytes });
            }
            Act::Datagram(bytes) => machine.handle(now, Input::Datagram { port: Port(1), from, bytes }),
            Act::Closed(conn) => {
                buffers[usize::try_from(*conn).unwrap()].clear();
                machine.handle(now, Input::Closed { conn: ConnId(*conn), why: Closed::Broken });
            }
            Act::Tick => machine.handle(now, Input::Tick),
            Act::Command(command) => drop(machine.command(now, *command)),
            Act::Poll(times) => (0..*times).for_each(|_| drop(machine.poll())),
            Act::Drain => while machine.poll().is_some() {},
        }
    }
    drop(machine);
    tape.take()
}

/// Replays on `Lines<WRONG>`: how many entries were good, and what ended it.
fn replayed<const WRONG: u64>(octets: &[u8]) -> (u64, Option<Stop>) {
    let recording = Recording::read(octets).unwrap();
    let mut replay = Replay::<Lines<WRONG>>::new(recording).unwrap();
    let mut good = 0;
    loop {
        match replay.step(|_| ()) {
            Ok(Some(_)) => good += 1,
            Ok(None) => return (good, None),
            Err(stop) => return (good, Some(stop)),
        }
    }
}

/// Where each entry ends.
fn ends(octets: &[u8]) -> Vec<usize> {
    let head = octets.len() - {
        let mut rest = &octets[b"egoist-recording 4\n".len()..];
        entry::unframe(&mut rest, u64::MAX).unwrap();
        rest.len()
    };
    let (mut rest, mut number, mut ends) = (&octets[head..], 0, vec![head]);
    while !rest.is_empty() {
        entry::unframe(&mut rest, number).unwrap();
        number += 1;
        ends.push(octets.len() - rest.len());
    }
    ends
}

/// The recording with something else said of the outputs before one entry.
fn with_polled(octets: &[u8], number: usize, polled: Polled) -> Vec<u8> {
    let ends = ends(octets);
    let mut rest = &octets[ends[number]..];
    let own = entry::unframe(&mut rest, number as u64).unwrap();
    let was = Entry::read(number as u64, own).unwrap();
    let start = |before| {
        let mut start = BytesMut::new();
        entry::write_start(&mut start, was.at, before).unwrap();
        start
    };
    let mut other = octets[..ends[number]].to_vec();
    let own = [&start(polled)[..], &own[start(was.before).len()..]].concat();
    entry::frame(&mut other, number as u64, &own);
    other.extend_from_slice(rest);
    other
}

proptest! {
    #[test]
    fn what_is_recorded_is_replayed(acts in prop::collection::vec(act(), 0..60)) {
        let octets = recorded(&acts);
        let given = acts.iter().filter(|act| !matches!(act, Act::Poll(_) | Act::Drain)).count() as u64;
        prop_assert_eq!(replayed::<{ u64::MAX }>(&octets), (given + 3 + 1, None));
    }

    #[test]
    fn without_hashes_numbers_and_lengths_are_compared(
        acts in prop::collection::vec(act(), 1..60),
        place: prop::sample::Index,
    ) {
        let octets = recorded_with(Outputs::Counted, &acts);
        let recording = Recording::read(&octets).unwrap();
        prop_assert_eq!(recording.head().outputs, Outputs::Counted);
        let good = acts.iter().filter(|act| !matches!(act, Act::Poll(_) | Act::Drain)).count() as u64 + 4;
        prop_assert_eq!(replayed::<{ u64::MAX }>(&octets), (good, None));
        prop_assert_eq!(replayed::<7>(&octets), (good, None), "other octets of the same length");

        let entries: Vec<_> = recording.entries().map(Result::unwrap).collect();
        prop_assert!(entries.iter().all(|entry| entry.before.hash.is_none()));
        let after = place.index(entries.len());
        for (more, longer) in [(1, 0), (0, 1)] {
            let mut before = entries[after].before;
            before.outputs += more;
            before.octets += longer;
            if before.outputs == 0 {
                continue;
            }
            let other = with_polled(&octets, after, before);
            let found = match replayed::<{ u64::MAX }>(&other) {
                (_, Some(Stop::Differs(found))) => Some(found.number),
                (_, stop) => {
                    prop_assert_eq!(stop, None);
                    None
                }
            };
            // Where it was not polled to the end, one output more is found later if at all.
            if longer == 1 || before.drained {
                prop_assert_eq!(found, Some((after as u64).checked_sub(1)));
            }
        }
    }

    #[test]
    fn a_difference_is_found_at_its_input(acts in prop::collection::vec(act(), 20..60)) {
        let octets = recorded(&acts);
        let mut replay = Replay::<Right>::new(Recording::read(&octets).unwrap()).unwrap();
        // The first input after which a number of 8 or above was said: line 7 makes the next ones wrong.
        let mut wrong = None;
        loop {
            let mut said = false;
            let step = replay.step(|output| said |= match output {
                Output::Send { frame, .. } => frame[0] > 7,
                Output::Event(count) => *count > 7,
                _ => false,
            });
            let Some(step) = step.unwrap() else { break };
            if said && wrong.is_none() {
                wrong = Some(step.number);
            }
        }
        match replayed::<7>(&octets).1 {
            Some(Stop::Differs(difference)) => {
                // The answer to a command tells it before an output does.
                let number = difference.number.unwrap();
                prop_assert!(Some(number) == wrong || difference.kind == "command");
            }
            other => prop_assert_eq!((other, wrong), (None, None)),
        }
    }

    #[test]
    fn an_altered_octet_is_reported_at_its_entry(
        acts in prop::collection::vec(act(), 1..30),
        place: prop::sample::Index,
        with in 1_u8..,
    ) {
        let mut octets = recorded(&acts);
        let ends = ends(&octets);
        let at = place.index(octets.len());
        octets[at] ^= with;
        match ends.iter().position(|end| at < *end).unwrap() {
            0 => prop_assert!(Recording::read(&octets).is_err()),
            after => {
                let number = after as u64 - 1;
                let stop = Some(Stop::Damaged(Damage::Altered { number }));
                prop_assert_eq!(replayed::<{ u64::MAX }>(&octets), (number, stop));
            }
        }
    }

    #[test]
    fn nothing_panics_a_reader_of_recordings(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut with_head = recorded(&[]);
        with_head.truncate(ends(&with_head)[0]);
        with_head.extend_from_slice(&octets);
        for octets in [octets, with_head] {
            if let Ok(recording) = Recording::read(&octets) {
                prop_assert!(recording.entries().count() <= octets.len());
            }
        }
    }
}

#[test]
fn a_recording_cut_anywhere_is_good_up_to_there() {
    let acts = [
        Act::Bytes(0, b"a\nb".to_vec()),
        Act::Drain,
        Act::Command(3),
        Act::Bytes(0, b"c\n".to_vec()),
        Act::Datagram(b"x".to_vec()),
        Act::Drain,
    ];
    let octets = recorded(&acts);
    let ends = ends(&octets);
    for cut in 0..octets.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count() as u64;
        match Recording::read(&octets[..cut]) {
            Err(_) => assert_eq!(whole, 0, "{cut}"),
            Ok(_) => {
                let number = whole - 1;
                let stop = Some(Stop::Damaged(Damage::Cut { number })).filter(|_| !ends.contains(&cut));
                assert_eq!(replayed::<{ u64::MAX }>(&octets[..cut]), (number, stop), "{cut}");
            }
        }
    }
}

#[test]
fn without_its_beginning_a_recording_is_read_and_not_replayed() {
    let octets = recorded(&[Act::Tick, Act::Drain, Act::Tick]);
    let ends = ends(&octets);
    let mut last = BytesMut::from(&octets[..ends[0]]);
    last.extend_from_slice(&later(2));
    last.extend_from_slice(&octets[ends[2]..]);
    let recording = Recording::read(&last).unwrap();
    assert_eq!((recording.first(), recording.entries().filter_map(Result::ok).count()), (2, 4));
    assert_eq!(Replay::<Right>::new(recording).err(), Some(Refused::Beginning { first: 2 }));
}

#[test]
fn another_machine_and_another_version_are_refused() {
    let octets = recorded(&[]);
    let mut other = octets.clone();
    for older in [b'1', b'2', b'3', b'4'] {
        other[17] = older;
        assert_eq!(Recording::read(&other).err(), Some(Damage::Version));
    }
    let line = Damage::Version.to_string();
    assert!(line.contains("only version 5 can be read") && line.lines().count() == 1);
    assert_eq!(Recording::read(b"EGO").err(), Some(Damage::NotOne));
    let head = recording::write_head("columns", Outputs::Hashed, &5_u64);
    let recording = Recording::read(&head).unwrap();
    assert_eq!(Replay::<Right>::new(recording).err(), Some(Refused::Kind));
}

#[test]
fn an_input_too_long_ends_the_recording() {
    let long = vec![b'x'; LONGEST];
    let octets = recorded(&[Act::Tick, Act::Datagram(long), Act::Tick]);
    assert_eq!(replayed::<{ u64::MAX }>(&octets), (4, None));
}

#[test]
fn what_no_machine_can_be_built_from_is_not_recorded() {
    let mut pieces = 0;
    let refused = Recorder::<Right, _>::new(MOST + 1, |_: Piece| pieces += 1).err();
    assert_eq!((refused, pieces), (Some("too many"), 0));
}
