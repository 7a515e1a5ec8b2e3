//! A node of ours in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, stdin};
use std::net::SocketAddrV4;
use std::process::{Child, Command, Stdio};

use egoist_core::gossip::{Config, Kind};
use egoist_core::kernel::Seed;
use egoist_tests::own_gossip::Own;

/// A running node. It is killed when this is dropped.
pub(crate) struct Ours {
    process: Child,
    /// Where peers reach it.
    pub(crate) peers: SocketAddrV4,
    /// Where modules do.
    pub(crate) api: SocketAddrV4,
}

impl Ours {
    /// Starts one that joins at peers, so many of which are real; with a link to each of those when this returns.
    pub(crate) fn start(address: SocketAddrV4, seed: u64, real: usize, peers: &[SocketAddrV4]) -> Self {
        let mut program = Command::new(std::env::current_exe().expect("a running program has a path"));
        program.args(["node", &address.to_string(), &seed.to_string(), &real.to_string()]);
        program.args(peers.iter().map(SocketAddrV4::to_string));
        let mut process =
            program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        let said = process.stdout.take().expect("it is piped");
        BufReader::new(said).read_line(&mut line).expect("it says where it is");
        let (peers, api) = line.trim().split_once(' ').expect("two addresses");
        Ours { process, peers: address_of(peers), api: address_of(api) }
    }

    /// Lets it leave; it may take some seconds.
    pub(crate) fn leave(&mut self) {
        drop(self.process.stdin.take());
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) {
        let status = self.process.wait().expect("it was started");
        assert!(status.success() || status.code().is_none(), "a node of ours: {status}");
    }

    /// Its resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.kill();
        let _ = self.process.wait();
    }
}

fn address_of(text: &str) -> SocketAddrV4 {
    text.parse().expect("an address")
}

/// The process: a node that is there until its standard input ends.
pub(crate) fn run(args: &[String]) {
    let [address, seed, real, peers @ ..] = args else { panic!("an address, a seed, a number and peers") };
    let number = |text: &String| text.parse().expect("a whole number");
    let at: Vec<SocketAddrV4> = peers.iter().map(|peer| address_of(peer)).collect();
    let node = Own::start_at(address_of(address), Config::auto(Seed::from_u64(number(seed))), &at);
    let real: u64 = number(real);
    node.until("a link with each real node", move |node| {
        node.peers().filter(|peer| peer.kind == Kind::Compatible).count() as u64 >= real
    });
    println!("{} {}", node.peers, node.api);
    let _ = stdin().read(&mut [0]);
}
