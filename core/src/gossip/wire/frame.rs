//! Frames on a connection.

use bytes::{Buf, Bytes, BytesMut};

use super::Code;
use crate::kernel::LengthPrefix;

/// What a peer or a module said that closes the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.what())]
pub enum Malformed {
    /// A frame says that it is shorter than its own head.
    TooShort,
    /// No such kind of frame.
    Code,
    /// The body is shorter than its kind needs.
    Body,
    /// The body does not hold whole addresses or hashes.
    List,
    /// The other end speaks a version of the native frames that is unknown here.
    Version,
}

impl Malformed {
    /// What was wrong.
    pub const fn what(self) -> &'static str {
        match self {
            Malformed::TooShort => "a frame is shorter than its head",
            Malformed::Code => "a frame's code is not one of 500 to 519",
            Malformed::Body => "a frame's body is too short for its kind",
            Malformed::List => "a frame's list ends within an entry",
            Malformed::Version => "a native frame of an unknown version",
        }
    }
}

/// A frame that has arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// What it is.
    pub code: Code,
    /// What follows the code.
    pub body: Bytes,
    /// As it arrived.
    pub whole: Bytes,
}

/// Takes the next whole frame off a buffer; `None` until more arrives. A frame has at most 65,535 octets, so that what one
/// claims is bounded by what a length can say.
///
/// # Errors
/// The front of the buffer is no frame; it is left as it is.
pub fn next_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    if buffer.first_chunk::<2>().is_some_and(|len| u16::from_be_bytes(*len) < 4) {
        return Err(Malformed::TooShort);
    }
    let code = match buffer.get(2..4) {
        Some(octets) => Code::of(u16::from_be_bytes([octets[0], octets[1]])).ok_or(Malformed::Code)?,
        None => return Ok(None),
    };
    let frame =
        LengthPrefix::u16_inclusive(usize::MAX).next_frame(buffer).map_err(|_| Malformed::TooShort)?;
    Ok(frame.map(|frame| {
        let mut body = frame.body();
        body.advance(2);
        Frame { code, body, whole: frame.whole }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn frames(chunks: &[&[u8]]) -> (Vec<Frame>, Option<Malformed>) {
        let (mut buffer, mut all) = (BytesMut::new(), Vec::new());
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            loop {
                match next_frame(&mut buffer) {
                    Ok(Some(frame)) => all.push(frame),
                    Ok(None) => break,
                    Err(malformed) => return (all, Some(malformed)),
                }
            }
        }
        (all, None)
    }

    #[test]
    fn a_bad_head_is_refused_before_its_body_arrives() {
        assert_eq!(frames(&[b"\0\x03"]).1, Some(Malformed::TooShort));
        for code in [499u16, 520] {
            let head = [&[0xff, 0xff][..], &code.to_be_bytes()].concat();
            assert_eq!(frames(&[&head]).1, Some(Malformed::Code));
        }
        assert_eq!(frames(&[b"\xff\xff\x01\xf4"]), (Vec::new(), None));
    }

    proptest! {
        /// Splitting changes nothing.
        #[test]
        fn frames_do_not_depend_on_how_they_arrive(
            bytes in prop::collection::vec(prop::sample::select(b"\0\0\x04\x05\x06\x01\xf3\xf4\xf6\xfe".to_vec()), 0..60), at in 0usize..60,
        ) {
            let whole = frames(&[&bytes]);
            let each: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&frames(&each), &whole);
            let (a, b) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(&frames(&[a, b]), &whole);
        }
    }
}
