//! Overlays of real processes on loopback: killed, stopped, restarted, asked to leave.

mod program;

use std::fs;
use std::path::Path;
use std::time::Duration;

use program::{Running, answer, failure, json, within};
use serde_json::Value;

/// The promise: everybody routes around whoever is gone.
const AROUND: Duration = Duration::from_secs(2);
/// ... and to whoever is back.
const BACK: Duration = Duration::from_secs(10);
/// Until nodes that start together know each other.
const TOGETHER: Duration = Duration::from_secs(15);

/// A node's id. It has none to tell until its state is on disk.
fn id(base: &Path, of: &Running) -> Value {
    let id = || json(base, &["status", "--node", &of.address])["id"].clone();
    within(BACK, "it has started", || id().is_string());
    id()
}

/// A bootstrap and nodes, ten times as fast as usual where that is allowed.
struct Overlay {
    base: tempfile::TempDir,
    bootstrap: Running,
    nodes: Vec<Running>,
}

impl Overlay {
    /// All have routes to all.
    fn of(count: usize) -> Overlay {
        let base = tempfile::tempdir().unwrap();
        let bootstrap =
            Running::start(base.path(), &["bootstrap", "--listen", "127.0.0.1:0", "--pace", "10"]);
        let mut overlay = Overlay { base, bootstrap, nodes: Vec::new() };
        overlay.nodes = (0..count).map(|_| overlay.node("127.0.0.1:0")).collect();
        let all: Vec<&Running> = overlay.nodes.iter().collect();
        within(TOGETHER, "all reach all", || overlay.connected(&all));
        overlay
    }

    fn node(&self, listen: &str) -> Running {
        let bootstrap = &self.bootstrap.address;
        let args = ["node", "--listen", listen, "--bootstrap", bootstrap, "-k", "2", "--pace", "10"];
        Running::start(self.base.path(), &args)
    }

    fn base(&self) -> &Path {
        self.base.path()
    }

    /// What `asked` says to `verb`.
    fn ask(&self, asked: &Running, verb: &[&str]) -> Value {
        json(self.base(), &[verb, &["--node", &asked.address]].concat())
    }

    /// The routes of `from` to whoever listens where `to` does.
    fn routes(&self, from: &Running, to: &Running) -> Vec<Value> {
        let Value::Array(routes) = self.ask(from, &["routes"]) else { panic!("no list") };
        routes.into_iter().filter(|route| route["address"] == to.address.as_str()).collect()
    }

    fn reaches(&self, from: &Running, to: &Running) -> bool {
        self.routes(from, to).iter().any(|route| route["state"] == "reachable")
    }

    /// Whether each of these has a path to each other.
    fn connected(&self, nodes: &[&Running]) -> bool {
        let pairs = nodes.iter().flat_map(|a| nodes.iter().map(move |b| (a, b)));
        pairs.filter(|(a, b)| a.address != b.address).all(|(a, b)| self.reaches(a, b))
    }

    /// Whether nobody of `rest` sends anything to or over `gone`, and all of them reach each other.
    fn around(&self, rest: &[&Running], gone: &Running) -> bool {
        let avoids = |from: &&Running| {
            let Value::Array(routes) = self.ask(from, &["routes"]) else { panic!("no list") };
            routes.iter().all(|route| {
                let there = route["address"] == gone.address.as_str() && route["state"] == "reachable";
                !there && route["next_hop"] != gone.address.as_str()
            })
        };
        rest.iter().all(avoids) && self.connected(rest)
    }

    fn pings(&self, from: &Running, to: &Running) {
        let pinged = self.ask(from, &["ping", &to.address, "--count", "1"]);
        assert_eq!(pinged["received"], 1, "{pinged}");
    }
}

#[test]
fn others_route_around_who_is_killed_and_find_it_again() {
    let mut overlay = Overlay::of(3);
    let status = overlay.ask(&overlay.nodes[2], &["status"]);
    assert_eq!((&status["incarnation"], &status["nodes_known"]), (&Value::from(1), &Value::from(2)));
    overlay.pings(&overlay.nodes[0], &overlay.nodes[2]);

    let mut killed = overlay.nodes.remove(2);
    killed.kill();
    let rest: Vec<&Running> = overlay.nodes.iter().collect();
    within(AROUND, "the others route around the killed node", || overlay.around(&rest, &killed));
    overlay.pings(rest[0], rest[1]);
    let (code, said) =
        failure(overlay.base(), &["send", &killed.address, "hello", "--node", &rest[0].address]);
    assert_eq!((code, said.contains("no path leads there")), (1, true), "{said}");

    let mut again = overlay.node(&killed.address);
    within(BACK, "a node that kept its state is found", || rest.iter().all(|r| overlay.reaches(r, &again)));
    let same = overlay.ask(&again, &["status"]);
    assert_eq!((&same["id"], &same["incarnation"]), (&status["id"], &Value::from(2)));

    again.kill();
    fs::remove_dir_all(overlay.base().join("egoist").join(killed.address.replace(':', "_"))).unwrap();
    let fresh = overlay.node(&killed.address);
    let id = id(overlay.base(), &fresh);
    assert_ne!(id, status["id"]);
    let found = |from: &&Running| {
        let routes = overlay.routes(from, &fresh);
        let to_new = |route: &&Value| route["state"] == "reachable" && route["id"] == id;
        routes.iter().any(|route| to_new(&route))
    };
    within(BACK, "a node that lost its state is found as a new one", || rest.iter().all(found));
    overlay.pings(rest[0], &fresh);
    assert_eq!(overlay.ask(rest[1], &["path", &fresh.address])["id"], id);
}

#[test]
fn others_route_around_who_is_stopped_until_it_goes_on() {
    let overlay = Overlay::of(3);
    let (rest, stopped) = ([&overlay.nodes[0], &overlay.nodes[1]], &overlay.nodes[2]);
    stopped.signal("STOP");
    within(AROUND, "the others route around the stopped node", || overlay.around(&rest, stopped));
    stopped.signal("CONT");
    within(BACK, "all reach all again", || overlay.connected(&[rest[0], rest[1], stopped]));
    overlay.pings(rest[0], stopped);
}

#[test]
fn leaving_is_told_to_the_others() {
    let mut overlay = Overlay::of(3);
    let mut listening = program::command(overlay.base(), &["listen", "--node", &overlay.nodes[1].address])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut leaver = overlay.nodes.remove(2);
    leaver.signal("TERM");
    assert!(leaver.end().success());
    let rest: Vec<&Running> = overlay.nodes.iter().collect();
    within(AROUND, "the others know that it has left", || overlay.around(&rest, &leaver));
    let lock = overlay.base().join("egoist").join(leaver.address.replace(':', "_")).join("lock");
    assert_eq!(fs::read_to_string(lock).unwrap(), "");

    let said = answer(overlay.base(), &["leave", "--node", &rest[1].address]);
    assert!(said.ends_with(" has left\n"), "{said}");
    assert!(listening.wait().unwrap().success(), "who listens is told the end");
}

#[test]
fn bootstraps_may_have_names() {
    let overlay = Overlay::of(1);
    let port = overlay.bootstrap.address.rsplit_once(':').unwrap().1;
    let named = format!("localhost:{port}");
    let args = ["node", "--bootstrap", "nowhere.invalid:1", "--bootstrap", &named, "--pace", "10"];
    let newcomer = Running::start(overlay.base(), &args);
    within(TOGETHER, "the newcomer finds the overlay", || overlay.connected(&[&overlay.nodes[0], &newcomer]));
    let status = overlay.ask(&overlay.bootstrap, &["status"]);
    assert_eq!(status["phase"], "watching");
}

#[test]
fn nodes_greet_each_other() {
    let base = tempfile::tempdir().unwrap();
    let mut first = Running::start(base.path(), &["hello", "node", "--listen", "127.0.0.1:0"]);
    let port = first.address.rsplit_once(':').unwrap().1.to_owned();
    let peer = format!("localhost:{port}");
    let second = Running::start(base.path(), &["hello", "node", "--listen", "127.0.0.1:0", "--peer", &peer]);
    let peers = |of: &Running| json(base.path(), &["hello", "peers", "--node", &of.address]);
    within(BACK, "they know each other's address and delay", || {
        let (a, b) = (peers(&first), peers(&second));
        a[0]["address"] == second.address.as_str() && b[0]["rtt_ms"].is_f64()
    });
    assert_eq!(peers(&second)[0]["dialled"], true);
    assert!(answer(base.path(), &["leave", "--node", &first.address]).contains(" has left"));
    assert!(first.end().success());
    within(BACK, "the other misses it", || peers(&second) == Value::Array(Vec::new()));
}

#[test]
fn a_node_that_is_not_told_where_to_listen_stays_who_it_is() {
    let base = tempfile::tempdir().unwrap();
    let start = || Running::start(base.path(), &["node", "--bootstrap", "127.0.0.1:9"]);
    let (mut first, mut second) = (start(), start());
    let (one, two) = (id(base.path(), &first), id(base.path(), &second));
    assert_ne!(one, two, "two at a time are two nodes");
    first.signal("TERM");
    assert!(first.end().success());
    let mut again = start();
    assert_eq!(id(base.path(), &again), one);
    for node in [&mut again, &mut second] {
        node.signal("TERM");
        assert!(node.end().success());
    }
    let folders = fs::read_dir(base.path().join("egoist")).unwrap();
    let mut folders: Vec<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort_unstable();
    assert_eq!(folders, ["node", "node-2"]);
    drop((start(), start()));
}
