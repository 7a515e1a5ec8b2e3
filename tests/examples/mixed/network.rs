//! All nodes, and what their modules did.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread::sleep;
use std::time::{Duration, Instant};

use egoist_tests::real_gossip::RealGossip;

use super::Ends;
use super::books::{Account, Said, Session};
use super::ours::Ours;

/// Real nodes, and as many others behind them.
const EACH: usize = 3;
/// What the real ones keep: all that there is. One that forgets may take old messages for new, and lose a part.
const KEPT: u32 = 4_000;
/// Until then something may still come that is missing at the end.
const DRAIN: Duration = Duration::from_secs(90);
const STEP: Duration = Duration::from_millis(100);

/// Who has a seat.
enum Node {
    /// By its number.
    Real(usize),
    Ours(Ours),
}

pub(crate) struct Network {
    ends: Ends,
    gossip: RealGossip,
    /// One node after another has each; none while it is away.
    seats: Vec<Option<Node>>,
    /// One that was told to leave, and its address.
    leaver: Option<Ours>,
    sessions: Vec<Session>,
    said: Vec<Said>,
    /// Which node ended when.
    ended: Vec<(usize, Instant)>,
    starts: u64,
    /// That of the first of ours, at the start.
    memory: Option<u64>,
}

impl Network {
    /// None where there can be no real nodes.
    pub(crate) fn start(ends: Ends) -> Option<Self> {
        let mut network = Network {
            ends,
            gossip: RealGossip::keeping(KEPT)?.with_mesh(EACH),
            seats: (0..EACH).map(|number| Some(Node::Real(number))).collect(),
            leaver: None,
            sessions: Vec::new(),
            said: Vec::new(),
            ended: Vec::new(),
            starts: 0,
            memory: None,
        };
        (0..EACH).for_each(|seat| network.listen(seat));
        for seat in EACH..2 * EACH {
            network.seats.push(None);
            network.begin(seat);
        }
        let memory = network.ours().next().map(Ours::memory);
        network.memory = memory;
        Some(network)
    }

    fn ours(&self) -> impl Iterator<Item = &Ours> {
        self.seats.iter().flatten().filter_map(|node| match node {
            Node::Ours(ours) => Some(ours),
            Node::Real(_) => None,
        })
    }

    fn real(&self) -> impl Iterator<Item = usize> {
        self.seats.iter().flatten().filter_map(|node| match node {
            Node::Real(number) => Some(*number),
            Node::Ours(_) => None,
        })
    }

    const fn is_real(&self, seat: usize) -> bool {
        seat < EACH || matches!(self.ends, Ends::AllReal)
    }

    const fn kind(&self, seat: usize) -> &'static str {
        if self.is_real(seat) { "real" } else { "ours" }
    }

    pub(crate) fn name(&self, seat: usize) -> String {
        format!("{seat} ({})", self.kind(seat))
    }

    /// Fills a seat that is free, and gives the node a module; how long that took. One of ours has its links then.
    pub(crate) fn begin(&mut self, seat: usize) -> Duration {
        let begin = Instant::now();
        let node = if self.is_real(seat) { self.begin_real() } else { self.begin_ours() };
        self.seats[seat] = Some(node);
        self.listen(seat);
        begin.elapsed()
    }

    /// It joins at the first of ours, which is always there, if there is any. A real node may have lost its part for peers.
    fn begin_real(&mut self) -> Node {
        let real = self.real().next().map(|number| self.gossip.peer_addr(number));
        let at = self.ours().next().map(|ours| ours.peers).or(real);
        Node::Real(self.gossip.join(at))
    }

    fn begin_ours(&mut self) -> Node {
        self.starts += 1;
        let anywhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let address = self.leaver.take().map_or(anywhere, |leaver| {
            let address = leaver.peers;
            leaver.ended();
            address
        });
        let real = self.real().map(|number| self.gossip.peer_addr(number));
        let all: Vec<SocketAddrV4> = real.chain(self.ours().map(|ours| ours.peers)).collect();
        Node::Ours(Ours::start(address, self.starts, self.real().count(), &all))
    }

    fn listen(&mut self, seat: usize) {
        let api = match self.seats[seat].as_ref().expect("it was filled") {
            Node::Real(number) => self.gossip.api_addr(*number),
            Node::Ours(ours) => ours.api,
        };
        self.sessions.push(Session::begin(seat, api));
    }

    /// The next one whose turn it is ends, and its module with it; its seat.
    pub(crate) fn end(&mut self) -> usize {
        let turn = self.ended.len();
        let seat = match self.ends {
            Ends::Leave | Ends::Kill => EACH + 1 + turn % (EACH - 1),
            Ends::KillReal => turn % EACH,
            Ends::AllReal => EACH + turn % EACH,
        };
        self.sessions.iter_mut().filter(|session| session.seat == seat).for_each(Session::end);
        match self.seats[seat].take().expect("it is back") {
            Node::Real(number) => self.gossip.kill(number),
            Node::Ours(mut ours) => {
                if self.ends == Ends::Kill {
                    ours.kill();
                } else {
                    ours.leave();
                }
                self.leaver = Some(ours);
            }
        }
        self.ended.push((seat, Instant::now()));
        seat
    }

    /// The next that is there announces.
    pub(crate) fn announce(&mut self) {
        let all: Vec<&Session> = self.sessions.iter().filter(|session| session.is_on()).collect();
        let said = all[self.said.len() % all.len()].announce(self.said.len() as u64);
        self.said.push(said);
    }

    /// How many processes each real node has, what its log says of such as died, and the memory of ours.
    pub(crate) fn state(&mut self) -> String {
        let real: Vec<usize> = self.real().collect();
        let parts: Vec<usize> = real.iter().map(|number| self.gossip.processes(*number)).collect();
        let died: Vec<String> = real.iter().flat_map(|number| self.gossip.died(*number)).collect();
        let memory: Vec<u64> = self.ours().map(Ours::memory).collect();
        format!("processes of the real ones {parts:?}, died {died:?}, KiB of ours {memory:?}")
    }

    /// Waits for what is missing, as long as it may still come.
    pub(crate) fn drain(&self) {
        let end = Instant::now();
        sleep(Duration::from_secs(15));
        while end.elapsed() < DRAIN && self.account(|_, _| true).lost > 0 {
            sleep(STEP);
        }
        println!("waited for {:.1?} at the end", end.elapsed());
    }

    /// What became of messages to some modules.
    fn account(&self, which: impl Fn(&Session, &Said) -> bool) -> Account {
        let mut account = Account::default();
        for session in &self.sessions {
            let due = session.due(&self.said).into_iter().filter(|(said, _)| which(session, said));
            due.for_each(|(said, told)| account.add(said, told));
        }
        account
    }

    pub(crate) fn print(&mut self) {
        println!("{} messages, {} ends of nodes; {}", self.said.len(), self.ended.len(), self.state());
        if let Some(memory) = self.memory {
            println!("the first of ours had {memory} KiB at the start");
        }
        for (from, to) in [("ours", "ours"), ("real", "ours"), ("ours", "real"), ("real", "real")] {
            let which =
                |session: &Session, said: &Said| (self.kind(said.by), self.kind(session.seat)) == (from, to);
            println!("{from} to {to}: {}", self.account(which).told());
        }
        for (seat, at) in &self.ended {
            let lost = self.lost_after(*at);
            if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
                let count = lost.len();
                println!(
                    "after the end of {}: {count} lost, said from {first:.1?} to {last:.1?} after it",
                    self.name(*seat)
                );
            }
        }
    }

    /// How long after the end of a node messages were said that were lost, up to the next end.
    fn lost_after(&self, end: Instant) -> Vec<Duration> {
        let next = self.ended.iter().map(|(_, at)| *at).find(|at| *at > end);
        let within = |said: &Said| said.at >= end && next.is_none_or(|next| said.at < next);
        let due = self.sessions.iter().flat_map(|session| session.due(&self.said));
        let lost = due.filter(|(said, told)| told.is_none() && within(said));
        let mut times: Vec<Duration> = lost.map(|(said, _)| said.at.duration_since(end)).collect();
        times.sort_unstable();
        times
    }
}
