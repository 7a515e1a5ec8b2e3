//! What one peer or module does costs no other.

use super::*;

#[test]
fn a_module_that_does_not_read_is_not_told_of_its_own_messages_later() {
    let mut bench = Bench::new(narrow(4));
    let (module, other) = (bench.module(), bench.module());
    bench.say(module, &write::notify(TYPE));
    bench.stalled.push(module);
    for text in [b"other 1", b"other 2", b"other 3"] {
        bench.say(other, &told(0, text));
    }
    for text in [b"own 1", b"own 2", b"own 3", b"own 4", b"own 5", b"own 6"] {
        bench.say(module, &told(0, text));
    }
    bench.say(other, &told(0, b"other 4"));
    bench.stalled.clear();
    let unflushed = bench.said[&module].len();
    bench.give(Input::Flushed { conn: module, n: unflushed });
    let told = data(&bench.said(module));
    assert!(told.iter().all(|data| data.starts_with(b"other")), "{told:?}");
    assert_eq!(told.last(), Some(&Bytes::from_static(b"other 4")));
}

#[test]
fn a_message_that_is_held_back_is_asked_of_another_whatever_else_comes() {
    let mut bench = Bench::new(config());
    let (one, two) = (bench.native(2), bench.native(3));
    let texts: [&[u8]; 4] = [b"0", b"1", b"2", b"3"];
    let offers = texts.map(|text| Offer { hash: MessageHash::of(TYPE, text), ttl: 0 });
    bench.say(one, &write::have(&offers));
    bench.say(two, &write::have(&offers[..1]));
    for text in &texts[1..] {
        bench.pass(Duration::from_secs(2));
        bench.say(one, &told(0, text));
    }
    assert_eq!(bench.said(two), [Message::Want(vec![offers[0].hash])]);
}

#[test]
fn who_takes_the_place_of_one_that_has_gone_answers_for_nothing_of_it() {
    let mut bench = Bench::new(Config { cache_size: 8, max_peers: 1, ..config() });
    let module = bench.module();
    bench.say(module, &write::notify(TYPE));
    let gone = bench.compatible();
    for text in [b"1", b"2", b"3"] {
        bench.say(gone, &told(0, text));
    }
    bench.give(Input::Closed { conn: gone, why: Closed::ByPeer });
    let next = bench.compatible();
    bench.say(next, &write::announce(0, 0, TYPE + 1, b"unheard"));
    assert_eq!(bench.paused, [], "nothing of it waits");
    for id in notified(&bench.said(module)) {
        bench.say(module, &write::validation(id, false));
    }
    let peers: Vec<u64> = bench.node.peers().map(|peer| peer.invalid).collect();
    assert_eq!((peers, bench.node.counters().invalid), (vec![0], 3));
}

#[test]
fn who_says_ever_another_address_is_passed_on_no_faster_than_other_news() {
    let mut bench = Bench::new(config());
    let (one, two) = (bench.compatible(), bench.compatible());
    for port in 6000..6200 {
        bench.say(one, &write::peer_init(v4(port)));
    }
    bench.pass(Duration::from_secs(3));
    let told = bench.said(two).len();
    assert!((64..=70).contains(&told), "{told}");
    assert_eq!(bench.node.counters().excess_updates, 200 - told as u64);
}
