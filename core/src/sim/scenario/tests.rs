//! That scripts do what they say, can be written and read, and are made smaller until nothing can be; with a protocol of
//! numbers that are passed on.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::kernel::{Class, Input, Output, Port, Wake};
use crate::sim::{Kind, address};

/// Tells everybody the largest number that it knows, each second, and ends at a limit.
struct Gossip {
    now: Time,
    nodes: usize,
    largest: u64,
    next: Time,
    left: bool,
    out: VecDeque<Output<u64>>,
}

impl Machine for Gossip {
    type Command = u64;
    type Reply = ();
    type Refusal = ();
    type Event = u64;

    fn handle(&mut self, now: Time, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Datagram { bytes, .. } if !self.left => {
                let told = u64::from_be_bytes(bytes.try_into().expect("eight octets"));
                if told > self.largest {
                    self.largest = told;
                    self.out.push_back(Output::Event(told));
                }
            }
            Input::Tick if now >= self.next => {
                self.next = now + Duration::from_secs(1);
                self.tell();
            }
            _ => {}
        }
    }

    fn command(&mut self, _: Time, number: u64) -> Result<(), ()> {
        (self.left, self.largest) = (number == 0, number.max(self.largest));
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<u64>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        let at =
            if self.out.is_empty() { self.next.max(self.now + Duration::from_micros(1)) } else { self.now };
        Some(Wake { at, why: "gossip" })
    }
}

impl Gossip {
    fn tell(&mut self) {
        for node in (0..self.nodes).filter(|_| !self.left) {
            let payload = Bytes::copy_from_slice(&self.largest.to_be_bytes());
            self.out.push_back(Output::Datagram {
                port: Port(0),
                to: address(node),
                payload,
                class: Class::Urgent,
            });
        }
    }
}

/// The limit above which a number is wrong, and whether there is one.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Plan {
    limit: Option<u64>,
}

#[derive(Clone, PartialEq, Debug)]
struct Know(u64);

impl Order for Know {}

impl fmt::Display for Know {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "know {}", self.0)
    }
}

impl FromStr for Know {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.strip_prefix("know ").and_then(|n| n.parse().ok()).map(Know).ok_or(())
    }
}

/// What the nodes told, in turn.
#[derive(Default)]
struct Told(Vec<(usize, u64)>);

impl Watch<Plan> for Told {
    fn hear(&mut self, _: Time, node: usize, event: &u64) {
        self.0.push((node, *event));
    }

    fn afterwards(&mut self, script: &Script<Plan>, _: &mut World<Gossip>) -> Result<(), &'static str> {
        let above = |(_, told): &(usize, u64)| script.plan.limit.is_some_and(|limit| *told > limit);
        if self.0.iter().any(above) { Err("above the limit") } else { Ok(()) }
    }
}

impl Protocol for Plan {
    const NAME: &'static str = "gossip";
    const ATTENDANTS: usize = 1;
    type Machine = Gossip;
    type Order = Know;
    type Difference = &'static str;
    type Watch = Told;

    fn machine(script: &Script<Self>, boot: Boot) -> Gossip {
        let nodes = script.nodes() + Self::ATTENDANTS;
        Gossip { now: boot.now, nodes, largest: 1, next: boot.now, left: false, out: VecDeque::new() }
    }

    fn order(_: &Script<Self>, world: &mut World<Gossip>, node: usize, order: &Know) {
        let _ = world.command(node, order.0);
    }

    fn leave(world: &mut World<Gossip>, node: usize) {
        let _ = world.command(node, 0);
    }

    fn settling(_: &Script<Self>) -> Duration {
        Duration::from_secs(5)
    }

    fn judge(script: &Script<Self>, world: &World<Gossip>) -> Result<(), &'static str> {
        let known: BTreeSet<u64> = script.members(world).iter().map(|(_, node)| node.largest).collect();
        if known.len() > 1 { Err("they know different numbers") } else { Ok(()) }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limit.map_or(Ok(()), |limit| writeln!(f, "limit {limit}"))
    }

    fn read(&mut self, word: &str, rest: &str) -> Option<()> {
        self.limit = Some(rest.parse().ok().filter(|_| word == "limit")?);
        Some(())
    }

    fn simpler(&self) -> Vec<Self> {
        vec![Plan { limit: None }]
    }

    fn weight(&self) -> u64 {
        u64::from(self.limit.is_some())
    }
}

impl Drawn for Plan {
    const CHOICES: usize = 16;

    fn chosen(choices: &[u16]) -> Script<Self> {
        let [nodes, high, low, spread, terrain, jitter, loss, clocks, limit, departures @ ..] =
            *choices.first_chunk::<16>().expect("sixteen");
        let ground = Ground { nodes, seed: [high, low], spread, terrain, jitter, loss, clocks, departures };
        ground.script(Plan { limit: (limit % 2 == 1).then(|| u64::from(limit)) })
    }

    fn step(script: &Script<Self>, choices: faults::Choices) -> Step<Know> {
        match choices {
            [kind, number, node, ..] if kind % 8 == 7 => {
                Step::Order { node: usize::from(node) % script.nodes(), order: Know(u64::from(number)) }
            }
            _ => Step::Fault(Action::chosen(choices, script.severity())),
        }
    }
}

fn read(text: &str) -> Script<Plan> {
    text.parse().unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_script_joins_strikes_orders_recovers_and_asks() {
    let text = "joins 0s 1s 2s\nloss 1000000\ntell 0 know 9\ndo wait 3s\ndo kill 1\ndepart 2 halt\n";
    let held = read(text).run().unwrap();
    assert!(held.after > Duration::ZERO && held.after < Duration::from_secs(5), "{held:?}");
    assert_eq!((held.tally.of(Kind::Kill), held.tally.of(Kind::Halt)), (1, 1));
    assert!(held.tally.of(Kind::Loss) > 0, "until the recovery");
    let above = read(&format!("{text}limit 8\n")).run();
    assert_eq!(above, Err("above the limit"), "an order that is followed is told on");
    assert_eq!(read(&format!("{text}limit 9\n")).run().map(|held| held.after), Ok(held.after));
    assert_eq!(
        read("joins 0s 0s\ntell 0 know 9\ndo wait 3s\ntell 1 know 0\ntell 0 know 10\n").run(),
        Err("they know different numbers")
    );
}

#[test]
fn attendants_have_faults_and_nobody_asks_about_them() {
    let script = read("joins 0s\ndo wait 2s\ndo kill 1\n");
    assert_eq!(script.run().unwrap().tally.of(Kind::Kill), 1);
    let mut world = script.world();
    world.run_until(Time::from_secs(1), |_, _, _| ());
    assert_eq!((world.len(), script.members(&world).len(), script.severity().nodes), (2, 1, 2));
}

#[test]
fn members_are_those_who_run_and_are_to_stay() {
    let script = read("joins 0s 0s 0s 0s\ndepart 1 kill\ndepart 2 leave\n");
    let mut world = script.world();
    world.run_until(Time::from_secs(1), |_, _, _| ());
    let numbers = |world: &World<Gossip>| script.members(world).iter().map(|m| m.0).collect::<Vec<_>>();
    assert_eq!(numbers(&world), [0, 3]);
    script.depart(&mut world);
    assert_eq!(world.condition(1), Condition::Down);
    assert!(world.machine(2).is_some_and(|node| node.left));
    world.kill(0);
    assert_eq!(numbers(&world), [3]);
}

proptest! {
    #[test]
    fn any_octets_are_a_script_that_can_be_written_and_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
        let script = Script::<Plan>::decoded(&octets);
        prop_assert_eq!(script.to_string().parse(), Ok(script));
    }

    /// Whatever fails by chance: what is tried is smaller each time, names nobody who is not there, and it ends.
    #[test]
    fn shrinking_ends_in_a_script_of_which_nothing_smaller_fails(
        octets in prop::collection::vec(any::<u8>(), 0..300),
        fails in any::<u64>(),
        percent in 0u64..100,
    ) {
        let script = Script::<Plan>::decoded(&octets);
        let mut rng = Streams::new(Seed::from_u64(fails)).named("failures");
        let mut last = script.measure();
        let shrunk = script.shrink("as drawn", u32::MAX, |tried| {
            assert!(tried.measure() < last);
            assert_eq!(tried.to_string().parse().as_ref(), Ok(tried));
            if !rng.percent(percent) {
                return Ok(());
            }
            last = tried.measure();
            Err("by chance")
        });
        prop_assert_eq!(shrunk.script.measure(), last);
    }
}

#[test]
fn what_does_not_matter_goes_and_what_does_stays() {
    let script = read(
        "seed 5\njoins 300ms 1s 2s 900ms 3s\nterrain lan\njitter 3ms\nloss 700\nclocks 48h\nlimit 7\n\
         do wait 3s\ndo cut 0 1 both\ntell 4 know 900\ndo wait 9s\ndo kill 3\ntell 2 know 12\ndo loss 40\n\
         depart 1 halt\ndepart 3 kill\n"
            .replace("48h", "9s")
            .as_str(),
    );
    // It fails wherever node 2 is told a number of two digits.
    let two_digits = |step: &Step<Know>| matches!(step, Step::Order { node: 2, order: Know(10..) });
    let fails =
        |script: &Script<Plan>| if script.steps.iter().any(two_digits) { Err("two digits") } else { Ok(()) };
    let shrunk = script.shrink("as given", 400, fails);
    let least =
        "protocol gossip\nseed 5\njoins 0s 0s\nterrain plane\njitter 0s\nloss 0\nclocks 0s\ntell 2 know 12\n";
    assert_eq!(shrunk.script.to_string(), least);
    assert!(shrunk.runs < 60, "{}", shrunk.runs);
    let none = script.shrink("as given", 0, fails);
    assert_eq!((none.script, none.runs, none.difference), (script, 0, "as given"));
}

#[test]
fn moments_of_news_do_not_end_a_calm() {
    let mut calm = Calm::default();
    let seconds = Time::from_secs;
    calm.seen(seconds(10), true);
    calm.seen(seconds(15), false);
    assert_eq!(calm.since, Some(seconds(10)));
    calm.seen(seconds(15), true);
    calm.seen(seconds(20), false);
    assert_eq!(calm.since, Some(seconds(10)));
    calm.seen(seconds(21), false);
    assert_eq!(calm.since, None);
    calm.seen(seconds(22), true);
    assert_eq!(calm.since, Some(seconds(22)));
}

#[test]
fn a_third_at_most_departs_and_in_every_way() {
    let mut rng = Streams::new(Seed::from_u64(3)).named("grammar");
    let mut ways: BTreeMap<&str, i32> = BTreeMap::new();
    for _ in 0..5_000 {
        let script = Script::<Plan>::drawn(&mut rng, 0);
        let departures = &script.departures;
        assert!(departures.len() <= (script.nodes() / 3).min(3));
        for (i, (node, how)) in departures.iter().enumerate() {
            assert!(*node < script.nodes() && departures[..i].iter().all(|(gone, _)| gone != node));
            *ways.entry(how.name()).or_insert(0) += 1;
        }
    }
    let all: i32 = ways.values().sum();
    assert!(
        all > 4_000 && ways.len() == 3 && ways.values().all(|way| (all / 4..all / 2).contains(way)),
        "{ways:?}"
    );
}
