//! The control socket's place in the file system: only a socket that nobody serves makes room for another.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};

/// A socket's file, removed when this is dropped unless another is there by then.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Its device and number.
    file: (u64, u64),
}

impl Place {
    /// Binds a socket for this user alone beside `path`, and moves it there.
    ///
    /// # Errors
    /// As [`vacate`], and what the operating system says.
    pub(super) fn take(path: &Path) -> io::Result<(UnixListener, Self)> {
        vacate(path)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push("~");
        let beside = PathBuf::from(beside);
        // There while another process takes the same place, or where one ended in the midst of it.
        vacate(&beside)?;
        let listener = UnixListener::bind(&beside)?;
        fs::set_permissions(&beside, Permissions::from_mode(0o600))?;
        let file = file_at(&beside)?;
        fs::rename(&beside, path)?;
        Ok((listener, Place { path: path.to_owned(), file }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if file_at(&self.path).is_ok_and(|file| file == self.file) {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Whether somebody serves the socket at `path`. Nobody waits for an answer.
///
/// # Errors
/// It cannot be asked, for example because it belongs to another user.
pub fn is_served(path: &Path) -> io::Result<bool> {
    match UnixStream::connect(path).map_err(|error| (error.kind(), error)) {
        Ok(_) => Ok(true),
        // More wait to be served than the system keeps.
        Err((ErrorKind::WouldBlock, _)) => Ok(true),
        Err((ErrorKind::ConnectionRefused | ErrorKind::NotFound, _)) => Ok(false),
        Err((_, error)) => Err(error),
    }
}

/// Removes a socket that nobody serves.
///
/// # Errors
/// [`AddrInUse`](ErrorKind::AddrInUse): somebody does; [`AlreadyExists`](ErrorKind::AlreadyExists): it is no socket.
fn vacate(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        let what = format!("there is something else at {}", path.display());
        return Err(io::Error::new(ErrorKind::AlreadyExists, what));
    }
    if is_served(path)? {
        return Err(io::Error::new(ErrorKind::AddrInUse, "another process serves this control socket"));
    }
    fs::remove_file(path)
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}
