//! What modules may count on, as with a gossip-python node or better.

use super::*;

fn standing(bench: &Bench, id: u16) -> Option<Standing> {
    bench.node.message(id).map(|entry| entry.standing)
}

#[test]
fn who_subscribes_twice_is_told_of_each_message_once() {
    let mut bench = Bench::new(config());
    let (module, from) = (bench.module(), bench.compatible());
    for _ in 0..2 {
        bench.say(module, &write::notify(TYPE));
    }
    bench.say(from, &told(0, b"news"));
    assert_eq!(data(&bench.said(module)), ["news"]);
}

#[test]
fn each_subscription_repeats_all_that_is_kept_of_every_type_subscribed_to() {
    let mut bench = Bench::new(config());
    let (module, from) = (bench.module(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    bench.say(from, &told(0, b"undecided"));
    bench.say(module, &told(0, b"own"));
    bench.say(from, &told(1, b"near"));
    assert_eq!(notified(&bench.said(module)), [1, 3]);
    bench.say(module, &write::notify(TYPE + 1));
    let repeated = bench.said(module);
    assert_eq!(notified(&repeated), [1, 2, 3]);
    assert_eq!(data(&repeated), ["undecided", "own", "near"], "from the oldest to the newest");
}

#[test]
fn a_module_that_has_gone_is_subscribed_to_nothing() {
    let mut bench = Bench::new(config());
    let (module, from) = (bench.module(), bench.compatible());
    for data_type in [TYPE, TYPE + 1] {
        bench.say(module, &write::notify(data_type));
    }
    assert_eq!(bench.node.registrations().collect::<Vec<_>>(), [(TYPE, 1), (TYPE + 1, 1)]);
    bench.give(Input::Closed { conn: module, why: Closed::ByPeer });
    assert_eq!(bench.node.registrations().count(), 0);
    bench.say(from, &told(0, b"news"));
    assert_eq!(standing(&bench, 1), Some(Standing::Unheard));
}

#[test]
fn what_is_announced_goes_out_as_it_was_said_and_nothing_is_answered() {
    for ttl in [0, 1, 2, 255] {
        let mut bench = Bench::new(config());
        let (module, one, two) = (bench.module(), bench.compatible(), bench.compatible());
        let frame = write::announce(ttl, 0xab, TYPE, b"news");
        bench.say(module, &frame);
        for peer in [one, two] {
            assert_eq!(bench.said[&peer][..], frame[..], "ttl {ttl}");
        }
        bench.say(module, &write::validation(1, false));
        assert_eq!(standing(&bench, 1), Some(Standing::Valid(1)), "who announces vouches for it");
        assert_eq!(bench.said(module), []);
    }
}

#[test]
fn a_message_has_one_id_for_all_modules() {
    let mut bench = Bench::new(config());
    let (one, two, from) = (bench.module(), bench.module(), bench.compatible());
    bench.say(one, &write::notify(TYPE));
    bench.say(from, &told(0, b"first"));
    bench.say(two, &write::notify(TYPE));
    bench.say(from, &told(0, b"second"));
    assert_eq!((notified(&bench.said(one)), notified(&bench.said(two))), (vec![1, 2], vec![1, 2]));
}

#[test]
fn a_message_is_its_type_and_data() {
    let mut bench = Bench::new(config());
    let from = bench.compatible();
    bench.say(from, &told(0, b"news"));
    bench.say(from, &write::announce(9, 0xab, TYPE, b"news"));
    assert_eq!((bench.node.cache().count(), bench.node.counters().duplicates), (1, 1));
    bench.say(from, &write::announce(0, 0, TYPE + 1, b"news"));
    bench.say(from, &told(0, b"newt"));
    assert_eq!((bench.node.cache().count(), bench.node.counters().duplicates), (3, 1));
}

#[test]
fn what_has_left_the_cache_is_known_for_a_while() {
    let mut bench = Bench::new(Config { cache_size: 2, known_for: Duration::from_secs(60), ..config() });
    let (module, from) = (bench.module(), bench.compatible());
    for text in [b"a", b"b", b"c"] {
        bench.say(from, &told(0, text));
    }
    let holds = |bench: &Bench, text: &str| bench.node.cache().any(|entry| entry.announce.data == text);
    assert!(!holds(&bench, "a"));
    bench.say(from, &told(0, b"a"));
    bench.say(module, &told(0, b"a"));
    assert_eq!((holds(&bench, "a"), bench.node.counters().duplicates), (false, 2));
    bench.pass(Duration::from_secs(60));
    bench.say(from, &told(0, b"a"));
    assert!(holds(&bench, "a"));
}

#[test]
fn a_compatible_node_tells_of_the_last_hop_only_who_subscribes_later() {
    let mut bench = Bench::new(Config { address: Some(v4(5999)), ..Config::compatible(Seed::from_u64(1)) });
    let (module, from) = (bench.module(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    bench.say(from, &told(1, b"near"));
    assert_eq!(data(&bench.said(module)), NOTHING);
    let later = bench.module();
    bench.say(later, &write::notify(TYPE));
    assert_eq!(data(&bench.said(later)), ["near"]);
    bench.say(module, &write::notify(TYPE));
    assert_eq!(data(&bench.said(module)), ["near"]);
}

#[test]
fn a_module_that_reads_nothing_holds_up_nobody() {
    let mut bench = Bench::new(narrow(40));
    let (slow, other, from) = (bench.module(), bench.module(), bench.compatible());
    for module in [slow, other] {
        bench.say(module, &write::notify(TYPE));
    }
    bench.stalled.push(slow);
    for n in 0..30_u8 {
        bench.say(from, &told(0, &[n]));
        let ids = notified(&bench.said(other));
        assert_eq!(ids.len(), 1);
        bench.say(other, &write::validation(ids[0], true));
    }
    bench.stalled.clear();
    let unread = bench.said[&slow].len();
    bench.give(Input::Flushed { conn: slow, n: unread });
    assert_eq!(data(&bench.said(slow)).len(), 30);
}

#[test]
fn one_module_too_many_is_refused() {
    let mut bench = Bench::new(Config { max_modules: 1, max_peers: 1, ..config() });
    let (module, _) = (bench.module(), bench.compatible());
    let another = bench.module();
    assert_eq!(bench.closed, [(another, "no room for another module")]);
    assert_eq!(bench.node.modules().map(|module| module.conn).collect::<Vec<_>>(), [module]);
}

#[test]
fn what_is_known_has_no_second_id() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.announce(b"news"), Ok(Reply::Announced { id: Some(1) }));
    assert_eq!(bench.announce(b"news"), Ok(Reply::Announced { id: None }));
}

#[test]
fn a_verdict_on_what_does_not_wait_is_refused() {
    let mut bench = Bench::new(config());
    let from = bench.compatible();
    bench.node.command(bench.now, Command::Subscribe { data_type: TYPE }).unwrap();
    bench.say(from, &told(0, b"good"));
    bench.say(from, &told(0, b"evil"));
    let mut judge = |id, valid| bench.node.command(bench.now, Command::Validate { id, valid });
    assert_eq!((judge(1, true), judge(2, false)), (Ok(Reply::Done), Ok(Reply::Done)));
    for id in [1, 2, 77] {
        assert_eq!(judge(id, false), Err(Refusal::NotWaiting), "{id}");
    }
    assert_eq!(standing(&bench, 1), Some(Standing::Valid(1)));
    assert_eq!(standing(&bench, 2), None);
}

#[test]
fn a_silent_message_does_not_come_with_the_next_one() {
    let mut bench = Bench::new(Config { address: Some(v4(5999)), ..Config::compatible(Seed::from_u64(1)) });
    let (module, from) = (bench.module(), bench.compatible());
    bench.say(module, &write::notify(TYPE));
    bench.say(from, &told(1, b"near"));
    bench.say(from, &told(2, b"far"));
    assert_eq!(data(&bench.said(module)), ["far"]);
    bench.say(module, &write::notify(TYPE));
    assert_eq!(data(&bench.said(module)), ["near", "far"]);
}
