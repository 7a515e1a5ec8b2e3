//! Two ends of a channel, and whatever their riders do in whatever order the two say it.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::overlay::wire::{read, read_channel};

/// An end, what it has said that the other has not heard, and what its rider knows.
struct End {
    channel: Channel,
    way: VecDeque<Bytes>,
    said: usize,
    /// Of the rider: whether the channel is open, what came and is not taken, what it gave that was not sent.
    open: bool,
    untaken: usize,
    unsent: usize,
    /// The next octet that is to come and to be said: each has one more than that before it.
    comes: u8,
    says: u8,
}

impl End {
    fn new() -> Self {
        let channel = Channel::new(ChannelName::new("x").unwrap());
        let way = VecDeque::new();
        End { channel, way, said: 0, open: true, untaken: 0, unsent: 0, comes: 0, says: 0 }
    }

    fn opened(&mut self) {
        assert!(!self.open, "it is opened once");
        (self.open, self.untaken, self.unsent, self.comes, self.says) = (true, 0, 0, 0, 0);
    }

    fn say(&mut self) {
        let had_news = self.channel.has_news();
        let frame = self.channel.say(&mut Arena::default());
        assert_eq!(frame.is_some(), had_news);
        let Some((frame, said)) = frame else { return };
        assert!(frame.len() <= LARGEST);
        match said {
            Said::Octets(octets) if self.open => self.unsent -= octets,
            Said::Open => self.opened(),
            Said::Octets(_) | Said::Other => {}
        }
        self.way.push_back(frame);
        self.said += 1;
    }

    /// Hears a frame of the other end, which breaks no rule.
    fn hear(&mut self, frame: &Bytes) {
        let line = frame.windows(2).position(|end| end == b"\r\n").unwrap();
        if let Ok(head) = read_channel(&frame[..line]) {
            let octets = head.octets as usize;
            if self.channel.heard_octets(octets).unwrap() == HeardOn::Going {
                assert!(self.open);
                for octet in &frame[line + 2..frame.len() - 2] {
                    assert_eq!(*octet, self.comes);
                    self.comes = self.comes.wrapping_add(1);
                }
                self.untaken += octets;
                assert!(self.untaken <= WINDOW);
            }
            return;
        }
        let heard = match read(&frame.slice(..line)).unwrap() {
            Packet::Crd(credit) => self.channel.heard_credit(credit.octets as usize),
            Packet::End(_) => self.channel.heard_end(),
            other => panic!("{other:?}"),
        };
        match heard.unwrap() {
            HeardOn::Open => self.opened(),
            HeardOn::Ended => self.open = false,
            HeardOn::Going | HeardOn::Late => {}
        }
    }

    fn give(&mut self, len: usize) {
        let octets: Vec<u8> = (0..len).map(|n| self.says.wrapping_add(n.to_le_bytes()[0])).collect();
        let waits = self.unsent;
        match self.channel.give(&octets) {
            Ok(()) => {
                assert!(self.open);
                self.says = self.says.wrapping_add(len.to_le_bytes()[0]);
                self.unsent += len;
            }
            Err(Misuse::NotOpen) => assert!(!self.open),
            Err(why) => assert!(why == Misuse::Full && waits > 0 && waits + len > WINDOW),
        }
    }

    fn act(&mut self, what: u8, len: usize) {
        match what {
            0..3 => self.give(len),
            3 if self.open => {
                let octets = len.min(self.untaken);
                self.channel.take(octets).unwrap();
                self.untaken -= octets;
                assert_eq!(self.channel.take(self.untaken + 1), Err(Misuse::TooMuch));
            }
            4 | 5 => {
                let end = if what == 4 { Channel::finish } else { Channel::abort };
                assert_eq!(end(&mut self.channel).is_ok(), self.open);
                self.open = false;
            }
            6 => self.channel.reopen(),
            _ => self.say(),
        }
    }
}

/// Both say and hear all that there is, and take what comes.
fn settle(ends: &mut [End; 2]) {
    loop {
        let said: usize = ends.iter().map(|end| end.said).sum();
        for at in 0..2 {
            ends[at].say();
            while let Some(frame) = ends[at].way.pop_front() {
                ends[1 - at].hear(&frame);
            }
            let untaken = ends[1 - at].untaken;
            if ends[1 - at].open {
                ends[1 - at].act(3, untaken);
            }
        }
        if said == ends.iter().map(|end| end.said).sum::<usize>() {
            return;
        }
    }
}

proptest! {
    #[test]
    fn neither_end_breaks_a_rule_and_both_can_open_it_again(
        acts in prop::collection::vec((0usize..2, 0u8..12, 1usize..=WINDOW), 0..120),
    ) {
        let mut ends = [End::new(), End::new()];
        for (at, what, len) in acts {
            match what {
                9.. => if let Some(frame) = ends[1 - at].way.pop_front() { ends[at].hear(&frame) },
                _ => ends[at].act(what, len),
            }
        }
        settle(&mut ends);
        prop_assert_eq!(ends[0].open, ends[1].open);
        prop_assert!(ends.iter().all(|end| !end.open || end.unsent == 0));
        if !ends[0].open {
            ends.iter_mut().for_each(|end| end.channel.reopen());
            settle(&mut ends);
        }
        prop_assert!(ends.iter().all(|end| end.open && end.channel.is_open()));
        ends[0].give(WINDOW);
        settle(&mut ends);
        prop_assert_eq!(ends[0].unsent, 0);
    }
}

#[test]
fn who_says_too_much_or_out_of_turn_breaks_a_rule() {
    let open = || Channel::new(ChannelName::new("x").unwrap());
    let mut channel = open();
    assert_eq!(channel.heard_octets(WINDOW), Ok(HeardOn::Going));
    assert_eq!(channel.heard_octets(1), Err(PAST_WINDOW));
    assert_eq!(open().heard_credit(1), Err(PAST_SAID));

    let mut channel = open();
    assert_eq!(channel.heard_end(), Ok(HeardOn::Ended));
    assert_eq!(channel.heard_end(), Err(NOT_OPEN));
    assert_eq!(channel.heard_octets(1), Err(NOT_OPEN));
    assert_eq!(channel.heard_credit(1), Err(NOT_OPEN));
    let (end, _) = channel.say(&mut Arena::default()).unwrap();
    assert_eq!(end, "END@x\r\n");
    assert_eq!(channel.heard_credit(WINDOW - 1), Err(PAST_SAID), "an offer is a whole window");
    assert_eq!(channel.heard_credit(WINDOW), Ok(HeardOn::Going));
    assert_eq!(channel.heard_credit(WINDOW), Err(PAST_SAID));
    assert_eq!(channel.heard_octets(1), Err(NOT_OPEN));
    channel.reopen();
    let (offer, said) = channel.say(&mut Arena::default()).unwrap();
    assert_eq!((&offer[..], said), (&b"CRD@x@65536\r\n"[..], Said::Open));
    assert_eq!(channel.heard_octets(1), Ok(HeardOn::Going));
}

#[test]
fn a_whole_window_comes_untaken_whatever_was_taken_before() {
    for before in [1, TELLING - 1, TELLING, TELLING + 1] {
        let mut ends = [End::new(), End::new()];
        ends[0].give(before);
        settle(&mut ends);
        ends[0].give(WINDOW);
        for _ in 0..40 {
            ends[0].say();
            while let Some(frame) = ends[0].way.pop_front() {
                ends[1].hear(&frame);
            }
            ends[1].say();
            while let Some(frame) = ends[1].way.pop_front() {
                ends[0].hear(&frame);
            }
        }
        assert_eq!(ends[1].untaken, WINDOW, "{before}");
    }
}

#[test]
fn what_is_taken_is_told_when_it_is_worth_a_line() {
    let mut channel = Channel::new(ChannelName::new("x").unwrap());
    channel.heard_octets(TELLING).unwrap();
    channel.take(TELLING - 1).unwrap();
    assert!(!channel.has_news());
    channel.take(1).unwrap();
    let (frame, _) = channel.say(&mut Arena::default()).unwrap();
    assert_eq!(frame, "CRD@x@16384\r\n");
    assert_eq!(channel.give(&vec![0; WINDOW + 1]), Err(Misuse::TooLong));
}
