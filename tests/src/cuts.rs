//! An overlay of real processes, each on a host of its own, and cuts of the links that a path takes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::namespaces::Hosts;
use crate::probing::Prober;
use crate::processes::{Node, binary};

const PORT: u16 = 7_000;
const JOINING: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);
/// Rest after a cut is healed: silent links are listed again, and what TCP held back is through.
const REST: Duration = Duration::from_secs(2);

/// A link on a path, and which way it is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// How it is called.
    pub name: &'static str,
    /// Which link of the path, from 0.
    pub link: usize,
    /// Whether nothing comes back either.
    pub both_ways: bool,
}

/// Nodes, and the hosts that they run on.
#[derive(Debug)]
pub struct Overlay {
    hosts: Hosts,
    nodes: Vec<Node>,
}

impl Overlay {
    /// Starts a bootstrap on host 0 and a node, k = 2, on each other. Ready once everybody reaches everybody.
    ///
    /// # Panics
    /// If the program was not built, or they do not find each other within a minute.
    pub fn start(hosts: Hosts, count: u8, folder: &Path) -> Self {
        Overlay::started(hosts, count, folder, Node::run)
    }

    /// The same with nodes that listen at all addresses of their hosts.
    ///
    /// # Panics
    /// Likewise.
    pub fn start_everywhere(hosts: Hosts, count: u8, folder: &Path) -> Self {
        Overlay::started(hosts, count, folder, Node::run_everywhere)
    }

    fn started(
        hosts: Hosts,
        count: u8,
        folder: &Path,
        start: impl Fn(Command, &str, String, PathBuf, &[&str]) -> Node,
    ) -> Self {
        let binary = binary();
        let bootstrap = format!("{}:{PORT}", Hosts::address(0));
        let run = |host: u8| {
            let address = format!("{}:{PORT}", Hosts::address(host));
            let (verb, more) = match host {
                0 => ("bootstrap", vec!["--network", "cuts"]),
                _ => ("node", vec!["--network", "cuts", "--bootstrap", &bootstrap, "-k", "2"]),
            };
            let program = hosts.command(host, &binary);
            start(program, verb, address, folder.join(host.to_string()), &more)
        };
        let nodes = (0..=count).map(run).collect();
        let mut overlay = Overlay { hosts, nodes };
        overlay.whole();
        overlay
    }

    /// The hosts, on which to do worse.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The node on a host.
    pub fn node(&mut self, host: usize) -> &mut Node {
        &mut self.nodes[host]
    }

    /// How many nodes there are; they are on the hosts from 1.
    pub fn count(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Waits until everybody reaches everybody.
    fn whole(&mut self) {
        let (others, start) = (self.count() - 1, Instant::now());
        while !self.nodes[1..].iter_mut().all(|n| n.reached().is_some_and(|r| r.len() == others)) {
            assert!(start.elapsed() < JOINING, "somebody does not reach everybody after {JOINING:?}");
            sleep(Duration::from_millis(100));
        }
    }

    fn host_of(&self, address: &str) -> u8 {
        let ip: Option<IpAddr> = address.rsplit_once(':').and_then(|(ip, _)| ip.parse().ok());
        (0..u8::MAX).find(|host| Some(Hosts::address(*host)) == ip).expect("an address of a host")
    }

    /// The path from one node to another as hosts, both with it.
    pub fn path(&mut self, from: usize, to: usize) -> Option<Vec<u8>> {
        let to = self.nodes[to].address.clone();
        let hops = self.nodes[from].path(&to)?;
        let first = self.host_of(&self.nodes[from].address);
        Some([first].into_iter().chain(hops.iter().map(|hop| self.host_of(hop))).collect())
    }

    /// Has one node probe another, cuts a link on the path, and heals it once answers come again: how long that took. `None`
    /// where the path is too short or had changed, so that the cut hit nothing.
    ///
    /// # Panics
    /// If `nft` fails, or not everybody reaches everybody again within a minute.
    pub fn trial(&mut self, cut: Cut, from: usize, to: usize) -> Option<Duration> {
        if self.path(from, to)?.len() < cut.link + 2 {
            return None;
        }
        let mut prober = Prober::new(&self.nodes[from].folder, &self.nodes[to].address).ok()?;
        prober.run(Duration::from_millis(600));
        let path = self.path(from, to).filter(|path| path.len() > cut.link + 1 && prober.is_steady())?;
        let (near, far) = (path[cut.link], path[cut.link + 1]);
        self.hosts.cut(near, far).expect("nft worked a moment ago");
        if cut.both_ways {
            self.hosts.cut(far, near).expect("nft worked a moment ago");
        }
        let time = prober.recovery(Instant::now(), PATIENCE).unwrap_or(PATIENCE);
        for end in [near, far] {
            self.hosts.heal(end).expect("nft worked a moment ago");
        }
        sleep(REST);
        self.whole();
        // The prober's first answer came by the next probe: it went another way.
        (time > Duration::from_millis(50)).then_some(time)
    }
}
