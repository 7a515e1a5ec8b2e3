//! Lines.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

/// What ends a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terminator {
    /// `\r\n`, and nothing else.
    CrLf,
    /// `\n`; a `\r` before it belongs to the terminator.
    Lf,
}

/// A line went on past the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a line is longer than {limit} octets")]
pub struct LineTooLong {
    /// The limit, terminator excluded.
    pub limit: usize,
}

/// Takes lines off the front of a connection's buffer and remembers how far it has looked, so that bytes arriving one at
/// a time cost no more than bytes arriving together.
#[derive(Clone, Debug)]
pub struct LineScanner {
    terminator: Terminator,
    limit: usize,
    scanned: usize,
}

impl LineScanner {
    /// A scanner for lines of at most `limit` octets without their terminator.
    pub const fn new(terminator: Terminator, limit: usize) -> Self {
        LineScanner { terminator, limit, scanned: 0 }
    }

    /// The next whole line without its terminator, or `None` until more bytes arrive.
    ///
    /// # Errors
    /// The line has more octets than the limit, whether or not its end has arrived.
    pub fn next_line(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, LineTooLong> {
        let found = self.find(buffer)?;
        Ok(found.map(|line| line.take(buffer)))
    }

    /// Where the next whole line ends, or `None` until more bytes arrive. It stays in the buffer, and whoever does not
    /// [`take`](Line::take) it takes it off with what follows.
    ///
    /// # Errors
    /// The line has more octets than the limit, whether or not its end has arrived.
    pub fn find(&mut self, buffer: &BytesMut) -> Result<Option<Line>, LineTooLong> {
        while let Some(found) = memchr(b'\n', &buffer[self.scanned..]) {
            let lf = self.scanned + found;
            let bare = lf == 0 || buffer[lf - 1] != b'\r';
            if bare && self.terminator == Terminator::CrLf {
                self.scanned = lf + 1;
                continue;
            }
            let end = if bare { lf } else { lf - 1 };
            if end > self.limit {
                return Err(self.too_long());
            }
            self.scanned = 0;
            return Ok(Some(Line { end, next: lf + 1 }));
        }
        self.scanned = buffer.len();
        let ends_in_cr = buffer.last() == Some(&b'\r');
        if buffer.len() - usize::from(ends_in_cr) > self.limit {
            return Err(self.too_long());
        }
        Ok(None)
    }

    const fn too_long(&self) -> LineTooLong {
        LineTooLong { limit: self.limit }
    }
}

/// A whole line at the front of a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// Octets of the line without its terminator.
    pub end: usize,
    /// Where what follows begins.
    pub next: usize,
}

impl Line {
    /// Takes the line off the front of the buffer, its terminator with it.
    ///
    /// # Panics
    /// In another buffer than that in which it was found, if that is shorter.
    pub fn take(self, buffer: &mut BytesMut) -> Bytes {
        let mut line = buffer.split_to(self.next);
        line.truncate(self.end);
        line.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn lines(terminator: Terminator, limit: usize, chunks: &[&[u8]]) -> (Vec<Bytes>, bool) {
        let (mut scanner, mut buffer, mut out) =
            (LineScanner::new(terminator, limit), BytesMut::new(), Vec::new());
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            loop {
                match scanner.next_line(&mut buffer) {
                    Ok(Some(line)) => out.push(line),
                    Ok(None) => break,
                    Err(_) => return (out, true),
                }
            }
        }
        (out, false)
    }

    #[test]
    fn limits_are_exact() {
        for terminator in [Terminator::CrLf, Terminator::Lf] {
            assert_eq!(lines(terminator, 3, &[b"abc\r\n"]), (alloc::vec![Bytes::from("abc")], false));
            assert!(lines(terminator, 3, &[b"abcd\r\n"]).1);
            assert!(lines(terminator, 3, &[b"abcd"]).1, "not even the end has to arrive");
            assert!(!lines(terminator, 3, &[b"abc\r"]).1);
        }
        assert_eq!(lines(Terminator::CrLf, 9, &[b"a\nb\r\n"]).0, [Bytes::from("a\nb")]);
        assert_eq!(lines(Terminator::Lf, 9, &[b"a\nb\r\n"]).0, [Bytes::from("a"), Bytes::from("b")]);
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(
            bytes in prop::collection::vec(prop::sample::select(b"ab\r\n".to_vec()), 0..60),
            crlf in any::<bool>(), limit in 0usize..12, at in 0usize..60,
        ) {
            let terminator = if crlf { Terminator::CrLf } else { Terminator::Lf };
            let whole = lines(terminator, limit, &[&bytes]);
            let each: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&lines(terminator, limit, &each), &whole);
            let (a, b) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(&lines(terminator, limit, &[a, b]), &whole);
        }
    }
}
