//! Attacks on a real process: how long honest frames are on their way through it meanwhile.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use egoist_core::overlay::Token;
use egoist_core::overlay::wire::{self, Beat, Packet};
use egoist_tests::processes::{Node, binary, loopback};

use crate::at;
use crate::claims::{Attack, greeting, upt};
use crate::siege::Siege;

pub(crate) const NETWORK: &str = "loopback";
const HONEST: [u128; 2] = [1, 2];
/// Of whom the neighbours tell: others than themselves, for nobody is told their own record.
const FIRST: u128 = 11;
const NODES: u128 = 50;
/// Between two honest records: fifty a second, each node's own once a second.
const PACE: Duration = Duration::from_millis(20);
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(250);
/// Until what was relayed last has come.
const LAST: Duration = Duration::from_secs(2);

/// Which record: its source's number and its sequence.
type Record = (u128, u32);

/// A neighbour that does as it should: its connection is greeted, read and beaten upon until this is dropped.
struct Neighbor {
    stream: TcpStream,
    heard: Receiver<(Record, Instant)>,
    over: Arc<AtomicBool>,
}

impl Drop for Neighbor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Neighbor {
    fn new(to: &str, id: u128) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.write_all(&greeting(NETWORK, id))?;
        let (tell, heard) = channel();
        let (tell_token, token) = channel();
        let reader = stream.try_clone()?;
        thread::spawn(move || listen(reader, &tell, &tell_token));
        let over = Arc::new(AtomicBool::new(false));
        let (beating, ended) = (stream.try_clone()?, Arc::clone(&over));
        let token = token.recv_timeout(LAST).expect("the node greets");
        thread::spawn(move || beat(beating, token, &ended));
        Ok(Neighbor { stream, heard, over })
    }
}

/// Reads until the end: the node's token, and each record when it came.
fn listen(stream: TcpStream, tell: &Sender<(Record, Instant)>, tell_token: &Sender<Token>) {
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        match wire::read(&bytes::Bytes::copy_from_slice(line)) {
            Ok(Packet::Lnk(greeting)) => {
                let _ = tell_token.send(greeting.token);
            }
            Ok(Packet::Upt(upt)) => {
                if let Some(id) = upt.source.id {
                    let _ = tell.send(((id.0, upt.key.sequence), Instant::now()));
                }
            }
            _ => {}
        }
    }
}

fn beat(mut stream: TcpStream, token: Token, over: &AtomicBool) {
    for number in 1.. {
        let beat = Packet::Hb(Beat::first(token, number)).emit();
        if over.load(Ordering::Relaxed) || stream.write_all(&beat).is_err() {
            return;
        }
        sleep(HEARTBEAT);
    }
}

struct Outcome {
    said: u64,
    sent: usize,
    delays: Vec<Duration>,
}

/// One neighbour tells, the other is told, somebody else attacks.
fn run(attack: Attack, time: Duration, binary: &Path) -> std::io::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let mut program = Command::new("chrt");
    program.args(["-o", "0", "taskset", "-c", "0"]).arg(binary);
    let victim = Node::run(program, "node", loopback(0), folder.path().join("victim"), &[]);
    let begun = Instant::now();
    let [mut teller, told] = loop {
        match (Neighbor::new(&victim.address, HONEST[0]), Neighbor::new(&victim.address, HONEST[1])) {
            (Ok(teller), Ok(told)) => break [teller, told],
            (Err(e), _) | (_, Err(e)) if begun.elapsed() > LAST => return Err(e),
            _ => sleep(PACE),
        }
    };
    let mut sent = BTreeMap::new();
    let siege = Siege::lay(attack, &victim.address, time + LAST)?;
    tell(&mut teller.stream, time, &mut sent)?;
    let said = siege.lifted()?;
    let delays = told.heard.try_iter().filter_map(|(record, at)| Some(at - *sent.get(&record)?)).collect();
    Ok(Outcome { said, sent: sent.len(), delays })
}

fn tell(stream: &mut TcpStream, time: Duration, sent: &mut BTreeMap<Record, Instant>) -> std::io::Result<()> {
    let begun = Instant::now();
    for number in 0u32.. {
        if begun.elapsed() > time {
            break;
        }
        let (place, sequence) = (u128::from(number) % NODES, number / 50 + 1);
        let [id, next, before] = [0, 1, NODES - 1].map(|steps| FIRST + (place + steps) % NODES);
        let frame = upt(id, sequence, &[next, before]).emit();
        sent.insert((id, sequence), Instant::now());
        stream.write_all(&frame)?;
        sleep((begun + PACE * (number + 1)).saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// So long of each attack.
pub(crate) fn measure(time: Duration) {
    let binary = binary();
    println!("one honest record every {PACE:?} through a real process on loopback; delays in microseconds");
    println!(
        "{:<14} {:>9} {:>7} {:>7} {:>9} {:>9} {:>9}",
        "attack", "said", "sent", "lost", "p50", "p99", "max"
    );
    for attack in Attack::ALL {
        match run(attack, time, &binary) {
            Ok(mut o) => println!(
                "{:<14} {:>9} {:>7} {:>7} {:>9.0} {:>9.0} {:>9.0}",
                format!("{attack:?}"),
                o.said,
                o.sent,
                o.sent - o.delays.len(),
                at(&mut o.delays, 50),
                at(&mut o.delays, 99),
                at(&mut o.delays, 100),
            ),
            Err(e) => println!("{:<14} failed: {e}", format!("{attack:?}")),
        }
    }
}
