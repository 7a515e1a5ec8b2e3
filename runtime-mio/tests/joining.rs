//! Nodes that cannot join: what one reads on standard error, and in their status.

mod program;

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use program::{Running, json, within};

/// Until a node has been told why it cannot join; an answer is waited for for five seconds.
const TOLD: Duration = Duration::from_secs(10);
const ID: &str = "000000000000000000000000000000ab";

/// A node, and the file that it logs to.
struct Newcomer {
    node: Running,
    log: PathBuf,
}

impl Newcomer {
    fn start(base: &Path, args: &[&str]) -> Newcomer {
        Newcomer::listening(base, "127.0.0.1:0", args)
    }

    fn listening(base: &Path, at: &str, args: &[&str]) -> Newcomer {
        let log = tempfile::NamedTempFile::new_in(base).unwrap().into_temp_path().keep().unwrap();
        let stderr = Stdio::from(File::create(&log).unwrap());
        let args = [&["node", "--listen", at], args].concat();
        Newcomer { node: Running::logging_to(base, stderr, &args), log }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it says `what`; it says so once.
    fn says(&self, what: &str) {
        within(TOLD, what, || self.said().contains(what));
        assert_eq!(self.said().matches(what).count(), 1, "{}", self.said());
    }
}

/// What the status says of the only bootstrap: the error and the remedy.
fn status(base: &Path, newcomer: &Newcomer) -> String {
    let status = json(base, &["status", "--node", &newcomer.node.address]);
    let bootstrap = &status["bootstraps"][0];
    format!("{}: {}", bootstrap["error"].as_str().unwrap(), bootstrap["remedy"].as_str().unwrap())
}

#[test]
fn a_bootstrap_that_does_not_help_is_named_with_the_reason_and_the_remedy() {
    let base = tempfile::tempdir().unwrap();
    let other = Running::start(base.path(), &["bootstrap", "--listen", "127.0.0.1:0", "--network", "one"]);
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mute_at, closed) = (mute.local_addr().unwrap().to_string(), {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    });
    for (bootstrap, what) in [
        (&closed, "nobody listens there: start it, or name another bootstrap"),
        (
            &mute_at,
            "it takes connections and does not answer: check its address: that may be another program",
        ),
        (
            &other.address,
            "that is a node of another network: give both the same network, or name a bootstrap of this one",
        ),
    ] {
        let newcomer = Newcomer::start(base.path(), &["--bootstrap", bootstrap, "--network", "two"]);
        newcomer.says(what);
        assert_eq!(status(base.path(), &newcomer), what);
        assert!(newcomer.said().contains(bootstrap.as_str()), "{}", newcomer.said());
    }
}

#[test]
fn a_name_that_stands_for_nothing_is_in_the_status_and_has_a_remedy() {
    let base = tempfile::tempdir().unwrap();
    let name = "nosuch.invalid:41223";
    let newcomer = Newcomer::start(base.path(), &["--bootstrap", name]);
    within(TOLD, "it is said", || newcomer.said().contains("cannot be resolved: check"));
    let status = json(base.path(), &["status", "--node", &newcomer.node.address]);
    let row = &status["bootstraps"][0];
    assert_eq!((&row["name"], &row["address"]), (&name.into(), &serde_json::Value::Null), "{status}");
    assert!(row["error"].is_string() && row["remedy"].as_str().unwrap().contains("check"), "{status}");
}

/// Where strangers can reach it, no bootstrap is taken for granted.
#[test]
fn a_node_without_a_bootstrap_says_that_others_have_to_name_it() {
    let base = tempfile::tempdir().unwrap();
    let args = ["--advertise", "192.0.2.7:4001", "--network", "two"];
    let newcomer = Newcomer::listening(base.path(), "0.0.0.0:0", &args);
    newcomer.says("no bootstrap is named, so that others have to name this node: give --bootstrap HOST:PORT");
}

#[test]
fn two_nodes_with_one_id_are_told_of_each_other() {
    let base = tempfile::tempdir().unwrap();
    let bootstrap = Running::start(base.path(), &["bootstrap", "--listen", "127.0.0.1:0"]);
    let args = ["--bootstrap", &bootstrap.address, "--id", ID, "--no-state"];
    let [first, second] = [(); 2].map(|()| Newcomer::start(base.path(), &args));
    for newcomer in [&first, &second] {
        newcomer.says("another node lives under this node's id: give each node an id");
    }
    assert!(first.said().contains(&second.node.address), "{}", first.said());
}
