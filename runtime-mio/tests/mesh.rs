//! Nodes of the mesh, in processes of their own.

mod program;

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use program::node::Node;
use program::{Reading, Running, answer, command, egoist, failure, json, monitor, within};
use serde_json::{Value, json};

/// Somebody answers within this, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

impl Node<'_> {
    fn peers(&self) -> Vec<Value> {
        self.asked(&["peers"]).as_array().unwrap().clone()
    }

    /// Waits until it has so many peers, of which it knows that they are of this project, with one connection each.
    fn has_peers(&self, number: usize) {
        within(SOON, "it has its peers", || {
            let peers = self.peers();
            peers.len() == number && peers.iter().all(|peer| peer["kind"] == "native")
        });
    }

    /// A listener that hears what `speaker` says by now.
    fn listener(&self, speaker: &Node<'_>, more: &[&str]) -> Listener {
        let mut reading = Reading::start(command(self.base, &[&self.words(&["listen"])[..], more].concat()));
        loop {
            // No node says the same twice within a second.
            let number = ASKED.fetch_add(1, Ordering::Relaxed);
            speaker.told(&["send", &format!("{READY} {number}")]);
            if reading.line_within(Duration::from_millis(100)).is_some() {
                break;
            }
        }
        Listener(reading)
    }
}

/// What is said until a listener hears it.
const READY: &str = "do you hear";
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Who listens to a node.
struct Listener(Reading);

impl Listener {
    /// The next line, without its end.
    fn line(&mut self) -> String {
        loop {
            let line = self.0.line();
            if !line.contains(READY) {
                return line.trim_end().to_owned();
            }
        }
    }

    /// The next message.
    fn message(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

#[test]
fn a_broadcast_is_heard_by_all_others_once() {
    let base = tempfile::tempdir().unwrap();
    let first = Node::start("mesh", base.path(), &[]);
    let others = [(); 2].map(|()| Node::beside(base.path(), &first, &[]));
    let all = || others.iter().chain([&first]);
    all().for_each(|node| node.has_peers(2));
    let mut programs: Vec<_> = others.iter().map(|node| node.listener(&first, &["--json"])).collect();
    let mut people = others[0].listener(&first, &[]);
    let values = ["send", "one\n", "--value", "[2, {\"a\": null}]", "--bin", "00ff", "last"];
    assert_eq!(first.asked(&values), json!({"way": "broadcast", "peers": 2}));
    for listener in &mut programs {
        let heard = listener.message();
        assert_eq!(heard["values"], json!(["one\n", [2, {"a": null}], {"bin": "00ff"}, "last"]));
        assert_eq!((&heard["sender"], &heard["way"]), (&first.id.as_str().into(), &"broadcast".into()));
        let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert!(now.as_secs().abs_diff(heard["sent"].as_u64().unwrap()) < 60, "{heard}");
    }
    let line = people.line();
    let (time, said) = line.split_once("  ").unwrap();
    assert_eq!(said, format!("{}  broadcast  one\\n  [2,{{\"a\":null}}]  0x00ff  last", &first.id[..8]));
    assert!(time.len() == 8 && time.bytes().all(|octet| octet == b':' || octet.is_ascii_digit()), "{line}");
    assert_eq!(first.told(&["send", "the end"]), "sent to 2 peers\n");
    for listener in &mut programs {
        assert_eq!(listener.message()["values"], json!(["the end"]), "each message comes once");
    }
    let heard = others.iter().map(|node| node.status()["counters"]["heard"].clone());
    let said = first.status()["counters"]["said"].clone();
    assert_eq!(heard.collect::<Vec<_>>(), [said.clone(), said]);
    all().for_each(|node| _ = node.told(&["leave"]));
    for mut listener in programs {
        assert!(listener.0.rest().is_empty() && listener.0.child.wait().unwrap().success());
    }
}

#[test]
fn a_whisper_reaches_who_is_no_peer() {
    let base = tempfile::tempdir().unwrap();
    let middle = Node::start("mesh", base.path(), &["--lookup-timeout", "1s"]);
    // Who wants one peer and has it dials no other.
    let [left, right] = [(); 2].map(|()| Node::beside(base.path(), &middle, &["--want-peers", "1"]));
    middle.has_peers(2);
    [&left, &right].iter().for_each(|node| node.has_peers(1));
    let mut listener = right.listener(&middle, &["--json"]);
    let short = &middle.id[..4];
    assert_eq!(right.told(&["send", "--to", short, "hello"]), format!("sent to {}\n", &middle.id[..8]));
    let sent = left.asked(&["send", "--to", &right.id, "for you alone", "--value", "7"]);
    assert_eq!(sent, json!({"way": "whisper", "to": right.id, "looked_up": true}));
    let heard = listener.message();
    assert_eq!(
        (&heard["way"], &heard["values"], &heard["sender"], &heard["by"]),
        (&"whisper".into(), &json!(["for you alone", 7]), &left.id.as_str().into(), &left.id.as_str().into())
    );
    assert_eq!(
        (&middle.status()["counters"]["whispers"], listener.0.child.try_wait().unwrap()),
        (&1.into(), None)
    );

    // Nobody is called so.
    let nobody = "2".repeat(65);
    let (code, said) = middle.refused(&["send", "--to", &nobody, "hello"]);
    let expected =
        format!("egoist: not found: no peer knows where it listens, or nobody answers there: {nobody}: ");
    assert_eq!((code, said.starts_with(&expected)), (1, true), "{said}");
    let (code, said) = middle.refused(&["send", "--to", &nobody[..8], "hello"]);
    assert_eq!((code, said.contains("by all of its digits")), (1, true), "{said}");
    let (code, said) = middle.refused(&["send", "--to", &middle.id, "hello"]);
    assert_eq!((code, said.contains("the id is this node's own")), (1, true), "{said}");
}

#[test]
fn a_node_says_what_it_is_and_whom_it_knows() {
    let base = tempfile::tempdir().unwrap();
    let mut first = Node::start("mesh", base.path(), &[]);
    let at = ["--node", &first.running.address.clone()];
    let (mut people, watching) = monitor(base.path(), &at, &[]);
    assert!(watching.contains(&format!("watching the mesh node {} {}", first.at(), first.id)), "{watching}");
    let (mut programs, _) = monitor(base.path(), &at, &["--json"]);
    let second = Node::beside(base.path(), &first, &[]);
    let short = second.id[..8].to_owned();
    people.until(&[&format!(" s  peer {short} connected from 127.0.0.1:")]);
    people.until(&[&format!(" s  peer {short} is native\n")]);
    let up: Value = serde_json::from_str(&programs.until(&["\"peer_up\""])).unwrap();
    assert_eq!((&up["protocol"], &up["id"]), (&"mesh".into(), &second.id.as_str().into()));
    second.has_peers(1);

    assert_eq!(second.told(&["send", "news"]), "sent to 1 peer\n");
    people.until(&[&format!(" s  broadcast from {short}: 1 value\n")]);
    let message: Value = serde_json::from_str(&programs.until(&["\"message\""])).unwrap();
    assert_eq!((&message["values"], &message["way"]), (&json!(["news"]), &"broadcast".into()));

    let peer = &first.peers()[0];
    assert_eq!((&peer["id"], &peer["listens"]), (&second.id.as_str().into(), &second.at().into()));
    assert_eq!((&peer["dialled"], &peer["first"], &peer["shed"]), (&false.into(), &1.into(), &0.into()));
    assert!(peer["up_s"].is_u64() && peer["heard_s"].is_u64() && peer["sent"].as_u64() > Some(0), "{peer}");
    assert_ne!(peer["remote"], second.at(), "it dialled from another port");
    let table = first.told(&["peers"]);
    let mut lines = table.lines();
    let heads: Vec<&str> =
        lines.next().unwrap().split("  ").map(str::trim).filter(|head| !head.is_empty()).collect();
    let expected =
        ["ID", "REMOTE", "LISTENS", "KIND", "DIALLED BY", "FIRST", "AGAIN", "SENT", "SHED", "HEARD", "FOR"];
    assert_eq!(heads, expected);
    assert!(lines.next().unwrap().starts_with(&short), "{table}");

    let status = first.status();
    assert_eq!((&status["protocol"], &status["subnet"]), (&"mesh".into(), &"mesh".into()));
    assert_eq!(status["protocol_id"], "EpAmyZWv9rZUKmjQgU3FTUD4GrJHvVEXizmghVBc8eGD", "as py2p's");
    assert_eq!((&status["peers"]["native"], &status["counters"]["heard"]), (&1.into(), &1.into()));
    let text = first.told(&["status"]);
    let heads: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let expected =
        ["node", "protocol", "subnet", "peers", "messages", "ignored", "closed", "running", "turns"];
    assert_eq!(heads, expected, "{text}");
    let (code, said) = failure(base.path(), &[&["gossip", "peers"], &at[..]].concat());
    assert_eq!((code, said.contains("of the protocol mesh, not of 'gossip'")), (1, true), "{said}");

    let left = first.told(&["leave"]);
    assert_eq!(left, format!("{} {} has left\n", first.at(), &first.id[..8]));
    assert!(first.running.end().success());
    people.until(&[&short, " disconnected: this node has left\n"]);
    people.until(&[" s  left\n"]);
    programs.until(&["\"left\""]);
    within(SOON, "its peer knows that it has left", || second.peers().is_empty());
}

#[test]
fn peers_are_connected_and_disconnected_on_demand() {
    let base = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| Node::start("mesh", base.path(), &[]));
    assert_eq!(first.told(&["send", "is anybody there?"]), "sent to nobody: there is no peer\n");
    let by_name = second.at().replace("127.0.0.1", "localhost");
    let dialled = first.told(&["connect", &by_name]);
    assert_eq!(dialled, format!("{} is being dialled\n", second.at()));
    first.has_peers(1);
    second.has_peers(1);
    let (code, said) = first.refused(&["connect", second.at()]);
    assert_eq!(
        (code, said.contains("connected already") || said.contains("being connected, already")),
        (1, true),
        "{said}"
    );
    let (code, said) = first.refused(&["connect", first.at()]);
    assert_eq!((code, said.contains("the address is this node's own")), (1, true), "{said}");

    let gone = first.told(&["disconnect", &second.id[..4]]);
    assert_eq!(gone, format!("{} is disconnected\n", &second.id[..8]));
    within(SOON, "they are no peers", || first.peers().is_empty() && second.peers().is_empty());
    let (code, said) = first.refused(&["disconnect", &second.id[..4]]);
    let expected =
        format!("egoist: no peer has this id: {}: 'egoist mesh peers' lists the peers\n", &second.id[..4]);
    assert_eq!((code, said), (1, expected));
}

#[test]
fn a_node_of_another_subnet_is_refused_and_the_log_has_both_ids() {
    let base = tempfile::tempdir().unwrap();
    let first = Node::start("mesh", base.path(), &[]);
    let log = base.path().join("log");
    let to = Stdio::from(fs::File::create(&log).unwrap());
    let words = ["mesh", "node", "--listen", "127.0.0.1:0", "--subnet", "other", "--join", first.at()];
    let other = Node::begun("mesh", base.path(), Running::logging_to(base.path(), to, &words));
    let [ours, theirs] =
        [&other, &first].map(|node| node.status()["protocol_id"].as_str().unwrap().to_owned());
    assert_ne!(ours, theirs);
    let lines = || fs::read_to_string(&log).unwrap();
    within(SOON, "it is in the log", || lines().contains("a node of another network"));
    let line = lines().lines().find(|line| line.contains("another network")).unwrap().to_owned();
    assert!(line.contains("WARN") && line.contains(&ours) && line.contains(&theirs), "{line}");
    assert!(line.contains(first.at()), "{line}");
    within(SOON, "both have seen it", || {
        [&first, &other].iter().all(|node| node.status()["counters"]["other_networks"].as_u64() >= Some(1))
    });
    assert!(first.peers().is_empty() && other.peers().is_empty());
}

#[test]
fn a_node_that_starts_again_is_the_same_node() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("n");
    let kept = ["--state", folder.to_str().unwrap()];
    let start = || {
        let words = [&["mesh", "node", "--listen", "127.0.0.1:0"], &kept[..]].concat();
        let running = Running::start(base.path(), &words);
        let id = json(base.path(), &[&["status"], &kept[..]].concat())["id"].clone();
        (running, id)
    };
    let (mut first, id) = start();
    first.kill();
    let (mut second, again) = start();
    assert_eq!(id, again);
    second.signal("TERM");
    assert!(second.end().success());
    let file = folder.join("state");
    let octets = fs::read(&file).unwrap();
    fs::write(&file, &octets[..octets.len() - 1]).unwrap();
    let (code, said) =
        failure(base.path(), &[&["mesh", "node", "--listen", "127.0.0.1:0"], &kept[..]].concat());
    assert_eq!((code, said.contains("the node's state is damaged")), (1, true), "{said}");
    fs::remove_file(&file).unwrap();
    assert_ne!(start().1, id);

    let control = base.path().join("c");
    let forgets = || {
        let at = ["--control", control.to_str().unwrap()];
        let words = ["mesh", "node", "--listen", "127.0.0.1:0", "--no-state"];
        let mut running = Running::start(base.path(), &[&words[..], &at].concat());
        let id = json(base.path(), &[&["status"], &at[..]].concat())["id"].clone();
        running.signal("TERM");
        assert!(running.end().success());
        id
    };
    assert_ne!(forgets(), forgets());
}

#[test]
fn a_node_has_its_table_in_the_configuration_file() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("e.toml");
    let path = file.to_str().unwrap();
    let first = Node::start("mesh", base.path(), &["--subnet", "example"]);
    let text = format!(
        "[mesh]\nlisten = '127.0.0.1:0'\njoin = ['{}']\nsubnet = 'example'\nmax_peers = 9\n",
        first.at()
    );
    fs::write(&file, text).unwrap();
    let second =
        Node::begun("mesh", base.path(), Running::start(base.path(), &["mesh", "node", "--config", path]));
    second.has_peers(1);
    assert_eq!(second.status()["subnet"], "example");
    let shown = &json(base.path(), &["config", "--config", path])["mesh"];
    assert_eq!((&shown["max_peers"], &shown["subnet"]), (&9.into(), &"example".into()));
    assert_eq!((&shown["want_peers"], &shown["ping_period"]), (&4.into(), &"30s".into()));

    for (wrong, said) in [
        (
            "max_pears = 7",
            "there is no key 'max_pears' in [mesh]: PATH line 2: did you mean 'max_peers'? ('egoist config' prints all keys)",
        ),
        ("max_peers = 0", "max_peers is zero: PATH line 2: give one or more"),
        ("subnet = ''", "subnet has no octet, or more than 64: PATH line 2: give the network a short name"),
        (
            "join = ['224.0.0.1:7']",
            "join has 224.0.0.1:7, where nobody can be dialled: PATH line 2: name the IP address and the port of one host",
        ),
    ] {
        fs::write(&file, format!("[mesh]\n{wrong}\nlisten = '127.0.0.1:0'\n")).unwrap();
        let expected = format!("egoist: {}\n", said.replace("PATH", path));
        assert_eq!(failure(base.path(), &["mesh", "node", "--config", path]), (2, expected));
    }
}

#[test]
fn a_recording_replays() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("run.rec");
    let path = file.to_str().unwrap();
    let mut node = Node::start("mesh", base.path(), &["--record", path, "--lookup-timeout", "100ms"]);
    let other = Node::beside(base.path(), &node, &[]);
    node.has_peers(1);
    let mut listener = node.listener(&other, &[]);
    other.told(&["send", "news"]);
    assert!(listener.line().ends_with("  broadcast  news"));
    node.told(&["send", "--value", "{\"map\": [[1, {\"bin\": \"00\"}], [null, -1.5]]}"]);
    let nobody = egoist(base.path(), &node.words(&["send", "--to", &"2".repeat(65), "hello"]));
    assert_eq!(nobody.status.code(), Some(1));
    node.told(&["leave"]);
    assert!(node.running.end().success());
    let replayed = answer(base.path(), &["replay", path]);
    assert!(replayed.starts_with("mesh node 1: ") && replayed.contains(", no difference"), "{replayed}");
    let printed = answer(base.path(), &["replay", path, "--until", "3", "--print"]);
    assert!(printed.contains(&format!("\nthen: {}, peers ", node.id)), "{printed}");
}

#[test]
fn what_no_node_can_do_is_said_with_a_remedy() {
    let base = tempfile::tempdir().unwrap();
    let free = ["mesh", "node", "--listen", "127.0.0.1:0"];
    for (flags, parts) in [
        (&["--want-peers", "0"][..], ["want_peers is zero", "--want-peers: give one or more"]),
        (
            &["--subnet", ""],
            ["subnet has no octet, or more than 64", "--subnet: give the network a short name"],
        ),
        (&["--join", "224.0.0.1:7"], ["has 224.0.0.1:7, where nobody can be dialled", "--join: name the IP"]),
        (&["--join", "nowhere"], ["'nowhere'", "write HOST:PORT"]),
        (
            &["--advertise", "0.0.0.0:7"],
            ["advertise has 0.0.0.0:7, where nobody can be dialled", "--advertise: name the IP"],
        ),
        (&["--ping-period", "9ms"], ["'9ms'", "at least 10ms"]),
    ] {
        let (code, said) = failure(base.path(), &[&free[..], flags].concat());
        assert_eq!((code, parts.map(|part| said.contains(part))), (2, [true; 2]), "{said}");
    }
    let (code, said) = failure(base.path(), &["mesh", "node", "--listen", "0.0.0.0:7"]);
    let expected = "egoist: others cannot dial an unspecified address: --listen: give --advertise IP:PORT";
    assert_eq!((code, said.starts_with(expected)), (2, true), "{said}");
    for (words, part) in [
        (&["send"][..], "required"),
        (&["send", "--to", "abc", "x"], "at least 4 digits"),
        (&["send", "--bin", "0"], "pairs of hexadecimal digits"),
        (&["send", "--value", "x"], "write JSON"),
        (&["disconnect", "0000"], "base 58"),
        (&["connect", "nowhere"], "write HOST:PORT"),
        (&["listen", "--count", "0"], "0 is not in 1.."),
    ] {
        let (code, said) = failure(base.path(), &[&["mesh"], words].concat());
        assert_eq!((code, said.contains(part)), (2, true), "{said}");
        assert!(said.contains("see 'egoist mesh --help'"), "{said}");
    }
    let long = "x".repeat(100_000);
    let (code, said) = failure(base.path(), &[&["mesh", "send"][..], &[&*long; 9]].concat());
    let expected = "egoist: the message has more than 900000 octets in JSON: VALUE: send it in pieces\n";
    assert_eq!((code, said.as_str()), (1, expected));
    let node = Node::start("mesh", base.path(), &[]);
    assert_eq!(node.told(&[&["send"][..], &[&*long; 8]].concat()), "sent to nobody: there is no peer\n");
    // One is refused that is said in the same second as the one before.
    let twice = (0..20).any(|_| {
        let output = egoist(base.path(), &node.words(&["send", "again"]));
        String::from_utf8(output.stderr).unwrap().contains("add a number to it")
    });
    assert!(twice, "who says the same within a second is told so");
}
