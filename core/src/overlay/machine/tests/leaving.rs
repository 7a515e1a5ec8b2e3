//! Those who leave in good order are gone at once, for everybody.

use super::*;
use crate::overlay::event::Command;
use crate::overlay::wire::Registration;

impl Bench {
    /// The last word of `id` reaches the node on `conn`.
    fn farewell(&mut self, conn: ConnId, id: u128) {
        self.sequence += 1;
        let attributes = Attributes { life: Some(1_800), left: true, ..Attributes::default() };
        let body = Body::of(Update { attributes, links: Links::default() });
        let key = Key { incarnation: 1, sequence: self.sequence };
        self.say(conn, &Packet::Upt(Upt::originate(key, name(id), 0, &body)));
    }

    /// Whom the node names to a newcomer.
    fn names(&mut self) -> Vec<u128> {
        let conn = self.open(90, How::Accepted(Port(0)));
        let registration = Registration {
            node: name(90).into(),
            k: 2,
            network: Some(network()),
            all: true,
            over: false,
            other: Others::NONE,
        };
        self.say(conn, &Packet::Reg(registration));
        let net = self.peers[&conn].said.iter().find_map(|packet| match packet {
            Packet::Net(names) => Some(names.iter().map(|contact| contact.name.id.unwrap().0)),
            _ => None,
        });
        let mut ids: Vec<u128> = net.expect("an answer").collect();
        ids.sort_unstable();
        ids
    }
}

#[test]
fn who_left_is_named_counted_and_probed_no_more() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let conn = bench.open(50, How::Accepted(Port(0)));
    let registration = Registration {
        node: name(50).into(),
        k: 2,
        network: Some(network()),
        all: false,
        over: false,
        other: Others::NONE,
    };
    bench.say(conn, &Packet::Reg(registration));
    bench.record(conns[0], 50, &[(1, ListedRole::Both)], 8);
    let known =
        |bench: &Bench| (bench.node.status().known, bench.node.nodes().len(), bench.node.routes().len());
    assert_eq!((bench.names(), known(&bench)), (vec![1, 2, 3, 4, 50, ME], (6, 6, 5)));
    bench.farewell(conns[0], 50);
    assert_eq!((bench.names(), known(&bench)), (vec![1, 2, 3, 4, ME], (5, 5, 4)));
    assert!(bench.node.probes.get(NodeId(50)).is_none());
    bench.probes = 0;
    bench.node.prepare();
    bench.drain();
    assert_eq!(bench.probes, 0, "nobody asks whether it is there");
}

#[test]
fn an_older_record_does_not_bring_back_who_left_and_a_newer_one_does() {
    let (mut bench, conns) = Bench::settled(|_| ());
    let upt = |sequence| {
        Bench::bare(Key { incarnation: 1, sequence }, name(50), 0, 1_800, &[(1, ListedRole::Both)])
    };
    bench.farewell(conns[0], 50);
    let left = bench.sequence;
    bench.say(conns[0], &upt(left - 1));
    assert!(!bench.names().contains(&50));
    bench.say(conns[0], &upt(left + 1));
    assert!(bench.names().contains(&50));
}

#[test]
fn a_choice_that_leaves_while_it_is_courted_is_given_up_at_once() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.record(conns[0], 50, &[(1, ListedRole::Both)], 8);
    bench.silent.insert(50);
    bench.node.court(NodeId(50), None);
    assert!(bench.node.choosing.courts(NodeId(50)));
    bench.farewell(conns[0], 50);
    assert!(!bench.node.choosing.courts(NodeId(50)));
}

#[test]
fn who_leaves_says_so() {
    let (mut bench, conns) = Bench::settled(|_| ());
    bench.node.command(bench.now, Command::Leave).unwrap();
    bench.drain();
    let last = bench.peers[&conns[0]].said.iter().rev().find_map(|packet| match packet {
        Packet::Upt(upt) => Some(upt.parse_body().unwrap().updates()[0].attributes.left),
        _ => None,
    });
    assert_eq!(last, Some(true));
}
