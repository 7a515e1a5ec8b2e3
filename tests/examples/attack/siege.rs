//! The attacker of a real process: a process of its own, which gets only what the others leave of the processors. So an
//! honest frame waits for what the victim does, and not for the attacker's own work.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use crate::claims::{Attack, EVIL, greeting, registration};
use crate::process::{HEARTBEAT, NETWORK};

/// How many connections the attacker keeps open at a time.
const KEPT: usize = 512;
/// What an attacker writes at once.
const BURST: usize = 64 << 10;

/// An attack under way. It ends when this is dropped.
pub(crate) struct Siege(Child);

impl Drop for Siege {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Siege {
    /// Begins an attack that goes on for a time.
    pub(crate) fn lay(attack: Attack, to: &str, time: Duration) -> std::io::Result<Self> {
        let (name, seconds) = (format!("{attack:?}"), time.as_secs().to_string());
        let mut attacker = Command::new("chrt");
        attacker.args(["-o", "0", "nice", "-n", "19"]).arg(std::env::current_exe()?);
        attacker.args(["besiege", &seconds, &name, to]).stdout(Stdio::piped()).spawn().map(Siege)
    }

    /// Waits for its end; how much was said.
    pub(crate) fn lifted(mut self) -> std::io::Result<u64> {
        let mut said = String::new();
        if let Some(mut tells) = self.0.stdout.take() {
            tells.read_to_string(&mut said)?;
        }
        said.trim().parse().map_err(std::io::Error::other)
    }
}

/// What the attacker's process does.
pub(crate) fn attack(name: &str, to: &str, time: Duration) {
    let attack = Attack::ALL.into_iter().find(|attack| format!("{attack:?}") == name).expect("an attack");
    println!("{}", besiege(attack, to, Until(Instant::now() + time)));
}

/// When it is over.
#[derive(Clone, Copy)]
struct Until(Instant);

impl Until {
    fn over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Attacks until it is over; how much was said.
fn besiege(attack: Attack, to: &str, until: Until) -> u64 {
    let (mut kept, mut said) = (VecDeque::new(), 0);
    let mut next = 0u128;
    while !until.over() {
        let done = match attack {
            Attack::Nothing => {
                sleep(HEARTBEAT);
                continue;
            }
            Attack::Work => continue,
            Attack::HalfOpen => knock(to, &[]).map(|stream| kept.push_back(stream)),
            Attack::Links => knock(to, &greeting(NETWORK, 1_000_000 + next)).map(|s| kept.push_back(s)),
            Attack::Registrations => knock(to, &registration(NETWORK, 1_000 + next)).map(drop),
            _ => knock(to, &greeting(NETWORK, EVIL)).and_then(|stream| {
                said += talk(attack, stream, &mut next, until)?;
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
fn talk(attack: Attack, mut stream: TcpStream, next: &mut u128, until: Until) -> std::io::Result<u64> {
    let mut deaf = stream.try_clone()?;
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while deaf.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    stream.set_write_timeout(Some(HEARTBEAT))?;
    let (mut said, mut words) = (0, Vec::new());
    while !until.over() {
        words.clear();
        while words.len() < BURST {
            words.extend_from_slice(&attack.says(*next).expect("said on a link"));
            (*next, said) = (*next + 1, said + 1);
        }
        if write_while(&mut stream, &words, until).is_err() {
            break;
        }
    }
    Ok(said)
}

/// Writes all, however slowly it is read.
fn write_while(stream: &mut TcpStream, mut words: &[u8], until: Until) -> std::io::Result<()> {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    while !words.is_empty() && !until.over() {
        match stream.write(words) {
            Ok(n) => words = &words[n..],
            Err(e) if matches!(e.kind(), TimedOut | WouldBlock) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
