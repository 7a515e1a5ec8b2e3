//! Events per second of a world: heartbeats over datagrams and a frame now and then over connections, from machines that
//! do next to nothing.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use divan::counter::ItemsCount;
use egoist_core::kernel::{
    Class, ConnId, How, Input, Machine, Output, Port, Seed, Streams, Ticket, Time, Wake,
};
use egoist_core::sim::{Boot, Config, World, address};

const NODES: usize = 490;
const LINKS: usize = 8;
const BEAT: Duration = Duration::from_millis(250);

fn main() {
    divan::main();
}

/// Beats to its neighbours, all in one wake-up, and passes the time.
struct Beater {
    peers: Vec<SocketAddr>,
    links: Vec<ConnId>,
    streams: bool,
    next: Time,
    beat: Bytes,
    heard: u64,
    out: VecDeque<Output<()>>,
}

impl Beater {
    fn new(boot: Boot, streams: bool) -> Self {
        let mut rng = Streams::new(boot.seed).named("bench");
        let peers: Vec<SocketAddr> = (0..LINKS).map(|_| address(rng.index(NODES))).collect();
        let dial = |(i, to): (usize, &SocketAddr)| Output::Dial {
            ticket: Ticket(i as u64),
            to: *to,
            deadline: Time::from_secs(60),
        };
        let out = if streams { peers.iter().enumerate().map(dial).collect() } else { VecDeque::new() };
        let next = boot.now + rng.between(Duration::from_micros(1), BEAT);
        let beat = Bytes::from_static(b"HB@0123456789abcdef@123@122@4567");
        Beater { peers, links: Vec::new(), streams, next, beat, heard: 0, out }
    }

    fn beat(&mut self) {
        if self.streams {
            for &conn in &self.links {
                let frame = self.beat.clone();
                self.out.push_back(Output::Send { conn, frame, class: Class::Control, solo: false });
            }
        } else {
            for &to in &self.peers {
                let payload = self.beat.clone();
                self.out.push_back(Output::Datagram { port: Port(0), to, payload, class: Class::Urgent });
            }
        }
    }
}

impl Machine for Beater {
    type Command = ();
    type Reply = ();
    type Refusal = ();
    type Event = ();

    fn handle(&mut self, now: Time, input: Input<'_>) {
        match input {
            Input::Datagram { bytes, .. } => self.heard += bytes.len() as u64,
            Input::Received { bytes, .. } => self.heard += bytes.split().len() as u64,
            Input::Opened { conn, how: How::Dialed(_), .. } => self.links.push(conn),
            Input::Tick if now >= self.next => {
                self.next = now + BEAT;
                self.beat();
            }
            _ => {}
        }
    }

    fn command(&mut self, _: Time, (): ()) -> Result<(), ()> {
        Ok(())
    }

    fn poll(&mut self) -> Option<Output<()>> {
        self.out.pop_front()
    }

    fn poll_timeout(&self) -> Option<Wake> {
        Some(Wake { at: self.next, why: "beat" })
    }
}

fn world(streams: bool) -> World<Beater> {
    let delay = |i: usize, j: usize| 1_000 + ((i * 7_919 + j * 104_729) % 100_000) as u64;
    let mut world = World::new(Config::default(), delay, Seed::from_u64(1));
    for _ in 0..NODES {
        let node = world.add(move |boot| Beater::new(boot, streams));
        world.start(node, Time::ZERO);
    }
    world.run_until(Time::from_secs(5), |_, _, ()| ());
    world
}

fn measure(bencher: divan::Bencher<'_, '_>, streams: bool) {
    let span = Duration::from_secs(200);
    let mut counted = world(streams);
    let before = counted.totals().events;
    counted.run_until(counted.now() + span, |_, _, ()| ());
    bencher
        .counter(ItemsCount::new(counted.totals().events - before))
        .with_inputs(|| world(streams))
        .bench_local_values(|mut world| {
            world.run_until(world.now() + span, |_, _, ()| ());
            world
        });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn datagrams(bencher: divan::Bencher<'_, '_>) {
    measure(bencher, false);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn connections(bencher: divan::Bencher<'_, '_>) {
    measure(bencher, true);
}
