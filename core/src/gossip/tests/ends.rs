//! How connections end, and a node's life.

use super::*;
use crate::gossip::parting::Life;
use crate::kernel::Streams;

const LEFT: &str = "this node has left";

#[test]
fn a_fragile_peer_is_not_closed_within_two_seconds() {
    let mut bench = Bench::new(config());
    let peer = bench.open(How::Accepted(PEERS), addr(40_000));
    bench.say(peer, &[0, 3, 0, 0]);
    assert_eq!((bench.closed.len(), bench.paused.as_slice()), (0, &[peer][..]));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.closed, [(peer, "a frame is shorter than its head")]);
}

#[test]
fn a_fragile_peer_is_closed_when_it_has_answered_and_who_dials_again_likewise() {
    let mut bench = Bench::new(config());
    let peer = bench.compatible();
    assert_eq!(bench.node.command(bench.now, Command::Leave), Ok(Reply::Left { peers: 1 }));
    bench.pass(Duration::from_secs(9));
    assert_eq!((bench.said(peer), bench.closed.len()), (vec![Message::PeerRequest(v4(5999))], 0));
    bench.say(peer, &write::peer_response(&[]));
    bench.pass(Duration::from_millis(499));
    assert_eq!(bench.closed.len(), 0);
    bench.pass(Duration::from_millis(1));
    assert_eq!((bench.closed.as_slice(), bench.events.contains(&Event::Left)), (&[(peer, LEFT)][..], false));
    // Who lost it dials it again, and is held off until it has answered.
    bench.pass(Duration::from_secs(1));
    let back = bench.open(How::Accepted(PEERS), addr(40_000));
    bench.pass(Duration::from_secs(7));
    bench.say(back, &[told(0, b"more"), write::peer_response(&[v4(6001)])].concat());
    assert_eq!((bench.closed.len(), bench.paused.last()), (1, Some(&back)));
    bench.pass(Duration::from_millis(500));
    assert_eq!((bench.closed.len(), bench.events.contains(&Event::Left)), (2, false));
    bench.pass(Duration::from_secs(2));
    assert_eq!((bench.events.last(), bench.node.counters().heard), (Some(&Event::Left), 0));
}

#[test]
fn who_never_answers_holds_a_node_that_leaves_for_ten_seconds() {
    for address in [Some(v4(5999)), None] {
        let mut bench = Bench::new(Config { address, ..config() });
        bench.compatible();
        bench.node.command(bench.now, Command::Leave).unwrap();
        // One that nobody can dial does not ask.
        let held = if address.is_some() { 10_000 } else { 1_500 };
        bench.pass(Duration::from_millis(held - 1));
        assert_eq!(bench.closed.len(), 0);
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.closed.len(), 1);
    }
}

#[test]
fn who_dials_for_ever_keeps_no_node_from_leaving() {
    let mut bench = Bench::new(config());
    bench.compatible();
    bench.node.command(bench.now, Command::Leave).unwrap();
    for _ in 0..30 {
        bench.pass(Duration::from_secs(1));
        bench.open(How::Accepted(PEERS), addr(40_000));
    }
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.events.last(), Some(&Event::Left));
}

#[test]
fn who_leaves_says_first_what_waits_and_resets_nobody() {
    let mut bench = Bench::new(config());
    let peer = bench.compatible();
    bench.pass(Duration::from_secs(2));
    for text in [b"1", b"2"] {
        bench.announce(text).unwrap();
    }
    assert_eq!(bench.node.command(bench.now, Command::Leave), Ok(Reply::Left { peers: 1 }));
    bench.drain();
    assert_eq!((data(&bench.said(peer)).len(), bench.closed.len()), (1, 0), "the second waits for its time");
    bench.say(peer, &write::peer_response(&[]));
    bench.pass(Duration::from_millis(500));
    assert_eq!((data(&bench.said(peer)).len(), bench.closed.as_slice()), (1, &[(peer, LEFT)][..]));
    bench.pass(Duration::from_secs(2));
    assert_eq!((bench.aborted.len(), bench.events.last()), (0, Some(&Event::Left)));
}

const MAX_PEERS: usize = 3;

/// Connections that are held to be closed.
fn held(bench: &Bench) -> usize {
    bench.node.conns.len() - bench.node.peers().count()
}

/// What a gossip-python node has yet to look for: it ends when a connection is no more by then.
struct Python {
    busy: Duration,
    /// What is due when, at which connection, and whether it is answered.
    queue: VecDeque<(Time, ConnId, bool)>,
}

impl Python {
    fn opened(&mut self, bench: &Bench, conn: ConnId) {
        self.queue.push_back((bench.now + self.busy, conn, false));
    }

    /// Reads what it was sent, and does what is due.
    fn step(&mut self, bench: &mut Bench, conns: &[ConnId]) {
        for conn in conns {
            for message in bench.said(*conn) {
                let asks = matches!(message, Message::PeerRequest(_));
                if asks || matches!(message, Message::PeerInit(_)) {
                    self.queue.push_back((bench.now + self.busy, *conn, asks));
                }
            }
        }
        while let Some((_, conn, asks)) = self.queue.pop_front_if(|(due, ..)| *due <= bench.now) {
            assert!(bench.closed.iter().all(|(closed, _)| *closed != conn), "busy for {:?}", self.busy);
            if asks {
                bench.say(conn, &write::peer_response(&[]));
            }
        }
    }
}

#[test]
fn no_peer_looks_for_a_connection_that_was_closed_however_busy_it_is() {
    for (seed, busy) in (0..200).flat_map(|seed| [10, 700, 3_000, 9_000].map(|busy| (seed, busy))) {
        let mut rng = Streams::new(Seed::from_u64(seed)).named("python");
        let mut bench = Bench::new(Config { max_peers: MAX_PEERS, ..config() });
        let mut python = Python { busy: Duration::from_millis(busy), queue: VecDeque::new() };
        let mut conns = Vec::new();
        let leaves = rng.index(300);
        for step in 0..600 {
            if step == leaves {
                bench.node.command(bench.now, Command::Leave).unwrap();
                bench.drain();
            }
            // It dials, also whom it has just lost, and ends a connection itself, which makes the others be asked.
            let is_let_in = bench.node.life < Life::Ending && held(&bench) < MAX_PEERS;
            match rng.below(60) {
                0 if is_let_in => {
                    let conn = bench.open(How::Accepted(PEERS), addr(40_000));
                    python.opened(&bench, conn);
                    conns.push(conn);
                }
                1 if step < leaves && conns.len() > 1 => {
                    let conn = conns.swap_remove(rng.index(conns.len()));
                    python.queue.retain(|(_, queued, _)| *queued != conn);
                    if bench.closed.iter().all(|(closed, _)| *closed != conn) {
                        bench.give(Input::Closed { conn, why: Closed::ByPeer });
                    }
                }
                _ => {}
            }
            bench.pass(Duration::from_millis(100));
            python.step(&mut bench, &conns);
        }
        assert_eq!(bench.events.last(), Some(&Event::Left));
    }
}
