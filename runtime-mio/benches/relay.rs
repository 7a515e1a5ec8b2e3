//! Messages of 1 KiB a second through a relay: a trivial machine on the driver, and a relay written by hand on mio.
//!
//! `cargo bench -p egoist-mio --bench relay`. Both relay from one loopback connection to another, message by message,
//! with a bounded queue; a thread writes as fast as it can and another one counts. The rounds alternate, so that what
//! else the host does meets both.

#[path = "relay/bare.rs"]
mod bare;
#[path = "relay/machine.rs"]
mod machine;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Octets of a message.
pub(crate) const MESSAGE: usize = 1024;
/// Octets that a relay holds before it stops reading.
pub(crate) const WINDOW: usize = 256 << 10;

pub(crate) const MESSAGES: usize = 400_000;
const ROUNDS: usize = 5;

/// How a relay tells its address.
pub(crate) type Tell = Box<dyn FnOnce(SocketAddr) + Send>;

/// What relays, and how it is called.
type Kind = (&'static str, fn(Tell));

const KINDS: [Kind; 4] = [
    ("bare mio", |tell| bare::relay(tell, MESSAGE)),
    ("driver", machine::relay),
    ("ring", machine::remembered),
    ("recorder", machine::recorded),
];

fn main() {
    let (mut rates, mut costs) = (KINDS.map(|_| Vec::new()), KINDS.map(|_| Vec::new()));
    for round in 1..=ROUNDS {
        print!("round {round}:");
        for (kind, (name, relay)) in KINDS.iter().enumerate() {
            let (rate, cost) = measure(*relay);
            print!("  {name} {rate:>9.0}/s {cost:>5.0} ns");
            rates[kind].push(rate);
            costs[kind].push(cost);
        }
        println!();
    }
    let [bare, driver, ring, recorder] = rates.map(median);
    println!("median of {ROUNDS}: bare mio {bare:.0}/s, driver {driver:.0}/s, ratio {:.2}", driver / bare);
    println!(
        "of the driver's: {:.3} with the last inputs in memory, {:.3} with all in a file",
        ring / driver,
        recorder / driver
    );
    let [_, driver, ring, recorder] = costs.map(median);
    println!(
        "processor time of the loop, of the driver's: {:.3} with the last inputs in memory, {:.3} with all in a file",
        ring / driver,
        recorder / driver
    );
}

/// What the calling thread has cost of a processor, in nanoseconds; other programs do not count. 0 where the system does
/// not say.
fn processor_time() -> u64 {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    said.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// Messages a second through a relay, and what one costs its thread in nanoseconds. The relay tells its address, takes a
/// source, then a sink, and ends with them.
fn measure(relay: fn(Tell)) -> (f64, f64) {
    let (tell, told) = std::sync::mpsc::channel();
    let relaying = thread::spawn(move || {
        relay(Box::new(move |addr| tell.send(addr).unwrap()));
        processor_time()
    });
    let at = told.recv().unwrap();
    let mut source = TcpStream::connect(at).unwrap();
    source.write_all(&[0]).unwrap();
    thread::sleep(Duration::from_millis(50));
    let mut sink = TcpStream::connect(at).unwrap();
    thread::sleep(Duration::from_millis(50));
    let start = Instant::now();
    let writing = thread::spawn(move || {
        let batch = vec![7; 64 * MESSAGE];
        for _ in 0..MESSAGES / 64 {
            source.write_all(&batch).unwrap();
        }
    });
    let (mut piece, mut left) = (vec![0; 256 << 10], MESSAGES / 64 * 64 * MESSAGE);
    while left > 0 {
        left -= sink.read(&mut piece).unwrap();
    }
    let took = start.elapsed();
    drop(sink);
    writing.join().unwrap();
    let cost = relaying.join().unwrap();
    (MESSAGES as f64 / took.as_secs_f64(), cost as f64 / MESSAGES as f64)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
