//! Regular files, and nothing else: a link is not followed, and nobody waits for the other end of a FIFO or writes to a
//! device. What is made is private.

use std::fs::{self, DirBuilder, File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Only their owner can read files.
const PRIVATE: u32 = 0o600;
/// ... and enter folders.
const PRIVATE_FOLDER: u32 = 0o700;

/// Opens a file as `options` say; one that is made is private.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput): there is something else, as the error says.
/// [`IsADirectory`](ErrorKind::IsADirectory): a folder. What else the operating system says.
pub fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    // Looked at before it is opened, for opening may have effects, and again in case it was changed in between.
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => check(&found?)?,
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = options.clone().mode(PRIVATE).custom_flags(flags.cast_signed()).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// The content of a file.
///
/// # Errors
/// As [`open`]; [`FileTooLarge`](ErrorKind::FileTooLarge): it has more than `most` octets.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    open(path, OpenOptions::new().read(true))?.take(most.saturating_add(1)).read_to_end(&mut octets)?;
    if octets.len() as u64 > most {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(octets)
}

/// Makes a file, which must not be there.
///
/// # Errors
/// [`AlreadyExists`](ErrorKind::AlreadyExists); what else the operating system says.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)
}

/// Makes a folder, and those above it, unless they are there. What is made outlives a power cut.
///
/// # Errors
/// The operating system says so; [`AlreadyExists`](ErrorKind::AlreadyExists), [`NotADirectory`](ErrorKind::NotADirectory):
/// there is something else.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let create = || DirBuilder::new().mode(PRIVATE_FOLDER).create(folder);
    let created = match (create(), folder.parent()) {
        (Err(error), Some(above)) if error.kind() == ErrorKind::NotFound => {
            create_folder(above)?;
            create()
        }
        (created, _) => created,
    };
    match created {
        // Unless somebody else has just made it.
        Err(error) if !folder.is_dir() => Err(error),
        _ => sync_name(folder),
    }
}

/// Makes what the folder of `path` says about it outlive a power cut: that it was made, or moved there.
///
/// # Errors
/// The operating system says so.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Puts a new file in the place of what is there, so that a crash leaves the one or the other: `write` writes it beside,
/// with the ending `new`, and it is moved once it is durable. Its [name](sync_name) is not durable yet.
///
/// # Errors
/// The operating system says so. The old file is there then.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let next = path.with_extension("new");
    // What a crash has left. A link is removed and not followed; a folder stays, and nothing can be made in its place.
    let _ = fs::remove_file(&next);
    let mut file = create(&next)?;
    let moved = write(&mut file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&next, path));
    moved.inspect_err(|_| _ = fs::remove_file(&next))
}

fn check(found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    match name_of(kind) {
        None => Ok(()),
        Some(kind) => Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {kind} and no file"))),
    }
}

/// What is no regular file and no folder.
fn name_of(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_symlink() {
        Some("a symbolic link")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    #[test]
    fn what_is_no_file_is_neither_read_nor_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "kept").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let mut writing = OpenOptions::new();
        writing.write(true).create(true).truncate(true);
        for name in ["link", "dangling", "socket", "fifo"] {
            let said = read(&at(name), 9).unwrap_err();
            assert_eq!(said.kind(), ErrorKind::InvalidInput, "{name}: {said}");
            assert!(open(&at(name), &writing).is_err(), "{name}");
        }
        assert_eq!(read(Path::new("/dev/null"), 9).unwrap_err().to_string(), "it is a device and no file");
        assert_eq!(read(folder.path(), 9).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!((read(&at("file"), 4).unwrap(), at("nowhere").exists()), (b"kept".to_vec(), false));
        assert_eq!(read(&at("file"), 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn folders_are_made_and_private_and_what_is_there_stays() {
        let base = tempfile::tempdir().unwrap();
        let deep = base.path().join("deep/er/still");
        (0..2).for_each(|_| create_folder(&deep).unwrap());
        for folder in deep.ancestors().take(3) {
            assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        create_folder(Path::new("")).unwrap();
        let file = base.path().join("file");
        fs::write(&file, "kept").unwrap();
        assert_eq!(create_folder(&file).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(create_folder(&file.join("below")).unwrap_err().kind(), ErrorKind::NotADirectory);
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }

    #[test]
    fn what_is_replaced_is_private_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("mine"), "kept").unwrap();
        symlink(at("mine"), at("state.new")).unwrap();
        symlink(at("mine"), at("state")).unwrap();
        replace(&at("state"), |file| file.write_all(b"new")).unwrap();
        assert_eq!(
            (fs::read(at("mine")).unwrap(), fs::read(at("state")).unwrap()),
            (b"kept".to_vec(), b"new".to_vec())
        );
        let meta = fs::symlink_metadata(at("state")).unwrap();
        assert_eq!((meta.is_file(), meta.permissions().mode() & 0o777), (true, 0o600));
        let failed = replace(&at("state"), |_| Err(ErrorKind::StorageFull.into()));
        assert_eq!(
            (failed.is_err(), at("state.new").exists(), fs::read(at("state")).unwrap()),
            (true, false, b"new".to_vec())
        );
    }
}
