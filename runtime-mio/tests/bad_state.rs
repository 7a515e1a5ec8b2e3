//! State that cannot be used: one clear line with what to do, exit code 1, and the files left as they are.

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use program::{Mount, Running, failure, json, within};

/// An address that nothing listens on.
const NOBODY: &str = "127.0.0.1:9";

fn args(state: &Path) -> Vec<&str> {
    vec!["node", "--listen", "127.0.0.1:0", "--bootstrap", NOBODY, "--state", state.to_str().unwrap()]
}

/// What is said by a node that does not start on `state`.
fn refused(base: &Path, state: &Path) -> String {
    let (code, said) = failure(base, &args(state));
    assert_eq!((code, said.lines().count()), (1, 1), "{said}");
    assert!(said.starts_with("egoist: ") && said.contains(state.to_str().unwrap()), "{said}");
    said
}

/// A folder with the state of a node that ran in it.
fn used(base: &Path) -> PathBuf {
    let state = base.join("state");
    let mut node = Running::start(base, &args(&state));
    let control = state.join("control.sock");
    within(Duration::from_secs(5), "it has started", || {
        json(base, &["status", "--control", control.to_str().unwrap()])["id"].is_string()
    });
    node.signal("TERM");
    assert!(node.end().success());
    state
}

/// Whether the tests run as root, whom no permission stops.
fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

#[test]
fn a_state_cut_at_any_octet_starts_nothing() {
    let base = tempfile::tempdir().unwrap();
    let state = used(base.path());
    let file = state.join("state");
    let whole = fs::read(&file).unwrap();
    // Every cut is refused by the reader (a test of the store); here that the program says so.
    for cut in (0..whole.len()).step_by(9).chain([whole.len() - 1]) {
        fs::write(&file, &whole[..cut]).unwrap();
        let said = refused(base.path(), &state);
        assert!(said.contains("is damaged") && said.contains("delete it"), "{cut}: {said}");
        assert_eq!(fs::read(&file).unwrap(), &whole[..cut], "it is left alone");
    }
    fs::write(&file, &whole).unwrap();
    used(base.path());
}

#[test]
fn a_newer_version_starts_nothing() {
    let base = tempfile::tempdir().unwrap();
    let state = used(base.path());
    let text = fs::read_to_string(state.join("state")).unwrap();
    fs::write(state.join("state"), text.replace("egoist-state 1", "egoist-state 2")).unwrap();
    let said = refused(base.path(), &state);
    assert!(said.contains("is of version 2") && said.contains("run the program that wrote it"), "{said}");
}

#[test]
fn what_is_no_folder_or_no_file_starts_nothing() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refused(base.path(), &file).contains("that is no folder"));
    let folder = base.path().join("folder");
    fs::create_dir_all(folder.join("state")).unwrap();
    assert!(refused(base.path(), &folder).contains("a file belongs there"));
}

#[test]
fn a_full_or_read_only_disk_starts_nothing() {
    let base = tempfile::tempdir().unwrap();
    let disk = base.path().join("disk");
    let Some(mount) = Mount::new(&disk, "size=16k") else {
        eprintln!(
            "SKIPPED: a file system cannot be mounted here, so a full and a read-only disk are not tested"
        );
        return;
    };
    // Full when the folder is taken, and full when the state is to be written: the lock takes the last page.
    for pages in [4, 3] {
        let state = disk.join(format!("state-{pages}"));
        let fill = disk.join("fill");
        fs::write(&fill, vec![0; pages * 4096]).unwrap();
        let output = program::egoist(base.path(), &args(&state));
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("the disk is full: make room"), "{pages}: {said}");
        fs::remove_file(fill).unwrap();
        fs::remove_dir_all(state).unwrap();
    }
    let state = disk.join("state");
    let mut node = Running::start(base.path(), &args(&state));
    node.kill();
    assert!(mount.read_only());
    assert!(refused(base.path(), &state).contains("that can be written, or --no-state"));
}

#[test]
fn somebody_elses_state_starts_nothing() {
    let base = tempfile::tempdir().unwrap();
    let state = used(base.path());
    let file = state.join("state");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = program::command(base.path(), &args(&state));
    if is_root() {
        // As nobody, from a copy of the program that nobody may run.
        let copy = base.path().join("egoist");
        program::copy(&copy);
        for (path, mode) in
            [(base.path(), 0o755), (&copy, 0o755), (&state, 0o777), (&state.join("lock"), 0o666)]
        {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut changed = Command::new("setpriv");
        changed.args(["--reuid", "65534", "--clear-groups"]).arg(&copy).args(args(&state));
        if Command::new("setpriv").arg("--version").output().is_err() {
            eprintln!("SKIPPED: root may read everything, and setpriv is not there to be somebody else");
            return;
        }
        command = changed;
    }
    let output = command.env("XDG_STATE_HOME", base.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("run as its owner"), "{said}");
}
