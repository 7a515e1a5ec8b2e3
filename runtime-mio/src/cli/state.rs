//! Where a node keeps its state: a folder with a lock, the control socket beside it, and how commands find live nodes.

use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::iter;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use egoist_mio::control::is_served;
use egoist_mio::{State, StateError, regular};

use super::failure::{Failure, Outcome};

/// A socket's path takes at most 108 octets on Linux and 104 elsewhere.
const LONGEST_SOCKET_PATH: usize = 100;
/// Nodes without a folder of their own that run at a time.
const MOST: u32 = 999;
/// The lock holds a process id, a path and an address.
const LONGEST_LOCK: u64 = 8192;

/// The help of `--state` for nodes that are never without an address to be called after.
pub(crate) const STATE_BY_ADDRESS: &str = "The folder for id, incarnation, lock and control socket [default: $XDG_STATE_HOME/egoist/<listen address>]";

/// Where a node keeps its state.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "State")]
pub(crate) struct StateArgs {
    /// The folder for id, incarnation, lock and control socket [default: $XDG_STATE_HOME/egoist/<listen address>, and
    /// for a node without --listen the first of node, node-2, node-3 that is free]
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

/// What the folder of a node is called that is not told which to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Called {
    /// After where it listens (its true port, never 0).
    Address(SocketAddr),
    /// By this name, or with the first number from 2 on that is free.
    Name(&'static str),
}

/// A node that answers on its control socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Live {
    /// Where it listens.
    pub(crate) listen: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Its control socket.
    pub(crate) control: PathBuf,
}

impl StateArgs {
    /// Takes possession of a node's folder.
    ///
    /// # Errors
    /// The folder is another process's, or cannot be made or written; what is in it cannot be read; the socket's path is
    /// too long.
    pub(crate) fn take(&self, called: Called) -> Outcome<Home> {
        match (&self.state, called) {
            _ if self.no_state => Ok(Home { folder: None, control: self.control.clone(), lock: None }),
            (Some(folder), _) => self.take_only(folder.clone()),
            (None, Called::Address(listen)) => self.take_only(base()?.join(folder_name(listen))),
            (None, Called::Name(name)) => self.take_first(&base()?, name),
        }
    }

    fn take_only(&self, folder: PathBuf) -> Outcome<Home> {
        self.try_take(folder.clone())?.ok_or_else(|| taken(&folder))
    }

    fn take_first(&self, base: &Path, name: &str) -> Outcome<Home> {
        let names = (2..=MOST).map(|number| format!("{name}-{number}"));
        for name in iter::once(name.to_owned()).chain(names) {
            if let Some(home) = self.try_take(base.join(name))? {
                return Ok(home);
            }
        }
        Err(taken(&base.join(name)))
    }

    /// Takes a folder unless another process has it.
    fn try_take(&self, folder: PathBuf) -> Outcome<Option<Home>> {
        let control = self.control.clone().unwrap_or_else(|| folder.join("control.sock"));
        fits_socket(&control)?;
        let Some(lock) = lock(&folder, &control)? else { return Ok(None) };
        State::File(folder.clone()).check().map_err(|error| unusable(&error))?;
        Ok(Some(Home { folder: Some(folder), control: Some(control), lock: Some(lock) }))
    }
}

impl Home {
    /// Writes down where the node listens, for those who look for it.
    ///
    /// # Errors
    /// The lock cannot be written.
    pub(crate) fn found_at(&mut self, listen: SocketAddr) -> Outcome {
        let (Some(lock), Some(folder)) = (&mut self.lock, &self.folder) else { return Ok(()) };
        writeln!(lock, "{listen}").map_err(|error| unusable_file(folder, &error))
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

/// Makes the folder, locks it until the file is dropped, and writes down who holds it; none if somebody else does.
fn lock(folder: &Path, control: &Path) -> Outcome<Option<File>> {
    let failed =
        |e| Failure::io("cannot use the state's folder", folder.display(), &e).try_this(remedy(&e, folder));
    regular::create_folder(folder).map_err(failed)?;
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = regular::open(&path, &options).map_err(|error| unusable_file(&path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    }
    let full = std::path::absolute(control).map_err(failed)?;
    let text = format!("{}\n{}\n", std::process::id(), full.display());
    file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(Some(file))
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
        _ => Failure::new(error.to_string()).try_this("start the node again"),
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
        io::ErrorKind::FileTooLarge => {
            "no file may be so large here (ulimit -f): allow more, or give --no-state"
        }
        io::ErrorKind::InvalidInput => {
            "a file belongs there: remove what is there, or give another --state DIR"
        }
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

fn taken(folder: &Path) -> Failure {
    runs_already(read_lock(&folder.join("lock")).ok().flatten().map(|holder| holder.pid)).at(folder.display())
}

/// The node that listens there already, if it has its state in the usual folder.
pub(crate) fn running_at(listen: SocketAddr) -> Option<Failure> {
    let live = live(&base().ok()?).ok()?.into_iter().find(|live| live.listen == listen.to_string())?;
    Some(runs_already(Some(live.pid)).at(format!("--listen {listen}")))
}

fn runs_already(pid: Option<u32>) -> Failure {
    let holder = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    Failure::taken(format!("this node runs already, as {holder}"))
        .try_this("stop it with 'egoist leave', or give another --listen or --state")
}

/// What a lock says about who holds it.
struct Holder {
    pid: u32,
    control: PathBuf,
    /// None until it listens.
    listen: Option<String>,
}

/// Who holds a lock; none if nobody does.
fn read_lock(path: &Path) -> io::Result<Option<Holder>> {
    let mut text = String::new();
    match regular::open(path, OpenOptions::new().read(true)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        Err(_) => return Ok(None),
        Ok(file) => _ = file.take(LONGEST_LOCK).read_to_string(&mut text)?,
    }
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse().ok());
    let (control, listen) = (lines.next().map(PathBuf::from), lines.next().map(str::to_owned));
    Ok(pid.zip(control).map(|(pid, control)| Holder { pid, control, listen }))
}

/// The node whose folder this is, if it answers. It is asked and its lock left alone: trying the lock would get in the
/// way of a node that is starting.
///
/// # Errors
/// It is another user's, or cannot be asked for another reason.
pub(crate) fn live_in(folder: &Path) -> io::Result<Option<Live>> {
    let Some(Holder { pid, control, listen }) = read_lock(&folder.join("lock"))? else { return Ok(None) };
    let served = is_served(&control)?;
    Ok(listen.filter(|_| served).map(|listen| Live { listen, pid, control }))
}

/// All nodes under `base` that answer, in the order of their addresses.
///
/// # Errors
/// There are none, and a folder in which one might be cannot be looked into.
pub(crate) fn live(base: &Path) -> io::Result<Vec<Live>> {
    let entries = match fs::read_dir(base) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.flatten(),
    };
    let (mut live, mut hidden) = (Vec::new(), None);
    for entry in entries {
        match live_in(&entry.path()) {
            Ok(found) => live.extend(found),
            Err(error) => hidden = Some(error),
        }
    }
    live.sort_unstable_by(|a, b| a.listen.cmp(&b.listen));
    hidden.filter(|_| live.is_empty()).map_or(Ok(live), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn listen() -> SocketAddr {
        "127.0.0.1:4001".parse().unwrap()
    }

    const HERE: Called = Called::Name("node");

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
        let home = args(&folder).take(HERE).unwrap();
        assert_eq!(home.control.as_deref(), Some(&*folder.join("control.sock")));
        let error = args(&folder).take(HERE).unwrap_err().to_string();
        assert!(error.contains(&format!("as process {}", std::process::id())), "{error}");
        drop(home);
        assert!(args(&folder).take(HERE).is_ok());
    }

    #[test]
    fn a_long_socket_path_is_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("d".repeat(100));
        let error = args(&folder).take(HERE).unwrap_err().to_string();
        assert!(error.contains("--control PATH") && !folder.exists(), "{error}");
        let mut short = args(&folder);
        short.control = Some(dir.path().join("c"));
        assert!(short.take(HERE).is_ok());
    }

    #[test]
    fn without_state_nothing_is_made() {
        let home = StateArgs { no_state: true, ..StateArgs::default() }.take(HERE).unwrap();
        assert!(home.folder.is_none() && home.control.is_none());
    }

    #[test]
    fn only_nodes_that_answer_are_live() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        let mut home = args(&a).take(HERE).unwrap();
        home.found_at(listen()).unwrap();
        let _silent = args(&b).take(HERE).unwrap();
        fs::create_dir(dir.path().join("empty")).unwrap();
        assert_eq!(live(dir.path()).unwrap(), []);
        let _answers = UnixListener::bind(home.control.as_ref().unwrap()).unwrap();
        let found: Vec<_> = live(dir.path()).unwrap().into_iter().map(|l| (l.listen, l.pid)).collect();
        assert_eq!(found, [(listen().to_string(), std::process::id())]);
        assert_eq!(live(&dir.path().join("nowhere")).unwrap(), []);
    }

    #[test]
    fn who_is_called_by_no_address_has_the_first_folder_that_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        let take = || StateArgs::default().take_first(base, "node").unwrap();
        let (first, second) = (take(), take());
        let folders = |homes: [&Home; 2]| homes.map(|home| home.folder.clone().unwrap());
        assert_eq!(folders([&first, &second]), [base.join("node"), base.join("node-2")]);
        drop(first);
        assert_eq!(folders([&take(), &second]), [base.join("node"), base.join("node-2")]);
    }
}
