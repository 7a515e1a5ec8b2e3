//! A node of ours, in a loop of its own on real sockets.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use egoist_core::gossip::{Command, Config, Gossip, Reply};
use egoist_core::kernel::Checked;
use egoist_mio::net::MioNet;
use egoist_mio::{Driver, Handle, Key, Setup};

use crate::module::PATIENCE;

const STEP: Duration = Duration::from_millis(20);

/// A running node. It leaves when this is dropped. Its methods panic where the loop does not do its part.
pub struct Own {
    /// Where peers reach it.
    pub peers: SocketAddrV4,
    /// Where modules do.
    pub api: SocketAddrV4,
    handle: Handle<MioNet>,
    key: Key<Checked<Gossip>>,
    loop_thread: Option<JoinHandle<()>>,
}

fn v4(addr: SocketAddr) -> SocketAddrV4 {
    match addr {
        SocketAddr::V4(addr) => addr,
        SocketAddr::V6(_) => panic!("it was bound at an IPv4 address"),
    }
}

impl Own {
    /// Starts a node that joins at peers, real or ours.
    pub fn start(config: Config, bootstraps: &[SocketAddrV4]) -> Own {
        Own::start_at(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), config, bootstraps)
    }

    /// The same, where peers are to reach it.
    pub fn start_at(peers: SocketAddrV4, config: Config, bootstraps: &[SocketAddrV4]) -> Own {
        let bootstrap = bootstraps.iter().copied().map(SocketAddr::V4).collect();
        let (begun, beginning) = channel();
        let loop_thread = thread::spawn(move || {
            let mut driver = Driver::new().unwrap();
            let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let setup = Setup { listen: vec![peers.into(), local], ..Setup::default() };
            let bound = driver.bind(&setup).unwrap();
            let [peers, api] = bound.listeners()[..] else { panic!("two listeners") };
            let (peers, api) = (v4(peers), v4(api));
            let node = Gossip::new(Config { address: Some(peers), bootstrap, ..config }).unwrap();
            let key = driver.add(bound, Checked::new(node), |_, _| ());
            begun.send((peers, api, driver.handle(), key)).unwrap();
            driver.run().unwrap();
        });
        let (peers, api, handle, key) = beginning.recv().expect("the loop begins");
        Own { peers, api, handle, key, loop_thread: Some(loop_thread) }
    }

    /// Asks the node something.
    pub fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Gossip) -> T + Send + 'static) -> T {
        let (say, said) = channel();
        let key = self.key;
        let job =
            move |host: &mut egoist_mio::Host<MioNet>| _ = say.send(question(host.machine(key).machine()));
        self.handle.run(job).expect("the loop takes a closure");
        said.recv_timeout(PATIENCE).expect("the loop turns")
    }

    /// Waits until what is asked of the node is so.
    pub fn until(&self, what: &str, is_so: impl Fn(&Gossip) -> bool + Copy + Send + 'static) {
        let deadline = Instant::now() + PATIENCE;
        while !self.ask(is_so) {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            sleep(STEP);
        }
    }

    /// Leaves, as the program does when it is told to end.
    fn leave(&mut self) {
        let (say, said) = channel();
        let key = self.key;
        let job = move |host: &mut egoist_mio::Host<MioNet>| _ = say.send(host.command(key, Command::Leave));
        self.handle.run(job).expect("the loop takes a closure");
        let left = said.recv_timeout(PATIENCE).expect("the loop turns");
        assert!(matches!(left, Ok(Reply::Left { .. })), "{left:?}");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if thread::panicking() {
            return self.handle.stop();
        }
        self.leave();
        // The loop ends when its machine has.
        let ended = self.loop_thread.take().expect("it is joined once").join();
        assert!(ended.is_ok(), "the loop failed");
    }
}
