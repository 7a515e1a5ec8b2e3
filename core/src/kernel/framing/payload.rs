//! Payloads that a line announced.

use bytes::BytesMut;

use super::Line;

/// A payload whose length a line announced: complete once that many octets and the terminator have arrived behind the
/// line. It allocates nothing for what was merely announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload {
    begin: usize,
    len: usize,
}

impl Payload {
    /// A payload of `len` octets behind `line`, which is still in the buffer; `None` if that is more than `limit`.
    pub fn announced(line: Line, len: u64, limit: usize) -> Option<Self> {
        let len = usize::try_from(len).ok().filter(|len| *len <= limit)?;
        Some(Payload { begin: line.next, len })
    }

    /// The line, the payload and the CRLF that must follow it, taken off the buffer; `Ok(None)` until all have arrived.
    ///
    /// # Errors
    /// What follows the payload is not CRLF.
    pub fn take(self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, NoTerminator> {
        let end = self.begin + self.len;
        let Some(tail) = buffer.get(end..end + 2) else { return Ok(None) };
        if tail != b"\r\n" {
            return Err(NoTerminator);
        }
        Ok(Some(buffer.split_to(end + 2)))
    }

    /// Where in what [`take`](Payload::take) answers the payload's octets are.
    pub const fn octets(self) -> core::ops::Range<usize> {
        self.begin..self.begin + self.len
    }
}

/// An announced payload is not followed by CRLF.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a payload is not followed by CRLF")]
pub struct NoTerminator;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_wait_for_what_they_announced() {
        let line = Line { end: 2, next: 4 };
        assert_eq!(Payload::announced(line, u64::MAX, 10), None);
        assert_eq!(Payload::announced(line, 11, 10), None);
        let payload = Payload::announced(line, 3, 10).unwrap();
        let mut buffer = BytesMut::from(&b"l3\r\nabc\r"[..]);
        assert_eq!(payload.take(&mut buffer), Ok(None));
        buffer.extend_from_slice(b"\nx");
        let taken = payload.take(&mut buffer).unwrap().unwrap();
        assert_eq!((&taken[..], &taken[payload.octets()]), (&b"l3\r\nabc\r\n"[..], &b"abc"[..]));
        assert_eq!(&buffer[..], b"x");
        assert_eq!(payload.take(&mut BytesMut::from(&b"l3\r\nabcde"[..])), Err(NoTerminator));
    }
}
