//! What is said is read back, what is read is within bounds, and what is wrong is said to be wrong.

use alloc::vec;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::value::Reader;
use super::*;

/// A frame around an array, whatever that is.
fn framed(array: &[u8]) -> Vec<u8> {
    in_length(&[&Sha256::digest(array)[..], array].concat())
}

fn in_length(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn opened(frame: &[u8], accepts: Accepts) -> Result<Frame, FrameError> {
    next_body(&mut BytesMut::from(frame))?.expect("it is whole").open(accepts)
}

/// The frame of an array of these values.
fn read(values: &[Value]) -> Result<Frame, FrameError> {
    opened(&framed(&Value::Array(values.to_vec()).to_octets()), Accepts::Plain)
}

fn stamp() -> Stamp {
    Stamp { sender: Text::str("a").unwrap(), time: 7 }
}

/// The values of a frame with these fields.
fn with(fields: &[Value]) -> Vec<Value> {
    [&[2u64.into(), "a".into(), 7u64.into()], fields].concat()
}

/// Arrays in each other, so many.
fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::Array(vec![]), |inner, _| Value::Array(vec![inner]))
}

mod frames {
    use super::*;

    #[test]
    fn a_length_out_of_bounds_is_refused_before_its_body_arrives() {
        for (length, why) in [
            (0, FrameError::TooShort(0)),
            (32, FrameError::TooShort(32)),
            (MAX_BODY + 1, FrameError::TooLong(MAX_BODY + 1)),
            (u32::MAX as usize, FrameError::TooLong(u32::MAX as usize)),
        ] {
            let octets = u32::try_from(length).unwrap().to_be_bytes();
            assert_eq!(next_body(&mut BytesMut::from(&octets[..3])), Ok(None));
            assert_eq!(next_body(&mut BytesMut::from(&octets[..])), Err(why));
            assert_eq!(why.reaction(), Reaction::Close);
        }
    }

    #[test]
    fn a_length_that_is_claimed_takes_no_room() {
        let mut buffer = BytesMut::from(&u32::try_from(MAX_BODY).unwrap().to_be_bytes()[..]);
        let room = buffer.capacity();
        assert_eq!(next_body(&mut buffer), Ok(None));
        assert_eq!(buffer.capacity(), room);
    }

    #[test]
    fn the_longest_message_fits_and_one_octet_more_does_not() {
        let mut data = vec![7; MAX_BODY - 100];
        let said = |data: &Vec<u8>| {
            Message::Whisper(vec![Value::Bin(data.clone().into())]).frame(Way::Link, stamp())
        };
        let spare = MAX_BODY + 4 - said(&data).unwrap().whole().len();
        data.resize(data.len() + spare, 7);
        let longest = said(&data).unwrap();
        assert_eq!(longest.whole().len(), MAX_BODY + 4);
        assert_eq!(opened(longest.whole(), Accepts::Plain), Ok(longest));
        data.push(7);
        assert_eq!(said(&data), Err(Unfit::TooLong));
    }

    #[test]
    fn what_is_no_array_of_four_is_ignored() {
        let well = with(&[0u64.into()]);
        assert!(read(&well).is_ok());
        let mut bad = vec![well[..3].to_vec(), vec![]];
        let others = [Value::Nil, Value::Array(vec![]), Value::from(-1i64), Value::Float(0.0.into())];
        // A type that is negative is one that means nothing, as any other.
        let places = [(0, &others[..2]), (1, &others[..]), (2, &others[..])];
        for (place, others) in places {
            bad.extend(others.iter().map(|other| {
                let mut values = well.clone();
                values[place] = other.clone();
                values
            }));
        }
        for values in bad {
            assert_eq!(read(&values), Err(FrameError::Shape), "{values:?}");
        }
        let map = opened(&framed(&Value::Map(Map::default()).to_octets()), Accepts::Plain);
        assert_eq!(map, Err(FrameError::Shape));
        assert_eq!(FrameError::Shape.reaction(), Reaction::Ignore);
    }

    #[test]
    fn a_sender_with_too_long_a_name_is_ignored() {
        let named = |len: usize| [2u64.into(), Value::Bin(vec![7; len].into()), 7u64.into(), 0u64.into()];
        assert!(read(&named(MAX_TEXT)).is_ok());
        let why = read(&named(MAX_TEXT + 1)).unwrap_err();
        assert_eq!(
            (why, why.reaction()),
            (FrameError::Sender(NotText::TooLong(MAX_TEXT + 1)), Reaction::Ignore)
        );
    }

    #[test]
    fn a_type_that_means_nothing_changes_nothing_else() {
        let mut values = with(&[0u64.into(), 5u64.into()]);
        values[0] = 77u64.into();
        let frame = read(&values).unwrap();
        assert_eq!(frame.kind(), Kind::Other(77u64.into()));
        assert_eq!(Message::read(&frame), Ok(Message::Broadcast(vec![5u64.into()])));
    }

    #[test]
    fn what_a_neighbour_cannot_read_closes_and_what_is_beyond_our_bounds_does_not() {
        let within = |value: &[u8]| framed(&[&[0x94, 2, 0xa1, b'a', 7], value].concat());
        let keys = |first: &[u8], second: &[u8]| [&[0x82], first, &[0], second, &[0]].concat();
        let twice = BadKey::Twice;
        let bad: [(&[u8], ValueError); 9] = [
            (&[0xd9], ValueError::Truncated),
            (&[0xc4, 2, 1], ValueError::Truncated),
            (&[0xdd, 0xff, 0xff, 0xff, 0xff], ValueError::Truncated),
            (&[0xdf, 0xff, 0xff, 0xff, 0xff], ValueError::Truncated),
            (&[0xc1], ValueError::Reserved),
            (&[0xa1, 0xff], ValueError::NotUtf8),
            (&[0xd4, 0xff, 0], ValueError::Date),
            (&keys(&[1], &[0xcc, 1]), twice.into()),
            (
                &[&[0xc7, 12, 0xff, 0, 0, 0, 0][..], &253_402_300_795i64.to_be_bytes()].concat(),
                ValueError::Date,
            ),
        ];
        for (octets, why) in bad {
            assert_eq!(opened(&within(octets), Accepts::Plain), Err(why.into()), "{octets:x?}");
            assert_eq!(why.reaction(), Reaction::Close, "{why}");
        }
        let long = vec![0xc0; MAX_VALUES];
        let many = [&[0xdd][..], &u32::try_from(MAX_VALUES).unwrap().to_be_bytes(), &long].concat();
        let beyond: [(&[u8], ValueError); 4] = [
            (&[0, 0], ValueError::Trailing),
            (&[0x81, 0x90, 0], BadKey::Kind.into()),
            (&nested(MAX_DEPTH).to_octets(), ValueError::TooDeep),
            (&many, ValueError::TooMany),
        ];
        for (octets, why) in beyond {
            assert_eq!(opened(&within(octets), Accepts::Plain), Err(why.into()));
            assert_eq!(why.reaction(), Reaction::Ignore, "{why}");
        }
    }

    #[test]
    fn the_deepest_and_the_most_values_fit_both_ways() {
        let said = |value: Value| Message::Whisper(vec![value]).frame(Way::Link, stamp());
        let fits = [nested(MAX_DEPTH - 1), Value::Array(vec![Value::Nil; MAX_VALUES - 5])];
        for value in fits {
            let frame = said(value).unwrap();
            assert_eq!(opened(frame.whole(), Accepts::Plain), Ok(frame));
        }
        assert_eq!(said(nested(MAX_DEPTH)), Err(Unfit::TooDeep));
        assert_eq!(said(Value::Array(vec![Value::Nil; MAX_VALUES - 4])), Err(Unfit::TooMany));
    }

    proptest! {
        /// Whatever can be built is read back, to the octet.
        #[test]
        fn what_is_said_is_read_back(
            all in prop::collection::vec((strategies::messages(), strategies::ways(), strategies::stamps()), 1..4),
        ) {
            let frames: Vec<Frame> =
                all.iter().map(|(said, way, stamp)| said.frame(*way, stamp.clone()).unwrap()).collect();
            let octets: Vec<u8> = frames.iter().flat_map(|frame| frame.whole().to_vec()).collect();
            let mut buffer = BytesMut::from(&octets[..]);
            for ((said, ..), frame) in all.iter().zip(&frames) {
                let body = next_body(&mut buffer).unwrap().expect("it is whole");
                prop_assert_eq!(body.claimed(), frame.id());
                let read = body.open(Accepts::Plain).unwrap();
                prop_assert_eq!(&read, frame);
                prop_assert_eq!(read.stamp().sender.kind(), frame.stamp().sender.kind());
                prop_assert_eq!(Message::read(&read), Ok(said.clone()));
            }
            prop_assert!(buffer.is_empty());
        }

        /// Splitting changes nothing.
        #[test]
        fn frames_do_not_depend_on_how_they_arrive(
            said in strategies::messages(), stamp in strategies::stamps(), at in any::<prop::sample::Index>(),
        ) {
            let octets = said.frame(Way::Flood, stamp).unwrap().whole().clone();
            let (front, back) = octets.split_at(at.index(octets.len()));
            let mut buffer = BytesMut::from(front);
            prop_assert_eq!(next_body(&mut buffer), Ok(None));
            buffer.extend_from_slice(back);
            prop_assert!(next_body(&mut buffer).unwrap().is_some());
        }

        /// No bit of a body can be another.
        #[test]
        fn a_digest_is_over_all_of_it(
            said in strategies::messages(), stamp in strategies::stamps(), at in any::<prop::sample::Index>(), bit in 0u8..8,
        ) {
            let mut octets = said.frame(Way::Link, stamp).unwrap().whole().to_vec();
            let at = 4 + at.index(octets.len() - 4);
            octets[at] ^= 1 << bit;
            prop_assert_eq!(opened(&octets, Accepts::Plain), Err(FrameError::Digest));
        }

        /// Any array, well said: what is read of it is bounded, and can be said.
        #[test]
        fn any_array_is_read_or_refused(array in prop::collection::vec(any::<u8>(), 1..60), head in 0u8..3) {
            let array = [&[0x95 + head, 0, 0xa1, b'a', 7], &array[..]].concat();
            if let Ok(frame) = opened(&framed(&array), Accepts::Plain)
                && let Ok(said) = Message::read(&frame)
            {
                let way = if frame.kind() == Kind::Broadcast { Way::Flood } else { Way::Link };
                let again = said.frame(way, frame.stamp().clone()).unwrap();
                prop_assert_eq!(Message::read(&again), Ok(said));
            }
        }
    }
}

mod values {
    use super::*;

    proptest! {
        /// Values in the fewest octets are written as they were read.
        #[test]
        fn what_is_minimal_is_written_as_it_was_read(value in strategies::values()) {
            let octets = value.to_octets();
            let read = Value::read(octets.clone().into());
            prop_assert_eq!(read.as_ref(), Ok(&value));
            prop_assert_eq!(read.unwrap().to_octets(), octets);
        }

        #[cfg(feature = "serde")]
        #[test]
        fn what_goes_into_a_machine_is_read_back(
            value in strategies::values(), peer in strategies::peers(), stamp in strategies::stamps(), id: [u8; 48],
        ) {
            let ids = (NodeId(id), MessageId(core::array::from_fn(|n| id[n])));
            let json = serde_json::to_string(&(&value, &peer, &stamp, ids)).unwrap();
            let read: (Value, Peer, Stamp, (NodeId, MessageId)) = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read.2.sender.kind(), stamp.sender.kind());
            prop_assert_eq!(read, (value, peer, stamp, ids));
        }

        /// What rmp alone takes for a value is as long as what is read here.
        #[test]
        fn numbers_are_those_of_their_library(number in strategies::ints()) {
            let octets = Value::Int(number).to_octets();
            let mut rest = &octets[..];
            match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => prop_assert_eq!(rmp::decode::read_int(&mut rest).ok(), Some(number)),
                (_, number) => prop_assert_eq!(rmp::decode::read_int(&mut rest).ok(), number),
            }
            prop_assert!(rest.is_empty());
        }

        /// Any octets are a value or refused, and what was read can be said in as many octets or fewer.
        #[test]
        fn any_octets_are_a_value_or_refused(octets in prop::collection::vec(any::<u8>(), 0..40)) {
            let octets = Bytes::from(octets);
            let mut reader = Reader::new(octets.clone());
            if let Ok(value) = reader.value(1) {
                let written = value.to_octets();
                prop_assert!(written.len() <= octets.len());
                prop_assert_eq!(Value::read(written.into()), Ok(value));
            }
        }
    }

    #[test]
    fn long_forms_are_read_and_written_short() {
        let long: [&[u8]; 12] = [
            &[0xcc, 1],
            &[0xcd, 0, 1],
            &[0xce, 0, 0, 0, 1],
            &[0xcf, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0xd0, 1],
            &[0xd1, 0, 1],
            &[0xd2, 0, 0, 0, 1],
            &[0xd3, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0xd9, 1, b'a'],
            &[0xdb, 0, 0, 0, 1, b'a'],
            &[0xc5, 0, 1, 7],
            &[0xdc, 0, 1, 7],
        ];
        for octets in long {
            let short: &[u8] = match octets[0] {
                0xd9 | 0xdb => &[0xa1, b'a'],
                0xc5 => &[0xc4, 1, 7],
                0xdc => &[0x91, 7],
                _ => &[1],
            };
            let value = Value::read(Bytes::copy_from_slice(octets)).unwrap();
            assert_eq!(value.to_octets(), short, "{octets:x?}");
        }
    }

    #[test]
    fn negative_numbers_keep_their_sign() {
        let forms: [(&[u8], i64); 5] = [
            (&[0xe0], -32),
            (&[0xd0, 0x80], -128),
            (&[0xd1, 0x80, 0], -0x8000),
            (&[0xd2, 0x80, 0, 0, 0], -0x8000_0000),
            (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], i64::MIN),
        ];
        for (octets, number) in forms {
            assert_eq!(Value::read(Bytes::copy_from_slice(octets)), Ok(number.into()));
            assert_eq!(Value::from(number).to_octets(), octets);
        }
    }
}

mod messages {
    use super::*;

    fn read_fields(fields: &[Value]) -> Result<Message, MessageError> {
        Message::read(&read(&with(fields)).unwrap())
    }

    #[test]
    fn each_field_may_be_of_either_kind_and_is_kept_as_it_came() {
        for kind in [TextKind::Bin, TextKind::Str] {
            let text = |text: &str| Value::from(&Text::short(kind, text));
            assert_eq!(read_fields(&[8u64.into(), text("*")]), Ok(Message::PeersRequest(kind)));
            let gone = read_fields(&[6u64.into(), text("key"), text("del")]);
            let Ok(Message::Notify { key, notice: Notice::Deleted }) = gone else { panic!("{gone:?}") };
            assert_eq!((key.kind(), &key.octets()[..]), (kind, &b"key"[..]));
            assert_eq!(read_fields(&[5u64.into(), text("0")]), Ok(Message::Meta(Role::Storing)));
            assert_eq!(read_fields(&[5u64.into(), text("1")]), Ok(Message::Meta(Role::Leech)));
        }
        assert_eq!(read_fields(&[5u64.into(), 0u64.into()]), Ok(Message::Meta(Role::Storing)));
        assert_eq!(read_fields(&[5u64.into(), 1u64.into()]), Ok(Message::Meta(Role::Leech)));
    }

    #[test]
    fn what_py2p_ignores_is_unknown() {
        let list = || Value::Array(vec![]);
        let ignored = [
            vec![127u64.into()],
            vec![300u64.into(), 1u64.into()],
            vec!["handshake".into()],
            vec![Value::Nil],
            vec![(-1i64).into()],
            vec![1u64.into(), list()],
            vec![9u64.into()],
            vec![3u64.into()],
            vec![14u64.into(), list()],
            // A handshake of six.
            vec![5u64.into(), "a".into(), "b".into(), list(), list(), list()],
        ];
        for fields in ignored {
            let read = read_fields(&fields);
            assert!(matches!(read, Ok(Message::Unknown(_))), "{fields:?}: {read:?}");
        }
    }

    #[test]
    fn only_one_kind_is_about_compression() {
        let about = |kind: u64, fields: &[Value]| {
            let mut values = with(fields);
            values[0] = kind.into();
            Message::read(&read(&values).unwrap())
        };
        let methods = || [1u64.into(), Value::Array(vec![17u64.into()])];
        assert_eq!(about(1, &methods()), Ok(Message::Compression(vec![Method::GZIP])));
        assert_eq!(about(1, &[9u64.into()]), Ok(Message::Resend));
        assert_eq!(about(1, &[0u64.into()]), Ok(Message::Broadcast(vec![])));
        assert_eq!(about(1, &[1u64.into(), Value::Nil]), Err(MessageError::Field { flag: 1 }));
        assert!(matches!(about(2, &methods()), Ok(Message::Unknown(_))));
        assert!(matches!(about(2, &[9u64.into()]), Ok(Message::Unknown(_))));
    }

    #[test]
    fn a_field_of_the_wrong_kind_is_an_error_that_names_the_flag() {
        let (pair, list) =
            (Value::Array(vec!["::1".into(), 65_536u64.into()]), Value::Array(vec![Value::Nil]));
        let wrong = [
            vec![5u64.into(), "2".into()],
            vec![5u64.into(), "id".into(), "protocol".into(), pair.clone(), Value::Array(vec![])],
            vec![5u64.into(), "id".into(), "protocol".into(), Value::Nil, Value::Array(vec![])],
            vec![6u64.into(), Value::Nil],
            vec![6u64.into(), "key".into(), "gone".into()],
            vec![7u64.into(), Value::Nil],
            vec![7u64.into(), list],
            vec![8u64.into(), "?".into()],
            vec![8u64.into(), Value::Nil, "id".into()],
            vec![10u64.into(), "request".into(), pair],
            vec![11u64.into(), Value::Nil, "key".into(), "value".into()],
            vec![11u64.into(), "key".into(), "value".into(), "owner".into(), Value::Nil],
            vec![12u64.into(), "table".into(), 7u64.into()],
            vec![13u64.into(), Value::Nil, "key".into(), Value::Nil],
            vec![17u64.into(), "table".into(), "key".into(), Value::Nil],
            vec![17u64.into(), "key".into(), Value::Nil],
        ];
        for fields in wrong {
            let flag = fields[0].as_u64().unwrap();
            assert_eq!(read_fields(&fields), Err(MessageError::Field { flag }), "{fields:?}");
        }
        let long = Value::Bin(vec![7; MAX_TEXT + 1].into());
        let why = MessageError::Text(NotText::TooLong(MAX_TEXT + 1));
        assert_eq!(read_fields(&[12u64.into(), "table".into(), long]), Err(why));
    }

    #[test]
    fn what_is_known_is_not_said_as_unknown() {
        assert_eq!(UnknownMessage::new(vec![]), None);
        assert_eq!(UnknownMessage::new(vec![0u64.into()]), None);
        assert_eq!(UnknownMessage::new(vec![0x45u64.into()]), None);
        assert_eq!(UnknownMessage::new(vec![7u64.into(), Value::Nil]), None);
        assert!(UnknownMessage::new(vec![0x46u64.into()]).is_some());
    }
}

mod compression {
    use super::*;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};

    /// With gzip's head, every part of which is there that is said to be.
    fn gzipped(flags: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        let parts: [(u8, &[u8]); 4] = [(4, &[2, 0, 9, 9]), (8, b"name\0"), (16, b"\0"), (2, &[9, 9])];
        for (_, part) in parts.iter().filter(|(flag, _)| flags & flag != 0) {
            out.extend_from_slice(part);
        }
        [out, compress_to_vec(body, 6), vec![0; 8]].concat()
    }

    fn inflated(compressed: &[u8]) -> Result<Frame, FrameError> {
        opened(&in_length(compressed), Accepts::Compressed)
    }

    fn body_of(values: &[Value]) -> Vec<u8> {
        framed(&Value::Array(values.to_vec()).to_octets())[4..].to_vec()
    }

    proptest! {
        #[test]
        fn zlib_and_gzip_say_what_plain_says(
            said in strategies::messages(), stamp in strategies::stamps(), level in 0u8..10, flags in 0u8..32,
        ) {
            let frame = said.frame(Way::Flood, stamp).unwrap();
            let body = &frame.whole()[4..];
            for compressed in [compress_to_vec_zlib(body, level), gzipped(flags & !1, body)] {
                prop_assert_eq!(inflated(&compressed), Ok(frame.clone()));
                let early = opened(&in_length(&compressed), Accepts::Plain);
                prop_assert_eq!(early, Err(FrameError::Digest));
            }
        }

        #[test]
        fn any_octets_are_inflated_or_refused(octets in prop::collection::vec(any::<u8>(), 31..80), zlib: bool) {
            let head: &[u8] = if zlib { &[0x78, 0x9c] } else { &[0x1f, 0x8b, 8, 30] };
            let refused = inflated(&[head, &octets].concat()).unwrap_err();
            prop_assert!(matches!(refused, FrameError::Digest | FrameError::Bomb), "{refused}");
        }
    }

    #[test]
    fn what_becomes_too_long_is_refused() {
        let whisper = |len: usize| body_of(&with(&[2u64.into(), Value::Bin(vec![7; len].into())]));
        for compress in [|body: &[u8]| compress_to_vec_zlib(body, 9), |body: &[u8]| gzipped(0, body)] {
            // A thousand to one.
            assert_eq!(inflated(&compress(&whisper(MAX_BODY / 2))), Err(FrameError::Bomb));
            assert!(inflated(&compress(&whisper(2_000))).is_ok());
        }
        // Within the ratio, and too long for a body.
        let mut noise = 1u32;
        let mut octet = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u8::try_from(noise >> 28).unwrap()
        };
        let long: Vec<u8> = (0..MAX_BODY).map(|_| octet()).collect();
        assert_eq!(
            inflated(&compress_to_vec_zlib(&body_of(&with(&[Value::Bin(long.into())])), 6)),
            Err(FrameError::Bomb)
        );
        assert_eq!(FrameError::Bomb.reaction(), Reaction::Close);
    }

    #[test]
    fn what_becomes_too_short_or_ends_early_is_no_frame() {
        assert_eq!(inflated(&compress_to_vec_zlib(&[7; 40], 0)), Err(FrameError::Digest));
        assert_eq!(
            inflated(&[&compress_to_vec_zlib(&[], 0)[..], &[0; 40]].concat()),
            Err(FrameError::Digest)
        );
        let body = compress_to_vec_zlib(&body_of(&with(&[0u64.into()])), 0);
        assert_eq!(inflated(&body[..body.len() - 8]), Err(FrameError::Digest));
    }

    /// A digest may begin like anything.
    #[test]
    fn a_plain_frame_is_plain_whatever_it_begins_as() {
        let like_zlib = (0u64..).map(|n| body_of(&with(&[0u64.into(), n.into()])));
        let body = like_zlib.into_iter().find(|body| body[..2] == [0x78, 0x9c]).unwrap();
        assert!(inflated(&body).is_ok());
    }
}
