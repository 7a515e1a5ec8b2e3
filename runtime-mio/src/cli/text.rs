//! Text files of a bounded length.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most `longest` octets, whatever kind of file it is.
///
/// # Errors
/// It cannot be read, is no text, or [too large](io::ErrorKind::FileTooLarge).
pub(crate) fn read(path: &Path, longest: u64) -> io::Result<String> {
    let mut octets = Vec::new();
    let read = File::open(path)?.take(longest + 1).read_to_end(&mut octets)?;
    if read as u64 > longest {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(octets).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_not_read_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), "12345");
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        if Path::new("/dev/zero").exists() {
            assert_eq!(
                read(Path::new("/dev/zero"), 1 << 16).unwrap_err().kind(),
                io::ErrorKind::FileTooLarge
            );
        }
    }
}
