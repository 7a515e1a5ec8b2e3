//! Frames that are compressed: read, and never written.

use alloc::vec::Vec;
use core::fmt::{self, Debug, Display, Formatter};

use miniz_oxide::inflate::{
    DecompressError, TINFLStatus, decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit,
};

use super::frame::{FrameError, MAX_BODY};

/// How many octets one may become. What py2p says shrinks to a third or a tenth; what repeats an octet a thousand times is a
/// way to have others work.
pub const MAX_RATIO: usize = 100;

/// A way to compress, by the number that py2p gives it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Method(pub u64);

impl Method {
    /// Burrows and Wheeler's.
    pub const BZ2: Method = Method(16);
    /// DEFLATE with the head of gzip.
    pub const GZIP: Method = Method(17);
    /// LZMA2 in the container of xz.
    pub const LZMA: Method = Method(18);
    /// DEFLATE with the head of zlib.
    pub const ZLIB: Method = Method(19);
    /// Snappy, without frames.
    pub const SNAPPY: Method = Method(32);

    /// The one that octets begin as. Snappy's cannot be told by it.
    fn of(body: &[u8]) -> Option<Method> {
        match body {
            [0x1f, 0x8b, 8, ..] => Some(Method::GZIP),
            [b'B', b'Z', b'h', ..] => Some(Method::BZ2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Method::LZMA),
            [method, flags, ..]
                if method & 0xf == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31) =>
            {
                Some(Method::ZLIB)
            }
            _ => None,
        }
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Method::BZ2 => f.pad("bz2"),
            Method::GZIP => f.pad("gzip"),
            Method::LZMA => f.pad("lzma"),
            Method::ZLIB => f.pad("zlib"),
            Method::SNAPPY => f.pad("snappy"),
            Method(number) => write!(f, "method {number}"),
        }
    }
}

impl Debug for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// What a body becomes, by whichever method it begins as. The check sums of zlib and gzip are left alone: the digest within
/// says more.
pub(super) fn inflate(body: &[u8]) -> Result<Vec<u8>, FrameError> {
    let limit = body.len().saturating_mul(MAX_RATIO).min(MAX_BODY);
    let inflated = match Method::of(body).ok_or(FrameError::Digest)? {
        Method::ZLIB => decompress_to_vec_zlib_with_limit(body, limit),
        Method::GZIP => decompress_to_vec_with_limit(after_head(body).ok_or(FrameError::Digest)?, limit),
        other => return Err(FrameError::Unsupported(other)),
    };
    inflated.map_err(|DecompressError { status, .. }| match status {
        TINFLStatus::HasMoreOutput => FrameError::Bomb,
        _ => FrameError::Digest,
    })
}

/// What follows the head of gzip (RFC 1952).
fn after_head(body: &[u8]) -> Option<&[u8]> {
    const CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let (head, mut rest) = body.split_at_checked(10)?;
    let flags = head[3];
    if flags & EXTRA != 0 {
        let (len, more) = rest.split_first_chunk()?;
        rest = more.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            rest = &rest[rest.iter().position(|octet| *octet == 0)? + 1..];
        }
    }
    if flags & CRC != 0 { rest.get(2..) } else { Some(rest) }
}
