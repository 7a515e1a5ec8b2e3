//! Other nodes under this node's id.

use super::*;
use crate::overlay::wire::Registration;

fn says_twin(bench: &mut Bench, conn: ConnId) {
    let word = Word::new("LNK").unwrap();
    bench.say(conn, &Packet::Nack(Nack { word, reason: Some(Reason::Twin), nodes: Default::default() }));
}

#[test]
fn a_record_under_this_nodes_id_from_another_address_has_whoever_lives_there_asked() {
    let (mut bench, conns) = Bench::settled(|config| config.more_addresses.push(address(101)));
    bench.events.clear();
    bench.lives.extend([(77, ME), (78, ME)]);
    let hear = |bench: &mut Bench, sequence, at| {
        let node = NodeName { addr: address(at), id: Some(NodeId(ME)) };
        let key = Key { incarnation: 1, sequence };
        bench.say(conns[0], &Bench::bare(key, node, 0, 1_800, &[]));
        bench.dialled()
    };
    assert_eq!(hear(&mut bench, 1_000, 101), [], "its own, before its addresses were told in another order");
    assert_eq!(hear(&mut bench, 2_000, 77), [77]);
    assert_eq!(hear(&mut bench, 3_000, 78), [77], "one in each healing period");
    bench.refuse_dial(77);
    assert_eq!(bench.node.status().twin, None, "nobody lives there any more");
    bench.pass(Duration::from_secs(5));
    hear(&mut bench, 4_000, 77);
    let conn = bench.reach(77);
    says_twin(&mut bench, conn);
    assert_eq!(bench.node.status().twin, Some(address(77)));
    let told = |bench: &Bench| {
        bench.events.iter().filter(|event| **event == Event::Impostor { address: address(77) }).count()
    };
    assert_eq!(told(&bench), 1);
}

#[test]
fn a_twin_is_asked_whether_it_is_still_there_and_forgotten_if_it_does_not_say_so() {
    let (mut bench, _) = Bench::settled(|_| ());
    let claim = Registration {
        node: NodeName { addr: address(77), ..name(ME) }.into(),
        k: 2,
        network: Some(network()),
        all: false,
        over: false,
        other: Others::NONE,
    };
    let conn = bench.open(50, How::Accepted(Port(0)));
    bench.say(conn, &Packet::Reg(claim));
    let mut asked = 0;
    for there in [true, false] {
        for _ in 0..30 {
            bench.pass(Duration::from_secs(1));
            assert_eq!(bench.node.status().twin, Some(address(77)));
            if !bench.dialled().contains(&77) {
                continue;
            }
            asked += 1;
            if there {
                let conn = bench.reach(77);
                says_twin(&mut bench, conn);
            } else {
                bench.refuse_dial(77);
            }
        }
    }
    assert!((11..=13).contains(&asked), "{asked}");
    bench.pass(Duration::from_secs(40));
    assert_eq!(bench.node.status().twin, None);
    let told = |event: &&Event| matches!(event, Event::Impostor { .. });
    assert_eq!(bench.events.iter().filter(told).count(), 1);
}
