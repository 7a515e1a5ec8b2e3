//! Hosts of their own on one machine: network namespaces on a bridge, between which single ways can be cut.
//!
//! Needs root, `ip` and `nft`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering};

/// How many sets of hosts this process has made.
static MADE: AtomicU32 = AtomicU32::new(0);

/// How far the number in a moved host's address is from its own.
const MOVED: u8 = 100;

/// Some hosts, each in a network namespace, all on one bridge. They are gone when this is dropped.
#[derive(Debug)]
pub struct Hosts {
    prefix: String,
    count: u8,
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let bridge = self.bridge();
        for name in (0..self.count).map(|host| self.name(host)).chain([bridge]) {
            let _ = run("ip", &["netns", "del", &name]);
            let _ = fs::remove_dir_all(files(&name));
        }
    }
}

impl Hosts {
    /// Makes so many hosts; host n gets the address 10.77.0.(n + 1).
    ///
    /// # Errors
    /// Why this machine cannot, in one line.
    pub fn new(count: u8) -> Result<Self, String> {
        run("nft", &["--version"])?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let hosts = Hosts { prefix: format!("egoist-{}-{number}", id()), count };
        let bridge = hosts.bridge();
        run("ip", &["netns", "add", &bridge])?;
        run("ip", &["-n", &bridge, "link", "add", "bridge", "type", "bridge"])?;
        run("ip", &["-n", &bridge, "link", "set", "bridge", "up"])?;
        (0..count).try_for_each(|host| hosts.add(host))?;
        Ok(hosts)
    }

    fn add(&self, host: u8) -> Result<(), String> {
        let (bridge, name, port) = (self.bridge(), self.name(host), format!("port{host}"));
        let address = format!("{}/24", Self::address(host));
        run("ip", &["netns", "add", &name])?;
        let pair = ["type", "veth", "peer", "name", "wire", "netns", &name];
        run("ip", &[&["link", "add", &port, "netns", &bridge], &pair[..]].concat())?;
        run("ip", &["-n", &bridge, "link", "set", &port, "master", "bridge", "up"])?;
        run("ip", &["-n", &name, "addr", "add", &address, "dev", "wire"])?;
        run("ip", &["-n", &name, "link", "set", "wire", "up"])?;
        run("ip", &["-n", &name, "link", "set", "lo", "up"])?;
        self.rule(host, "add table inet cut")?;
        self.rule(host, "add chain inet cut arriving { type filter hook input priority 0; }")
    }

    /// Where a host is.
    pub fn address(host: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 77, 0, host + 1))
    }

    /// From now on a name stands for an address on a host, by its `/etc/hosts`. Programs that run there see it if there was
    /// one when they began.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_name(&self, host: u8, name: &str, address: IpAddr) -> Result<(), String> {
        let folder = files(&self.name(host));
        let text = format!("127.0.0.1 localhost\n{address} {name}\n");
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("hosts"), text));
        written.map_err(|e| format!("{}: {e}", folder.display()))
    }

    /// A command that runs on a host.
    pub fn command(&self, host: u8, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(host)]).arg(program);
        command
    }

    /// From now on nothing that one host says reaches another.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn cut(&self, from: u8, to: u8) -> Result<(), String> {
        self.rule(to, &format!("add rule inet cut arriving ip saddr {} drop", Self::address(from)))
    }

    /// From now on no datagram reaches a host; what TCP carries does.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn block_datagrams(&self, to: u8) -> Result<(), String> {
        self.rule(to, "add rule inet cut arriving meta l4proto udp drop")
    }

    /// From now on no packet that one host sends to another arrives if it is longer than so many octets.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn narrow(&self, from: u8, to: u8, octets: u16) -> Result<(), String> {
        let address = Self::address(from);
        self.rule(to, &format!("add rule inet cut arriving ip saddr {address} meta length > {octets} drop"))
    }

    /// A host gets another address instead of its own; which.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn move_away(&self, host: u8) -> Result<IpAddr, String> {
        let name = self.name(host);
        let change = |what: &str, address: IpAddr| {
            run("ip", &["-n", &name, "addr", what, &format!("{address}/24"), "dev", "wire"])
        };
        change("del", Self::address(host))?;
        let there = Self::address(host + MOVED);
        change("add", there).map(|()| there)
    }

    /// Everything reaches a host again.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn heal(&self, to: u8) -> Result<(), String> {
        self.rule(to, "flush chain inet cut arriving")
    }

    fn rule(&self, host: u8, rule: &str) -> Result<(), String> {
        run("ip", &["netns", "exec", &self.name(host), "nft", rule])
    }

    fn bridge(&self) -> String {
        format!("{}-bridge", self.prefix)
    }

    fn name(&self, host: u8) -> String {
        format!("{}-{host}", self.prefix)
    }
}

/// What `ip netns exec` puts in the place of files of `/etc`.
fn files(name: &str) -> PathBuf {
    Path::new("/etc/netns").join(name)
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|e| format!("{program}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
