//! SEG: packets cut into pieces, and put together again.

use core::time::Duration;

use super::*;
use crate::kernel::Time;

proptest! {
    #[test]
    fn pieces_in_any_order_are_the_whole(
        nodes in 150usize..600, shuffle in prop::collection::vec(any::<prop::sample::Index>(), 40),
        again in any::<prop::sample::Index>(),
    ) {
        let names = (0..nodes).map(|n| format!("127.0.0.1:1~{}", id(n)).parse().unwrap());
        let packet = Packet::Net(Nodes::first(names));
        let mut message = u32::MAX;
        let mut frames = frames(&packet, &mut message).to_vec();
        prop_assert_eq!(message, if frames.len() > 1 { 0 } else { u32::MAX });
        prop_assume!(frames.len() > 1);
        for (at, with) in shuffle.iter().enumerate() {
            let (at, with) = (at % frames.len(), with.index(frames.len()));
            frames.swap(at, with);
        }
        let last = frames.pop().unwrap();
        frames.push(frames[again.index(frames.len())].clone());
        let mut reassembly = Reassembly::new();
        let mut push = |frame: &Bytes| {
            let Ok(Packet::Seg(segment)) = read(&frame.slice(..frame.len() - 2)) else { panic!("no SEG") };
            reassembly.push(Time::ZERO, segment)
        };
        for frame in &frames {
            prop_assert_eq!(push(frame), Ok(None));
        }
        let whole = push(&last).unwrap().unwrap();
        prop_assert_eq!(read_reassembled(&whole), Ok(packet));
        prop_assert_eq!(reassembly.next_expiry(), None);
    }

    #[test]
    fn reassembly_agrees_with_its_model(
        steps in prop::collection::vec((0u32..12, 0u16..4, 2u16..4, 0u8..2, 0u64..9), 0..120),
    ) {
        let mut script = String::new();
        for (message, index, count, octet, pass) in steps {
            let line = match pass {
                0 => format!("+{}\n", 5 * index),
                _ => format!("SEG@{message}@{index}@{count}@{octet}\n"),
            };
            script.push_str(&line);
        }
        checks::segments(script.as_bytes());
    }
}

#[test]
fn a_packet_is_cut_just_above_the_limit() {
    let frames_of = |len: usize| {
        cut(Bytes::from(format!("XYZ@{}\r\n", "x".repeat(len - 4))), &mut 0)
            .iter()
            .map(Bytes::len)
            .collect::<Vec<_>>()
    };
    assert_eq!(frames_of(PKT_LIMIT), [PKT_LIMIT + 2]);
    assert_eq!(frames_of(PKT_LIMIT + 1).len(), 2);
    let most = frames_of(MESSAGE_LIMIT);
    assert!(most.iter().all(|len| *len <= PKT_LIMIT + 2) && most.len() > 100);
    assert_eq!(frames_of(MESSAGE_LIMIT + 1), [0; 0]);
}

fn piece(message: u32, index: u16, count: u16, len: usize) -> Segment {
    let line = format!("SEG@{message}@{index}@{count}@{}", "x".repeat(len));
    let Ok(Packet::Seg(segment)) = read(&Bytes::from(line)) else { panic!("no SEG") };
    segment
}

#[test]
fn reassembly_is_bounded_in_packets_octets_and_age() {
    let at = Time::from_secs(5);
    let mut reassembly = Reassembly::new();
    for message in 0..u32::try_from(UNFINISHED_LIMIT).unwrap() {
        assert_eq!(reassembly.push(at, piece(message, 0, 2, 1)), Ok(None));
    }
    assert_eq!(reassembly.push(at, piece(99, 0, 2, 1)), Err(SegError::Packets));
    assert_eq!(reassembly.next_expiry(), Some(at + SEG_TIMEOUT));
    assert_eq!(reassembly.expire(at + SEG_TIMEOUT - Duration::from_micros(1)), 0);
    assert_eq!(reassembly.expire(at + SEG_TIMEOUT), UNFINISHED_LIMIT);
    assert_eq!(reassembly.next_expiry(), None);

    let half = REASSEMBLY_LIMIT / 2 - PIECE_CHARGE;
    assert_eq!(reassembly.push(at, piece(1, 0, 3, half)), Ok(None));
    assert_eq!(reassembly.push(at, piece(1, 1, 3, half + 1)), Err(SegError::Octets));
    assert_eq!(reassembly.push(at, piece(1, 1, 3, half)), Ok(None));
    assert_eq!(reassembly.push(at, piece(2, 0, 2, 1)), Err(SegError::Octets));
    assert_eq!(reassembly.push(at, piece(1, 1, 4, half)), Err(SegError::Count));
    assert_eq!(reassembly.push(at, piece(1, 0, 1, half)), Err(SegError::Count));
    assert_eq!(reassembly.push(at, piece(1, 1, 3, half - 1)), Err(SegError::Conflict));
    assert_eq!(reassembly.push(at + SEG_TIMEOUT, piece(2, 0, 2, 1)), Ok(None));

    let mut largest = Reassembly::new();
    let packet = Packet::Unknown(unknown(&format!("XYZ@{}", "x".repeat(MESSAGE_LIMIT - 4))));
    let frames = frames(&packet, &mut u32::MAX.saturating_sub(1));
    for _ in 0..2 {
        let whole =
            frames.iter().map(|frame| read(&frame.slice(..frame.len() - 2))).map(|piece| match piece {
                Ok(Packet::Seg(segment)) => largest.push(at, segment),
                _ => panic!("no SEG"),
            });
        let whole = whole.last().unwrap().unwrap().map(|whole| read_reassembled(&whole));
        assert_eq!(whole, Some(Ok(packet.clone())), "a complete packet gives its room back");
    }
}

#[test]
fn what_stands_alone_is_refused_within_pieces() {
    for (inner, good) in
        [("SEG@1@0@1@x".to_string(), false), (format!("DAT@d1@{ID}@{ID}@1@1"), false), ("NET@".into(), true)]
    {
        assert_eq!(read_reassembled(&Bytes::from(inner)).is_ok(), good);
    }
}
