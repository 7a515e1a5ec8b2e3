//! The nodes, as they come and go.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use egoist_core::kernel::Seed;
use egoist_core::mesh;
use egoist_core::mesh::chord::store::Policy;
use egoist_core::mesh::chord::{Chord, Command, Config, Event, Outcome, Reply};
use egoist_core::mesh::wire::{NodeId, Value};
use egoist_tests::own_chord::TIMEOUT;
use egoist_tests::own_mesh::Own;
use egoist_tests::real_py2p::{Asked, Heard, RealPy2p};
use serde_json::{Value as Json, json};

/// Real nodes, and as many of ours.
const EACH: usize = 3;
/// Until what was said last has come everywhere; nodes of py2p say nothing when it has.
const PEACE: Duration = Duration::from_secs(1);
/// How long handing over may take a real node.
const UNJOINS: Duration = Duration::from_secs(10);

pub(crate) fn name(is_ours: bool) -> &'static str {
    if is_ours { "ours" } else { "real" }
}

enum Kind {
    /// What is to come of what it is told next.
    Real {
        node: usize,
        hears: Option<Asked>,
    },
    Ours(Box<Own<Chord>>),
    Gone,
}

/// A node, from its first link to its end.
pub(crate) struct Session {
    kind: Kind,
    pub(crate) is_ours: bool,
    addr: SocketAddr,
    id: NodeId,
    begin: Instant,
    pub(crate) end: Option<Instant>,
}

impl Session {
    pub(crate) fn is_there(&self) -> bool {
        self.end.is_none()
    }

    /// Whether it was there from so long before a time until so long after it.
    pub(crate) fn was_there(&self, at: Instant, around: Duration) -> bool {
        self.begin + around < at && self.end.is_none_or(|end| at + around < end)
    }

    pub(crate) fn label(&self, at: usize) -> String {
        format!("{} {at} ({:.0} s old)", name(self.is_ours), self.begin.elapsed().as_secs_f64())
    }
}

/// Something that was begun at a session, with its number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Op {
    Real(usize, Asked),
    Ours(usize, u64),
}

/// How it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Found(u64),
    Absent,
    Set,
    /// Who was asked has gone meanwhile.
    Left,
    Failed(String),
}

pub(crate) enum Told {
    Heard { by: usize, number: u64, time: u64 },
    Ended { op: Op, outcome: Ended },
}

/// A real node that joins: it starts, and is then told one thing after the other.
enum Joining {
    Starts(Asked),
    IsTold { node: usize, rest: VecDeque<(usize, Json)>, last: Option<Asked> },
}

/// All nodes, those that have gone among them.
pub(crate) struct Network {
    real: RealPy2p,
    pub(crate) sessions: Vec<Session>,
    starts: u64,
    unjoins: bool,
    begun: Vec<Op>,
    joining: Option<Joining>,
    /// A real node that unjoins, what it answers, and when it is killed at the latest.
    leaving: Option<(usize, Asked, Instant)>,
}

impl Network {
    /// Three of each kind that know each other; `unjoins` says whether real ones do before they go.
    pub(crate) fn start(unjoins: bool) -> Option<Self> {
        let real = RealPy2p::start("chord", EACH, &[])?;
        let mut network = Network {
            real,
            sessions: Vec::new(),
            starts: 0,
            unjoins,
            begun: Vec::new(),
            joining: None,
            leaving: None,
        };
        for node in 0..EACH {
            network.introduce(node);
            while network.joining.is_some() {
                network.go_on_joining();
                sleep(Duration::from_millis(10));
            }
        }
        (0..EACH).for_each(|_| network.join_ours());
        network.rejoin();
        sleep(PEACE);
        Some(network)
    }

    /// Those that are there.
    pub(crate) fn there(&self) -> Vec<usize> {
        (0..self.sessions.len()).filter(|at| self.sessions[*at].is_there()).collect()
    }

    fn add(&mut self, kind: Kind, addr: SocketAddr, id: NodeId) {
        let (is_ours, begin) = (matches!(kind, Kind::Ours(_)), Instant::now());
        self.sessions.push(Session { kind, is_ours, addr, id, begin, end: None });
    }

    fn real_nodes(&self) -> Vec<usize> {
        let there = self.sessions.iter().filter(|session| session.is_there());
        let real = there.filter_map(|session| match session.kind {
            Kind::Real { node, .. } => Some(node),
            Kind::Ours(_) | Kind::Gone => None,
        });
        real.collect()
    }

    /// Another of a kind joins.
    pub(crate) fn join(&mut self, is_ours: bool) {
        if is_ours {
            self.join_ours();
        } else {
            self.joining = Some(Joining::Starts(self.real.begin_start()));
        }
    }

    /// One of ours joins at all that are there.
    fn join_ours(&mut self) {
        self.starts += 1;
        let config = Config::new(Seed::from_u64(self.starts), ([127, 0, 0, 1], 0).into());
        let bootstrap =
            self.sessions.iter().filter(|session| session.is_there()).map(|session| session.addr).collect();
        let own = Own::chord(Config { mesh: mesh::Config { bootstrap, ..config.mesh.clone() }, ..config });
        own.until("a link", |node| node.mesh().peers().next().is_some());
        let (addr, id) = (own.addr, own.id);
        self.add(Kind::Ours(Box::new(own)), addr, id);
    }

    /// A real node that listens stores, dials all whom it does not know yet, and then all real ones say once more that they
    /// store: of who has dialled it a py2p node hears that only then.
    fn introduce(&mut self, node: usize) {
        let there = self.sessions.iter().filter(|session| session.is_there());
        let dials = there.map(|session| {
            (node, json!({"do": "connect", "to": session.addr.to_string(), "peer": session.id.to_string()}))
        });
        let mut rest: VecDeque<_> = [(node, json!({"do": "join"}))].into_iter().chain(dials).collect();
        rest.push_back((node, json!({"do": "wait", "peers": self.there().len(), "timeout": 5})));
        rest.extend(self.real_nodes().into_iter().chain([node]).map(|node| (node, json!({"do": "join"}))));
        self.joining = Some(Joining::IsTold { node, rest, last: None });
    }

    fn rejoin(&mut self) {
        self.real_nodes().into_iter().for_each(|node| _ = self.real.ask(node, json!({"do": "join"})));
    }

    fn go_on_joining(&mut self) {
        match self.joining.take() {
            None => {}
            Some(Joining::Starts(start)) => match self.real.started(start) {
                Some(node) => self.introduce(node),
                None => self.joining = Some(Joining::Starts(start)),
            },
            Some(Joining::IsTold { node, mut rest, last }) => {
                let answer = last.map(|last| self.real.answer(last));
                if let Some(Some(Err(why))) = &answer {
                    eprintln!("real node {node} joins: {why}");
                }
                let last = match answer {
                    Some(None) => last,
                    Some(Some(_)) | None => match rest.pop_front() {
                        Some((to, request)) => Some(self.real.begin_ask(to, request)),
                        None => return self.has_joined(node),
                    },
                };
                self.joining = Some(Joining::IsTold { node, rest, last });
            }
        }
    }

    fn has_joined(&mut self, node: usize) {
        let (addr, id) = (self.real.addr(node), self.real.id(node));
        self.add(Kind::Real { node, hears: None }, addr, id);
    }

    /// The one of a kind that has been there for longest leaves.
    pub(crate) fn leave(&mut self, is_ours: bool) {
        let of_kind = |session: &&mut Session| session.is_there() && session.is_ours == is_ours;
        let session = self.sessions.iter_mut().find(of_kind).expect("there are three of each kind");
        session.end = Some(Instant::now());
        match std::mem::replace(&mut session.kind, Kind::Gone) {
            // It leaves when it is dropped, and that takes a while.
            Kind::Ours(own) => drop(spawn(move || drop(own))),
            Kind::Real { node, .. } if self.unjoins => {
                let status = self.real.ask(node, json!({"do": "status"}));
                eprintln!("real node {node} leaves: {}", status["kinds"]);
                let unjoin = self.real.begin_ask(node, json!({"do": "unjoin"}));
                self.leaving = Some((node, unjoin, Instant::now() + UNJOINS));
            }
            Kind::Real { node, .. } => self.real.kill(node),
            Kind::Gone => {}
        }
    }

    fn go_on_leaving(&mut self) {
        let Some((node, unjoin, limit)) = self.leaving else { return };
        let answer = self.real.answer(unjoin);
        if answer.is_some() || Instant::now() > limit {
            if !matches!(answer, Some(Ok(_))) {
                eprintln!("real node {node} unjoins: {answer:?}");
            }
            self.leaving = None;
            sleep(Duration::from_millis(100));
            self.real.kill(node);
        }
    }

    /// Whether it was on its way.
    pub(crate) fn broadcast(&mut self, by: usize, number: u64) -> bool {
        match &self.sessions[by].kind {
            Kind::Real { node, .. } => {
                let answer = self.real.ask(*node, json!({"do": "broadcast", "args": [number]}));
                answer["links"] != 0
            }
            Kind::Ours(own) => {
                let values = vec![Value::from(number)];
                own.command(Command::Mesh(mesh::Command::Broadcast { values })).is_ok()
            }
            Kind::Gone => false,
        }
    }

    /// Begins to give a key its number; `None` if it is refused.
    pub(crate) fn begin_set(&mut self, by: usize, number: u64) -> Option<Op> {
        let key = format!("key {number}");
        let octets = key.clone().into_bytes().into();
        let (value, policy) = (number.into(), Policy::Memory);
        self.begin(
            by,
            json!({"do": "set", "key": key, "value": number}),
            Command::Put { key: octets, value, lives: None, policy, timeout: TIMEOUT },
        )
    }

    pub(crate) fn begin_get(&mut self, by: usize, number: u64) -> Option<Op> {
        let key = format!("key {number}");
        let octets = key.clone().into_bytes().into();
        let request = json!({"do": "get", "key": key, "timeout": TIMEOUT.as_secs()});
        self.begin(by, request, Command::Get { key: octets, timeout: TIMEOUT })
    }

    fn begin(&mut self, by: usize, request: Json, command: Command) -> Option<Op> {
        let op = match &self.sessions[by].kind {
            Kind::Real { node, .. } => Op::Real(by, self.real.begin_ask(*node, request)),
            Kind::Ours(own) => match own.command(command) {
                Ok(Reply::Begun { op }) => Op::Ours(by, op),
                Ok(_) | Err(_) => return None,
            },
            Kind::Gone => return None,
        };
        self.begun.push(op);
        Some(op)
    }

    /// Who comes or goes gets on with it; what all were told meanwhile.
    pub(crate) fn turn(&mut self) -> Vec<Told> {
        self.go_on_joining();
        self.go_on_leaving();
        let mut told = Vec::new();
        for by in 0..self.sessions.len() {
            match &mut self.sessions[by].kind {
                Kind::Real { node, hears } => take_real(&mut self.real, by, *node, hears, &mut told),
                Kind::Ours(own) => {
                    told.extend(own.take().into_iter().filter_map(|event| event_of(by, event)));
                }
                Kind::Gone => {}
            }
        }
        let (real, sessions) = (&mut self.real, &self.sessions);
        self.begun.retain(|op| is_under_way(real, sessions, *op, &mut told));
        told
    }

    /// What the real ones say of their errors.
    pub(crate) fn print(&mut self) {
        for node in self.real_nodes() {
            let status = self.real.ask(node, json!({"do": "status"}));
            println!("real node {node}: errors {}, the last {}", status["kinds"], status["last"]);
        }
    }
}

/// What a real node was told: it answers as soon as it was told a few things, or in half a second.
fn take_real(real: &mut RealPy2p, by: usize, node: usize, hears: &mut Option<Asked>, told: &mut Vec<Told>) {
    if let Some(asked) = *hears {
        let Some(answer) = real.answer(asked) else { return };
        for heard in Heard::all(&answer.expect("it is there")) {
            let number = heard.args.trim_matches(['[', ']']).parse();
            told.extend(number.ok().map(|number| Told::Heard { by, number, time: heard.time }));
        }
    }
    *hears = Some(real.begin_ask(node, json!({"do": "recv", "min": 20, "timeout": 0.5})));
}

fn event_of(by: usize, event: Event) -> Option<Told> {
    match event {
        Event::Mesh(mesh::Event::Message { sent, values, .. }) => {
            let number = values.first().and_then(Value::as_u64)?;
            Some(Told::Heard { by, number, time: sent })
        }
        Event::Ended { op, outcome } => Some(Told::Ended { op: Op::Ours(by, op), outcome: own(&outcome) }),
        _ => None,
    }
}

fn own(outcome: &Outcome) -> Ended {
    match outcome {
        Outcome::Value { value, .. } => {
            value.as_u64().map_or_else(|| Ended::Failed(format!("{value:?}")), Ended::Found)
        }
        Outcome::Absent => Ended::Absent,
        Outcome::Kept { .. } => Ended::Set,
        other => Ended::Failed(format!("{other:?}")),
    }
}

/// Whether something goes on; if a real one has ended it, that is told, and of who has gone nothing is.
fn is_under_way(real: &mut RealPy2p, sessions: &[Session], op: Op, told: &mut Vec<Told>) -> bool {
    let by = match op {
        Op::Real(by, _) | Op::Ours(by, _) => by,
    };
    let answer = match op {
        Op::Real(_, asked) => real.answer(asked),
        Op::Ours(..) => None,
    };
    if let Some(answer) = answer {
        told.push(Told::Ended { op, outcome: real_outcome(answer) });
        return false;
    }
    if !sessions[by].is_there() {
        told.push(Told::Ended { op, outcome: Ended::Left });
    }
    sessions[by].is_there()
        && !told.iter().any(|it| matches!(it, Told::Ended { op: ended, .. } if *ended == op))
}

fn real_outcome(answer: Result<Json, Json>) -> Ended {
    match answer {
        Ok(answer) if answer["found"] == true => {
            answer["value"].as_u64().map_or_else(|| Ended::Failed(answer["value"].to_string()), Ended::Found)
        }
        Ok(answer) if answer["found"] == false => Ended::Absent,
        Ok(_) => Ended::Set,
        Err(why) => Ended::Failed(why.to_string()),
    }
}
