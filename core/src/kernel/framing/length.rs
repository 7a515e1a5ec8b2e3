//! Frames that begin with their length.

use bytes::{BufMut, Bytes, BytesMut};

/// How a frame says its length, in front of its body, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Two octets, and they count.
    U16Inclusive,
    /// Four octets that count what follows them.
    U32Exclusive,
}

/// Frames with their length in front of them: takes them off a connection's buffer, and writes them. Nothing is allocated
/// for a length that is merely claimed.
///
/// ```
/// use bytes::BytesMut;
/// use egoist_core::kernel::LengthPrefix;
///
/// let prefix = LengthPrefix::u16_inclusive(1_000);
/// let mut buffer = BytesMut::from(&b"\x00\x05abc\x00"[..]);
/// let frame = prefix.next_frame(&mut buffer).unwrap().unwrap();
/// assert_eq!((&frame.body()[..], &frame.whole[..]), (&b"abc"[..], &b"\x00\x05abc"[..]));
/// assert_eq!(prefix.next_frame(&mut buffer), Ok(None)); // until more bytes arrive
/// assert_eq!(prefix.frame(b"abc").unwrap(), frame.whole);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LengthPrefix {
    kind: Kind,
    limit: usize,
}

/// A frame whose length is out of bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadLength {
    /// Its body is longer than the limit.
    #[error("a frame's body has {len} octets, and {limit} are allowed")]
    TooLong {
        /// The body's octets.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// It says that it is shorter than its own prefix.
    #[error("a frame says that it has {len} octets, which is less than its prefix")]
    TooShort {
        /// What it says.
        len: usize,
    },
}

/// A frame that has arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LengthFrame {
    /// As it arrived, prefix included: what is passed on unchanged.
    pub whole: Bytes,
    prefix: usize,
}

impl LengthFrame {
    /// What follows the prefix, which shares the memory.
    pub fn body(&self) -> Bytes {
        self.whole.slice(self.prefix..)
    }
}

impl LengthPrefix {
    /// Two octets, big-endian, that count themselves and the body, which has at most `limit` octets and never more than
    /// 65,533.
    pub fn u16_inclusive(limit: usize) -> Self {
        LengthPrefix { kind: Kind::U16Inclusive, limit: limit.min(usize::from(u16::MAX) - 2) }
    }

    /// Four octets, big-endian, that count the body, which has at most `limit` octets.
    pub fn u32_exclusive(limit: usize) -> Self {
        LengthPrefix { kind: Kind::U32Exclusive, limit: limit.min(u32::MAX as usize) }
    }

    /// The next whole frame, or `None` until more bytes arrive.
    ///
    /// # Errors
    /// What the front of the buffer claims is out of bounds, whether or not it has arrived. The buffer is left as it is.
    pub fn next_frame(&self, buffer: &mut BytesMut) -> Result<Option<LengthFrame>, BadLength> {
        let Some(len) = self.claimed(buffer)? else { return Ok(None) };
        let (prefix, whole) = (self.octets(), self.octets() + len);
        if buffer.len() < whole {
            return Ok(None);
        }
        Ok(Some(LengthFrame { whole: buffer.split_to(whole).freeze(), prefix }))
    }

    /// A frame with this body.
    ///
    /// # Errors
    /// The body is longer than the limit.
    pub fn frame(&self, body: &[u8]) -> Result<Bytes, BadLength> {
        let mut out = BytesMut::with_capacity(self.octets() + body.len().min(self.limit));
        self.write(&mut out, body)?;
        Ok(out.freeze())
    }

    /// Appends a frame with this body.
    ///
    /// # Errors
    /// The body is longer than the limit; nothing is appended.
    pub fn write(&self, out: &mut BytesMut, body: &[u8]) -> Result<(), BadLength> {
        let len = self.within(body.len())?;
        match self.kind {
            Kind::U16Inclusive => out.put_uint((len + 2) as u64, 2),
            Kind::U32Exclusive => out.put_uint(len as u64, 4),
        }
        out.extend_from_slice(body);
        Ok(())
    }

    /// How long the body is that the front of a buffer claims, once its prefix is there.
    fn claimed(&self, buffer: &[u8]) -> Result<Option<usize>, BadLength> {
        let len = match self.kind {
            Kind::U16Inclusive => buffer.first_chunk().map(|octets| usize::from(u16::from_be_bytes(*octets))),
            Kind::U32Exclusive => buffer
                .first_chunk()
                .map(|octets| usize::try_from(u32::from_be_bytes(*octets)).unwrap_or(usize::MAX)),
        };
        let Some(len) = len else { return Ok(None) };
        let body = match self.kind {
            Kind::U16Inclusive => len.checked_sub(2).ok_or(BadLength::TooShort { len })?,
            Kind::U32Exclusive => len,
        };
        self.within(body).map(Some)
    }

    fn within(&self, len: usize) -> Result<usize, BadLength> {
        let limit = self.limit;
        if len <= limit { Ok(len) } else { Err(BadLength::TooLong { len, limit }) }
    }

    /// The prefix's own octets.
    const fn octets(&self) -> usize {
        match self.kind {
            Kind::U16Inclusive => 2,
            Kind::U32Exclusive => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    type Frames = (Vec<Bytes>, Option<BadLength>);

    fn frames(prefix: LengthPrefix, chunks: &[&[u8]]) -> Frames {
        let (mut buffer, mut out) = (BytesMut::new(), Vec::new());
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            loop {
                match prefix.next_frame(&mut buffer) {
                    Ok(Some(frame)) => out.push(frame.body()),
                    Ok(None) => break,
                    Err(why) => return (out, Some(why)),
                }
            }
        }
        (out, None)
    }

    fn both(limit: usize) -> [LengthPrefix; 2] {
        [LengthPrefix::u16_inclusive(limit), LengthPrefix::u32_exclusive(limit)]
    }

    #[test]
    fn limits_are_exact() {
        for prefix in both(3) {
            assert_eq!(
                frames(prefix, &[&prefix.frame(b"abc").unwrap()]),
                ([Bytes::from("abc")].into(), None)
            );
            assert_eq!(prefix.frame(b"abcd"), Err(BadLength::TooLong { len: 4, limit: 3 }));
        }
        let [short, long] = both(usize::MAX);
        assert_eq!(short.frame(&[0; 65_533]).unwrap()[..2], [0xff, 0xff]);
        assert!(short.frame(&[0; 65_534]).is_err());
        assert_eq!(long.frame(&[0; 65_534]).unwrap()[..4], [0, 0, 0xff, 0xfe]);
        assert_eq!(frames(short, &[b"\0\x01"]).1, Some(BadLength::TooShort { len: 1 }));
        assert_eq!(
            frames(short, &[b"\0\x02\0\0"]),
            ([Bytes::new()].into(), Some(BadLength::TooShort { len: 0 }))
        );
    }

    #[test]
    fn a_claim_costs_nothing_and_is_refused_before_it_arrives() {
        for prefix in both(1 << 30) {
            let mut buffer = BytesMut::from(&[0x3f; 4][..]);
            let before = buffer.capacity();
            assert_eq!(prefix.next_frame(&mut buffer), Ok(None));
            assert_eq!((buffer.len(), buffer.capacity()), (4, before));
        }
        let mut buffer = BytesMut::from(&[0xff; 4][..]);
        let limit = 100;
        let refused = LengthPrefix::u32_exclusive(limit).next_frame(&mut buffer);
        assert_eq!(refused, Err(BadLength::TooLong { len: 0xffff_ffff, limit }));
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(
            bytes in prop::collection::vec(prop::sample::select(b"\0\0\0\x01\x02\x05a".to_vec()), 0..60),
            limit in 0usize..12, at in 0usize..60,
        ) {
            for prefix in both(limit) {
                let whole = frames(prefix, &[&bytes]);
                let each: Vec<&[u8]> = bytes.chunks(1).collect();
                prop_assert_eq!(&frames(prefix, &each), &whole);
                let (a, b) = bytes.split_at(at.min(bytes.len()));
                prop_assert_eq!(&frames(prefix, &[a, b]), &whole);
            }
        }

        #[test]
        fn what_is_written_is_read(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
            for prefix in both(40) {
                let mut written = BytesMut::new();
                for body in &bodies {
                    prefix.write(&mut written, body).unwrap();
                }
                let expected = bodies.iter().map(|body| Bytes::copy_from_slice(body)).collect();
                prop_assert_eq!(frames(prefix, &[&written]), (expected, None));
            }
        }
    }
}
