//! Payloads as fast as the overlay takes them: direct, and over one and two relays.
//!
//! ```text
//! cargo run --release -p egoist-tests --example payloads -- [COUNT] [OCTETS] [RELAYS] [link | datagram]
//! ```
//!
//! Sends COUNT (a million) payloads of OCTETS (each of 64, 1,024, 1,200 and 4,096) over RELAYS (each of 0, 1, 2) through
//! real event loops on loopback, a thread each, whenever the source is not refused as busy. For each it prints how many
//! were sent, delivered, and said to be lost; how many a second; processor time for each forward at a relay; and, where it
//! is one relay, what one written by hand on mio makes of messages of the same size right after. Whoever is suspected on
//! the way, or unreachable, is counted.

#[path = "../../../runtime-mio/benches/relay/bare.rs"]
mod bare;
mod chain;
mod fenced;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use egoist_core::overlay::Way;

use chain::Task;

const SIZES: [usize; 4] = [64, 1_024, 1_200, 4_096];
const RELAYS: [usize; 3] = [0, 1, 2];
/// What the head of a payload takes, about, and the ends of its lines.
const HEAD: usize = 94;

/// What became of all payloads.
#[derive(Default, Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) disordered: u64,
    pub(crate) told: u64,
    /// Payloads that neither arrived nor were said to be lost, or both.
    pub(crate) untold: u64,
    pub(crate) refused: u64,
    pub(crate) unreachable: u64,
    pub(crate) suspected: u64,
    pub(crate) took: Duration,
    /// Processor time of the first relay, and how many payloads it passed on.
    pub(crate) relay: Option<(Duration, u64)>,
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn micros_each((time, count): (Duration, u64)) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

impl Outcome {
    fn print(&self, octets: usize, relays: usize) {
        let missing = self.sent - self.delivered.min(self.sent);
        let forward = self.relay.map_or_else(|| "-".to_owned(), |relay| format!("{:.2}", micros_each(relay)));
        println!(
            "{octets:>6} {relays:>6} {:>9} {:>9} {missing:>8} {:>8} {:>8} {:>10} {:>8} {:>11} {:>9} {:>9.0} {forward:>9}",
            self.sent,
            self.delivered,
            self.told,
            self.untold,
            self.disordered,
            self.refused,
            self.unreachable,
            self.suspected,
            per_second(self.delivered, self.took),
        );
    }
}

/// Messages a second through the relay by hand, and processor time for each.
fn by_hand(message: usize, count: u64) -> (f64, f64) {
    let (tell, told) = std::sync::mpsc::channel();
    let relaying = thread::spawn(move || {
        bare::relay(|addr| tell.send(addr).expect("somebody waits"), message);
        chain::processor_time()
    });
    let at = told.recv().expect("the relay listens");
    let mut source = TcpStream::connect(at).expect("loopback");
    source.write_all(&[0]).expect("loopback");
    thread::sleep(Duration::from_millis(50));
    let mut sink = TcpStream::connect(at).expect("loopback");
    thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    let batches = count / 64;
    let writing = thread::spawn(move || {
        let batch = vec![7; 64 * message];
        (0..batches).for_each(|_| source.write_all(&batch).expect("loopback"));
    });
    let (mut piece, mut left) = (vec![0; 256 << 10], usize::try_from(batches).unwrap_or(0) * 64 * message);
    while left > 0 {
        left -= sink.read(&mut piece).expect("loopback");
    }
    let took = start.elapsed();
    drop(sink);
    writing.join().expect("it ends");
    let cost = relaying.join().expect("it ends");
    (per_second(batches * 64, took), micros_each((cost, batches * 64)))
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|arg| arg.parse::<usize>().ok());
    let count = number(0).unwrap_or(1_000_000) as u64;
    let way = if args.get(3).is_some_and(|arg| arg == "datagram") { Way::Datagram } else { Way::Link };
    println!(
        "octets relays      sent delivered  missing     told   untold disordered  refused unreachable suspected  a second  us/forward"
    );
    for octets in number(1).map_or(SIZES.to_vec(), |octets| vec![octets]) {
        for relays in number(2).map_or(RELAYS.to_vec(), |relays| vec![relays]) {
            chain::run(relays, Task { count, octets, way }).print(octets, relays);
            if relays == 1 {
                let (rate, cost) = by_hand(octets + HEAD, count);
                println!("{octets:>6} by hand {rate:>94.0} {cost:>9.2}");
            }
        }
    }
}
