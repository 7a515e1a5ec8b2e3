//! Where a node keeps its state: a folder with a lock, the control socket beside it, and how commands find live nodes.

use std::env;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use egoist_mio::control::is_served;
use egoist_mio::{StateError, check_state, regular};

use super::failure::{Failure, Outcome};

/// A socket's path takes at most 108 octets on Linux and 104 elsewhere.
const LONGEST_SOCKET_PATH: usize = 100;
/// The lock holds a process id and a path.
const LONGEST_LOCK: u64 = 8192;

/// Where a node keeps its state.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "State")]
pub(crate) struct StateArgs {
    /// The folder for id, incarnation, lock and control socket [default: $XDG_STATE_HOME/egoist/<listen address>]
    #[arg(long, value_name = "DIR", conflicts_with = "no_state")]
    pub(crate) state: Option<PathBuf>,

    /// Keep no state: a new node at every start, and no control socket unless --control is given
    #[arg(long)]
    pub(crate) no_state: bool,

    /// The control socket, at most 100 octets of path [default: control.sock in the state's folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,
}

/// What a running node holds: its folder, locked, and the path of its control socket.
#[derive(Debug)]
pub(crate) struct Home {
    /// The folder; none with `--no-state`.
    pub(crate) folder: Option<PathBuf>,
    /// Where commands reach the node; none with `--no-state` and without `--control`.
    pub(crate) control: Option<PathBuf>,
    lock: Option<File>,
}

/// A node that answers on its control socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Live {
    /// Its folder's name: the listen address with `:` as `_`.
    pub(crate) name: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Its control socket.
    pub(crate) control: PathBuf,
}

impl StateArgs {
    /// Takes possession of the folder of a node that listens at `listen` (its true port, never 0).
    ///
    /// # Errors
    /// The folder is another process's, or cannot be made or written; what is in it cannot be read; the socket's path is
    /// too long.
    pub(crate) fn take(&self, listen: SocketAddr) -> Outcome<Home> {
        let folder = match &self.state {
            _ if self.no_state => None,
            Some(folder) => Some(folder.clone()),
            None => Some(base()?.join(folder_name(listen))),
        };
        let control = self.control.clone().or_else(|| folder.as_deref().map(|f| f.join("control.sock")));
        control.as_deref().map_or(Ok(()), fits_socket)?;
        let lock = folder.as_deref().map(|f| lock(f, control.as_deref())).transpose()?;
        if let Some(folder) = &folder {
            check_state(folder).map_err(|error| unusable(&error))?;
        }
        Ok(Home { folder, control, lock })
    }
}

impl Drop for Home {
    /// The lock says who holds it only while somebody does.
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            let _ = lock.set_len(0);
        }
    }
}

/// The folder that holds the nodes' folders.
pub(crate) fn base() -> Outcome<PathBuf> {
    base_of(env::var_os("XDG_STATE_HOME").map(PathBuf::from), env::var_os("HOME").map(PathBuf::from))
}

fn base_of(state: Option<PathBuf>, home: Option<PathBuf>) -> Outcome<PathBuf> {
    let absolute = |p: &PathBuf| p.is_absolute();
    let state = state.filter(absolute).or_else(|| home.filter(absolute).map(|h| h.join(".local/state")));
    state.map(|s| s.join("egoist")).ok_or_else(|| {
        Failure::new("there is no folder for state")
            .at("neither XDG_STATE_HOME nor HOME is set")
            .try_this("set one of them, or give --state DIR")
    })
}

/// What the folder of a node that listens there is called.
pub(crate) fn folder_name(listen: SocketAddr) -> String {
    listen.to_string().replace(':', "_")
}

fn fits_socket(path: &Path) -> Outcome {
    let octets = path.as_os_str().as_bytes().len();
    if octets <= LONGEST_SOCKET_PATH {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the control socket's path has {octets} octets, at most {LONGEST_SOCKET_PATH} are possible"
    ))
    .at(path.display())
    .try_this("give a shorter one with --control PATH, and the same to the commands"))
}

/// Makes the folder, locks it until the file is dropped, and writes down who holds it.
fn lock(folder: &Path, control: Option<&Path>) -> Outcome<File> {
    let failed =
        |e| Failure::io("cannot use the state's folder", folder.display(), &e).try_this(remedy(&e, folder));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = regular::open(&path, &options).map_err(|error| unusable_file(&path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(taken(folder, &path)),
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    let mut text = format!("{}\n", std::process::id());
    if let Some(control) = control {
        let full = std::path::absolute(control).map_err(failed)?;
        let _ = writeln!(text, "{}", full.display());
    }
    file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(file)
}

/// Why a node's state cannot be used, and what to do.
pub(crate) fn unusable(error: &StateError) -> Failure {
    match error {
        StateError::Io { path, error } => unusable_file(path, error),
        StateError::Broken { path, what } => Failure::new(format!("the node's state is damaged ({what})"))
            .at(path.display())
            .try_this("put a copy of it in its place, or delete it: the node then starts as a new one"),
        StateError::Version { path, version } => {
            Failure::new(format!("the node's state is of version {version}, which this program cannot read"))
                .at(path.display())
                .try_this("run the program that wrote it, or give another --state DIR")
        }
    }
}

fn unusable_file(path: &Path, error: &io::Error) -> Failure {
    Failure::io("cannot use the node's state", path.display(), error).try_this(remedy(error, path))
}

/// What to do about an error of the operating system at `path`.
fn remedy(error: &io::Error, path: &Path) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: make room, or give a --state DIR elsewhere"
        }
        io::ErrorKind::ReadOnlyFilesystem => "give a --state DIR that can be written, or --no-state",
        io::ErrorKind::PermissionDenied => "run as its owner, or give another --state DIR",
        io::ErrorKind::FileTooLarge => "no file may be so large here (ulimit -f): allow more, or give --no-state",
        io::ErrorKind::InvalidInput => "a file belongs there: remove what is there, or give another --state DIR",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            if path.is_dir() {
                "a file belongs there: remove that folder"
            } else {
                "that is no folder: give another --state DIR"
            }
        }
        _ => "give another --state DIR, or --no-state",
    }
}

fn taken(folder: &Path, lock: &Path) -> Failure {
    let holder = read_lock(lock).ok().flatten();
    let holder = holder.map_or_else(|| "another process".to_owned(), |(pid, _)| format!("process {pid}"));
    Failure::new(format!("this node runs already, as {holder}"))
        .at(folder.display())
        .try_this("stop it with 'egoist leave', or give another --listen or --state")
}

/// Who holds a lock, and its control socket; none if nobody does.
fn read_lock(path: &Path) -> io::Result<Option<(u32, Option<PathBuf>)>> {
    let mut text = String::new();
    match regular::open(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(None),
        Ok(file) => _ = file.take(LONGEST_LOCK).read_to_string(&mut text)?,
    }
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse().ok());
    Ok(pid.map(|pid| (pid, lines.next().map(PathBuf::from))))
}

/// The node whose folder this is, if it answers. It is asked and its lock left alone: trying the lock would get in the
/// way of a node that is starting.
///
/// # Errors
/// It is another user's, or cannot be asked for another reason.
pub(crate) fn live_in(folder: &Path) -> io::Result<Option<Live>> {
    let Some((pid, Some(control))) = read_lock(&folder.join("lock"))? else { return Ok(None) };
    let served = is_served(&control)?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(name.filter(|_| served).map(|name| Live { name, pid, control }))
}

/// All nodes under `base` that answer, in the order of their names.
pub(crate) fn live(base: &Path) -> Vec<Live> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let mut live: Vec<_> = entries.filter_map(|entry| live_in(&entry.path()).ok().flatten()).collect();
    live.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn listen() -> SocketAddr {
        "127.0.0.1:4001".parse().unwrap()
    }

    fn args(folder: &Path) -> StateArgs {
        StateArgs { state: Some(folder.to_owned()), ..StateArgs::default() }
    }

    #[test]
    fn folders_are_named_by_address() {
        assert_eq!(folder_name(listen()), "127.0.0.1_4001");
        assert_eq!(folder_name("[::1]:4001".parse().unwrap()), "[__1]_4001");
    }

    #[test]
    fn the_base_follows_the_environment() {
        let path = |s: &str| Some(PathBuf::from(s));
        assert_eq!(base_of(path("/x"), path("/home/u")).unwrap(), Path::new("/x/egoist"));
        assert_eq!(base_of(path("x"), path("/home/u")).unwrap(), Path::new("/home/u/.local/state/egoist"));
        assert!(base_of(None, None).unwrap_err().to_string().ends_with("or give --state DIR"));
    }

    #[test]
    fn a_second_process_is_told_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("n");
        let home = args(&folder).take(listen()).unwrap();
        assert_eq!(home.control.as_deref(), Some(&*folder.join("control.sock")));
        let error = args(&folder).take(listen()).unwrap_err().to_string();
        assert!(error.contains(&format!("as process {}", std::process::id())), "{error}");
        drop(home);
        assert!(args(&folder).take(listen()).is_ok());
    }

    #[test]
    fn a_long_socket_path_is_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("d".repeat(100));
        let error = args(&folder).take(listen()).unwrap_err().to_string();
        assert!(error.contains("--control PATH") && !folder.exists(), "{error}");
        let mut short = args(&folder);
        short.control = Some(dir.path().join("c"));
        assert!(short.take(listen()).is_ok());
    }

    #[test]
    fn without_state_nothing_is_made() {
        let home = StateArgs { no_state: true, ..StateArgs::default() }.take(listen()).unwrap();
        assert!(home.folder.is_none() && home.control.is_none());
    }

    #[test]
    fn only_nodes_that_answer_are_live() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let home = args(&a).take(listen()).unwrap();
        let _silent = args(&b).take(listen()).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        assert_eq!(live(dir.path()), []);
        let _answers = UnixListener::bind(home.control.as_ref().unwrap()).unwrap();
        let names: Vec<_> = live(dir.path()).into_iter().map(|l| (l.name, l.pid)).collect();
        assert_eq!(names, [("a".to_owned(), std::process::id())]);
        assert_eq!(live(&dir.path().join("nowhere")), []);
    }
}
