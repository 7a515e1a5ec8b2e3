//! How connections end, and a node's life.

use super::*;

#[test]
fn a_fragile_peer_is_not_closed_within_two_seconds() {
    let mut bench = Bench::new(config());
    let peer = bench.open(How::Accepted(PEERS), addr(40_000));
    bench.say(peer, &[0, 3, 0, 0]);
    assert_eq!((bench.closed.len(), bench.paused.as_slice()), (0, &[peer][..]));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.closed, [(peer, "a frame is shorter than its head")]);

    bench.open(How::Accepted(PEERS), addr(40_000));
    assert_eq!(bench.node.command(bench.now, Command::Leave), Ok(Reply::Left { peers: 1 }));
    bench.drain();
    assert_eq!(bench.closed.len(), 1);
    bench.pass(Duration::from_secs(2));
    assert_eq!((bench.closed.len(), bench.events.contains(&Event::Left)), (2, false));
    // Who lost it dials it again, and is held off as long.
    bench.pass(Duration::from_secs(1));
    let back = bench.open(How::Accepted(PEERS), addr(40_000));
    bench.pass(Duration::from_millis(1_999));
    assert_eq!((bench.closed.len(), bench.paused.last()), (2, Some(&back)));
    bench.pass(Duration::from_millis(1));
    assert_eq!((bench.closed.len(), bench.events.contains(&Event::Left)), (3, false));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.events.last(), Some(&Event::Left));
}

#[test]
fn who_dials_for_ever_keeps_no_node_from_leaving() {
    let mut bench = Bench::new(config());
    bench.compatible();
    bench.pass(Duration::from_secs(2));
    bench.node.command(bench.now, Command::Leave).unwrap();
    bench.drain();
    for _ in 0..11 {
        bench.open(How::Accepted(PEERS), addr(40_000));
        bench.pass(Duration::from_secs(1));
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
    bench.pass(Duration::from_millis(20));
    assert_eq!(
        (data(&bench.said(peer)).len(), bench.closed.as_slice()),
        (1, &[(peer, "this node has left")][..])
    );
    bench.pass(Duration::from_secs(2));
    assert_eq!((bench.aborted.len(), bench.events.last()), (0, Some(&Event::Left)));
}
