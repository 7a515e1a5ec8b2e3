//! Files that are not what a node expects, files that cannot be written any more, and files of others: each is told, and
//! none is lost.

mod program;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use program::{Mount, Running, command, failure, json, within};

/// Until a program that waits for what will not come is given up.
const STUCK: Duration = Duration::from_secs(5);

const ALONE: [&str; 5] = ["node", "--listen", "127.0.0.1:0", "--bootstrap", "127.0.0.1:9"];

/// What is said by a program that ends by itself, in one line and with exit code 1.
fn refused(base: &Path, args: &[&str]) -> String {
    let mut command = command(base, args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(ends(&mut child), "{args:?} does not end");
    one_line(&child.wait_with_output().unwrap())
}

/// Whether the process ends in time; it is gone afterwards.
fn ends(child: &mut Child) -> bool {
    let began = Instant::now();
    while began.elapsed() < STUCK {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

fn terminate(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
}

fn one_line(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    said
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A node whose state is in `state`, which has started.
fn node(base: &Path, state: &Path, more: &[&str]) -> Running {
    let node = Running::start(base, &[&ALONE, &["--state", text(state)][..], more].concat());
    let control = state.join("control.sock");
    within(STUCK, "it has started", || {
        json(base, &["status", "--control", text(&control)])["id"].is_string()
    });
    node
}

/// Runs the program as nobody, from a copy that nobody may run; none where that is not possible, which is told.
fn as_nobody(base: &Path, args: &[&str]) -> Option<Output> {
    let root = Command::new("id").arg("-u").output().unwrap().stdout.trim_ascii() == b"0";
    if !root || Command::new("setpriv").arg("--version").output().is_err() {
        eprintln!("SKIPPED: only root can be somebody else, with setpriv");
        return None;
    }
    let copy = base.join("egoist-of-nobody");
    program::copy(&copy);
    for path in [base, &copy] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut changed = Command::new("setpriv");
    changed.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]);
    Some(changed.arg(&copy).args(args).env("XDG_STATE_HOME", base).stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_control_socket_takes_the_place_of_nothing_else() {
    let base = tempfile::tempdir().unwrap();
    let at = |name: &str| base.path().join(name);
    fs::write(at("file"), "kept").unwrap();
    fs::write(at("beside~"), "kept").unwrap();
    fs::create_dir(at("folder")).unwrap();
    symlink(at("file"), at("link")).unwrap();
    fifo(&at("fifo"));
    for name in ["file", "beside", "folder", "link", "fifo"] {
        let control = at(name);
        let said = refused(base.path(), &[&ALONE[..], &["--no-state", "--control", text(&control)]].concat());
        assert!(said.contains("remove it if it is not needed"), "{name}: {said}");
    }
    assert_eq!(
        (fs::read(at("file")).unwrap(), fs::read(at("beside~")).unwrap()),
        (b"kept".to_vec(), b"kept".to_vec())
    );
    assert!(at("folder").is_dir() && fs::symlink_metadata(at("link")).unwrap().is_symlink());
    assert!(fs::metadata(at("fifo")).unwrap().file_type().is_fifo());

    drop(UnixListener::bind(at("stale")).unwrap());
    drop(UnixListener::bind(at("stale~")).unwrap());
    let stale = at("stale");
    let mut node =
        Running::start(base.path(), &[&ALONE[..], &["--no-state", "--control", text(&stale)]].concat());
    assert!(json(base.path(), &["status", "--control", text(&stale)])["pid"].is_u64());
    let said = refused(base.path(), &[&ALONE[..], &["--no-state", "--control", text(&stale)]].concat());
    assert!(said.contains("another process serves"), "{said}");
    fs::remove_file(&stale).unwrap();
    fs::write(&stale, "somebody else's").unwrap();
    node.signal("TERM");
    assert!(node.end().success() && stale.exists(), "what is not its own socket stays");
}

#[test]
fn state_that_is_no_file_is_refused() {
    let base = tempfile::tempdir().unwrap();
    for name in ["state", "lock"] {
        let folder = |kind: &str| {
            let folder = base.path().join(format!("{name}-{kind}"));
            fs::create_dir(&folder).unwrap();
            folder
        };
        let kept = base.path().join("kept");
        fs::write(&kept, "kept").unwrap();
        let (piped, linked, device) = (folder("fifo"), folder("link"), folder("device"));
        fifo(&piped.join(name));
        symlink(&kept, linked.join(name)).unwrap();
        symlink("/dev/zero", device.join(name)).unwrap();
        for state in [piped, linked, device] {
            let said = refused(base.path(), &[&ALONE[..], &["--state", text(&state)]].concat());
            assert!(said.contains("and no file") && said.contains("a file belongs there"), "{said}");
        }
        assert_eq!(fs::read(&kept).unwrap(), b"kept");
    }
    // Nor does a command that looks for nodes wait for it.
    let folder = base.path().join("egoist/127.0.0.1_9");
    fs::create_dir_all(&folder).unwrap();
    fifo(&folder.join("lock"));
    assert!(refused(base.path(), &["status"]).contains("no node runs"));
}

#[test]
fn state_is_for_its_owner_alone() {
    let base = tempfile::tempdir().unwrap();
    let state = base.path().join("deep/er");
    let open = Command::new("sh")
        .args(["-c", "umask 000; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_egoist")])
        .args(ALONE)
        .args(["--state", text(&state), "--json", "-q", "-q"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = open.unwrap();
    within(STUCK, "its state is there", || state.join("state").exists());
    let modes = [".", "state", "lock", "control.sock"].map(|name| {
        let path: PathBuf = state.join(name);
        (name, fs::metadata(path).unwrap().permissions().mode() & 0o777)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(modes, [(".", 0o700), ("state", 0o600), ("lock", 0o600), ("control.sock", 0o600)]);
}

#[test]
fn a_disk_that_is_full_under_a_node_is_told_at_once() {
    let base = tempfile::tempdir().unwrap();
    let disk = base.path().join("disk");
    let Some(_mount) = Mount::new(&disk, "size=512k") else {
        eprintln!("SKIPPED: a file system cannot be mounted here, so a full disk is not tested");
        return;
    };
    let state = disk.join("s");
    let (reader, writer) = std::io::pipe().unwrap();
    let args = [&ALONE[..], &["--state", text(&state)]].concat();
    let mut node = Running::logging_to(base.path(), writer.into(), &args);
    let control = state.join("control.sock");
    let status = || json(base.path(), &["status", "--control", text(&control)]);
    assert_eq!(status()["disk_full"], false);
    // More than there is room for.
    assert!(fs::write(disk.join("fill"), vec![0; 1 << 20]).is_err());
    let told = within(Duration::from_secs(10), "it is told", || status()["disk_full"] == true);
    assert!(status()["state_error"].is_null(), "nothing was to be stored");
    println!("a full disk is told after {told:?}");
    fs::remove_file(disk.join("fill")).unwrap();
    within(Duration::from_secs(10), "there is room again", || status()["disk_full"] == false);
    node.signal("TERM");
    assert!(node.end().success());
    let log = std::io::read_to_string(reader).unwrap();
    assert!(log.contains("the disk is full: make room") && log.contains("room on the disk again"), "{log}");
}

/// No file can be made any more, though there is room for octets.
#[test]
fn a_disk_without_inodes_is_told() {
    let base = tempfile::tempdir().unwrap();
    let disk = base.path().join("disk");
    let Some(_mount) = Mount::new(&disk, "size=4m,nr_inodes=20") else {
        eprintln!("SKIPPED: a file system cannot be mounted here, so one without inodes is not tested");
        return;
    };
    let state = disk.join("s");
    let _node = node(base.path(), &state, &[]);
    let control = state.join("control.sock");
    let mut files = (0..40).map(|n| fs::write(disk.join(n.to_string()), ""));
    assert!(files.any(|made| made.is_err()));
    let full = || json(base.path(), &["status", "--control", text(&control)])["disk_full"] == true;
    within(Duration::from_secs(10), "it is told", full);
}

#[test]
fn a_file_that_may_not_grow_ends_a_recording_and_not_the_node() {
    let base = tempfile::tempdir().unwrap();
    let record = base.path().join("r");
    let mut node =
        Running::start(base.path(), &[&ALONE[..], &["--no-state", "--record", text(&record)]].concat());
    let pid = node.child.id().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, "--fsize=10:unlimited"]).status();
    if !limited.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: prlimit is not there to limit a file's size");
        return;
    }
    let length = || fs::metadata(&record).unwrap().len();
    let most = length().max(10);
    // What was recorded is written within a second.
    std::thread::sleep(Duration::from_millis(2500));
    assert!(node.child.try_wait().unwrap().is_none(), "it goes on");
    node.signal("TERM");
    assert!(node.end().success());
    assert!(length() <= most);
}

#[test]
fn a_hang_up_is_a_wish_to_leave_unless_it_was_to_be_ignored() {
    let ignored = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if ignored
        .lines()
        .any(|line| line.starts_with("SigIgn:") && line.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
    {
        eprintln!("SKIPPED: the tests were started to ignore SIGHUP, and so is what they start");
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let state = base.path().join("s");
    let mut leaver = node(base.path(), &state, &[]);
    leaver.signal("HUP");
    assert!(leaver.end().success());
    assert_eq!(fs::read_to_string(state.join("lock")).unwrap(), "", "it left in good order");

    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_egoist")]).args(ALONE);
    shell.args(["--state", text(&state), "--json", "-q", "-q"]).stdin(Stdio::null());
    let mut stays = Running::begin(shell);
    stays.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert!(stays.child.try_wait().unwrap().is_none(), "nohup holds");
    stays.signal("TERM");
    assert!(stays.end().success());
}

#[test]
fn a_permission_that_is_missing_is_called_that() {
    let base = tempfile::tempdir().unwrap();
    let state = base.path().join("s");
    let _node = node(base.path(), &state, &[]);
    let control = state.join("control.sock");
    let args = ["status", "--control", text(&control)];
    let Some(output) = as_nobody(base.path(), &args) else { return };
    let said = one_line(&output);
    assert!(said.contains("Permission denied") && said.contains("belongs to another user"), "{said}");
    for args in [["status", "--state", text(&state)], ["leave", "--state", text(&state)]] {
        let said = one_line(&as_nobody(base.path(), &args).unwrap());
        assert!(said.contains("Permission denied") && said.contains("another user"), "{said}");
    }
    // The same where the node has its state in the usual folder.
    let usual = base.path().join("egoist/127.0.0.1_9");
    fs::create_dir_all(&usual).unwrap();
    fs::set_permissions(&usual, fs::Permissions::from_mode(0o700)).unwrap();
    for args in [&["status"][..], &["status", "--node", "127.0.0.1:9"]] {
        let said = one_line(&as_nobody(base.path(), args).unwrap());
        assert!(said.contains("Permission denied") && said.contains("another user"), "{said}");
    }
    let args = [&ALONE[..], &["--no-state", "--control", text(&control)]].concat();
    let said = one_line(&as_nobody(base.path(), &args).unwrap());
    assert!(said.contains("Permission denied") && said.contains("run as that user"), "{said}");
    let low = ["node", "--listen", "127.0.0.1:81", "--no-state"];
    let said = one_line(&as_nobody(base.path(), &low).unwrap());
    if fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .is_ok_and(|from| from.trim() == "0")
    {
        eprintln!("SKIPPED: any port is free for all here");
    } else {
        assert!(said.contains("CAP_NET_BIND_SERVICE"), "{said}");
    }
    let (code, said) =
        failure(base.path(), &["node", "--listen", "192.0.2.1:4001", "--no-state", "--network", "n"]);
    assert!(code == 1 && said.contains("no address of this host"), "{said}");
}

/// The program with its standard output as the shell words it.
fn redirected(base: &Path, how: &str, args: &[&str]) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$@\" {how}"), "sh", env!("CARGO_BIN_EXE_egoist")]).args(args);
    shell.env("XDG_STATE_HOME", base).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn an_answer_that_cannot_be_given_is_an_error_and_one_that_nobody_wants_is_none() {
    let base = tempfile::tempdir().unwrap();
    for args in [&["config"][..], &["--help"], &["--version"], &ALONE] {
        let said = one_line(&redirected(base.path(), ">&-", args));
        assert!(said.contains("standard output is closed"), "{args:?}: {said}");
        let said = one_line(&redirected(base.path(), ">/dev/full", args));
        assert!(said.contains("cannot write the answer"), "{args:?}: {said}");
    }
    for args in [&["config"][..], &["--help"], &["node", "--help"]] {
        let quiet = redirected(base.path(), "| true", args);
        assert!(quiet.status.success() && quiet.stderr.is_empty(), "{quiet:?}");
    }
    assert!(
        redirected(base.path(), "1<>/dev/null", &["config"]).status.success(),
        "what is thrown away is given"
    );
}

#[test]
fn a_node_whose_first_line_nobody_reads_runs_all_the_same() {
    let base = tempfile::tempdir().unwrap();
    let state = base.path().join("s");
    for full in [false, true] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = Some(reader).filter(|_| full);
        if full {
            // 64 KiB are what it holds.
            std::io::Write::write_all(&mut writer, &[b'x'; 1 << 16]).unwrap();
        }
        let mut command = command(base.path(), &[&ALONE[..], &["--state", text(&state)]].concat());
        let mut child = command.stdout(writer).stderr(Stdio::null()).spawn().unwrap();
        let control = state.join("control.sock");
        within(STUCK, "it answers", || {
            program::egoist(base.path(), &["status", "--control", text(&control)]).status.success()
        });
        terminate(&child);
        assert!(ends(&mut child), "it ends");
        drop(reader);
    }
}

#[test]
fn a_demo_that_nobody_reads_ends_when_it_is_asked_twice() {
    let base = tempfile::tempdir().unwrap();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, &[b'x'; 1 << 16]).unwrap();
    let mut demo = command(base.path(), &["demo", "--nodes", "3", "-k", "1"]).stdout(writer).spawn().unwrap();
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(700));
        terminate(&demo);
    }
    assert!(ends(&mut demo), "it ends");
}
