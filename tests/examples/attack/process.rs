//! Attacks on a real process: how long honest frames are on their way through it meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use egoist_core::overlay::Token;
use egoist_core::overlay::wire::{self, Beat, Packet};
use egoist_tests::processes::{Node, binary};

use crate::at;
use crate::claims::{Attack, EVIL, greeting, registration, upt};

const NETWORK: &str = "loopback";
const HONEST: [u128; 2] = [1, 2];
/// Of whom the neighbours tell: others than themselves, for nobody is told their own record.
const FIRST: u128 = 11;
const NODES: u128 = 50;
/// Between two honest records: fifty a second, each node's own once a second.
const PACE: Duration = Duration::from_millis(20);
const HEARTBEAT: Duration = Duration::from_millis(250);
/// Until what was relayed last has come.
const LAST: Duration = Duration::from_secs(2);
/// How many connections the attacker keeps open at a time.
const KEPT: usize = 512;
/// What an attacker writes at once.
const BURST: usize = 64 << 10;

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
        let beat = Packet::Hb(Beat { token, number, heard: 0, held: 0 }).emit();
        if over.load(Ordering::Relaxed) || stream.write_all(&beat).is_err() {
            return;
        }
        sleep(HEARTBEAT);
    }
}

/// Attacks until it is over; how much was said.
fn besiege(attack: Attack, to: &str, over: &AtomicBool) -> u64 {
    let (mut kept, mut said) = (VecDeque::new(), 0);
    let mut next = 0u128;
    while !over.load(Ordering::Relaxed) {
        let done = match attack {
            Attack::Nothing => {
                sleep(HEARTBEAT);
                continue;
            }
            Attack::HalfOpen => knock(to, &[]).map(|stream| kept.push_back(stream)),
            Attack::Links => knock(to, &greeting(NETWORK, 1_000_000 + next)).map(|s| kept.push_back(s)),
            Attack::Registrations => knock(to, &registration(1_000 + next)).map(drop),
            _ => knock(to, &greeting(NETWORK, EVIL)).and_then(|stream| {
                said += talk(attack, stream, &mut next, over)?;
                Ok(())
            }),
        };
        match done {
            Ok(()) => (next, said) = (next + 1, said + 1),
            // No port or no place at the moment.
            Err(_) => sleep(Duration::from_millis(1)),
        }
        while kept.len() > KEPT {
            kept.pop_front();
        }
    }
    said
}

fn knock(to: &str, words: &[u8]) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(words)?;
    Ok(stream)
}

/// Says one thing after the other on a link, and hears nothing of what it is told, until it is thrown out; how much.
fn talk(attack: Attack, mut stream: TcpStream, next: &mut u128, over: &AtomicBool) -> std::io::Result<u64> {
    let mut deaf = stream.try_clone()?;
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while deaf.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    stream.set_write_timeout(Some(HEARTBEAT))?;
    let (mut said, mut words) = (0, Vec::new());
    while !over.load(Ordering::Relaxed) {
        words.clear();
        while words.len() < BURST {
            words.extend_from_slice(&attack.says(*next).expect("said on a link"));
            (*next, said) = (*next + 1, said + 1);
        }
        if write_while(&mut stream, &words, over).is_err() {
            break;
        }
    }
    Ok(said)
}

/// Writes all, however slowly it is read.
fn write_while(stream: &mut TcpStream, mut words: &[u8], over: &AtomicBool) -> std::io::Result<()> {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    while !words.is_empty() && !over.load(Ordering::Relaxed) {
        match stream.write(words) {
            Ok(n) => words = &words[n..],
            Err(e) if matches!(e.kind(), TimedOut | WouldBlock) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

struct Outcome {
    said: u64,
    sent: usize,
    delays: Vec<Duration>,
}

/// One neighbour tells, the other is told, somebody else attacks.
fn run(attack: Attack, time: Duration, binary: &Path) -> std::io::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let victim = Node::start(binary, "node", 0, folder.path());
    let begun = Instant::now();
    let [mut teller, told] = loop {
        match (Neighbor::new(&victim.address, HONEST[0]), Neighbor::new(&victim.address, HONEST[1])) {
            (Ok(teller), Ok(told)) => break [teller, told],
            (Err(e), _) | (_, Err(e)) if begun.elapsed() > LAST => return Err(e),
            _ => sleep(PACE),
        }
    };
    let over = AtomicBool::new(false);
    let mut sent = BTreeMap::new();
    let said = thread::scope(|scope| {
        let attacker = scope.spawn(|| besiege(attack, &victim.address, &over));
        let done = tell(&mut teller.stream, time, &mut sent);
        sleep(LAST);
        over.store(true, Ordering::Relaxed);
        let said = attacker.join().expect("an attacker does not panic");
        done.map(|()| said)
    })?;
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
