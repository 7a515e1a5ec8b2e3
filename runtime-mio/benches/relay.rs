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

/// What relays, and how it is called.
type Kind = (&'static str, fn(Box<dyn FnOnce(SocketAddr) + Send>));

const KINDS: [Kind; 4] = [
    ("bare mio", bare::relay),
    ("driver", machine::relay),
    ("ring", machine::remembered),
    ("recorder", machine::recorded),
];

fn main() {
    let mut figures = KINDS.map(|_| Vec::new());
    for round in 1..=ROUNDS {
        print!("round {round}:");
        for ((name, relay), figures) in KINDS.iter().zip(&mut figures) {
            let figure = measure(*relay);
            print!("  {name} {figure:>9.0}/s");
            figures.push(figure);
        }
        println!();
    }
    let [bare, driver, ring, recorder] = figures.map(median);
    println!("median of {ROUNDS}: bare mio {bare:.0}/s, driver {driver:.0}/s, ratio {:.2}", driver / bare);
    println!(
        "of the driver's: {:.3} with the last inputs in memory, {:.3} with all in a file",
        ring / driver,
        recorder / driver
    );
}

/// Messages a second through a relay, which tells its address, takes a source, then a sink, and ends with them.
fn measure(relay: fn(Box<dyn FnOnce(SocketAddr) + Send>)) -> f64 {
    let (tell, told) = std::sync::mpsc::channel();
    let relaying = thread::spawn(move || relay(Box::new(move |addr| tell.send(addr).unwrap())));
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
    relaying.join().unwrap();
    MESSAGES as f64 / took.as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
