//! Scripts as text: a line for each thing, so that one that failed can be kept and run again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{Departure, Protocol, Script, Step, Terrain};
use crate::sim::faults::{read_duration, write_duration};

/// The most nodes that a script may have.
const NODES: usize = 1_000;

/// Why a text is no script.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAScript {
    /// A line says nothing known.
    #[error("line {number} is not understood: {line:?}")]
    Line {
        /// Counted from 1.
        number: usize,
        /// What it says.
        line: String,
    },
    /// Nobody joins.
    #[error("nobody joins")]
    Nobody,
    /// More nodes than a script may have, or a node that there is not.
    #[error("there is no node {0}")]
    Node(usize),
}

impl<P: Protocol> fmt::Display for Script<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joins: Vec<String> = self.joins.iter().map(|join| write_duration(*join)).collect();
        writeln!(f, "protocol {}", P::NAME)?;
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "joins {}", joins.join(" "))?;
        writeln!(f, "terrain {}", self.terrain.name())?;
        writeln!(f, "jitter {}", write_duration(self.jitter))?;
        writeln!(f, "loss {}", self.loss_per_million)?;
        writeln!(f, "clocks {}", write_duration(self.clocks))?;
        self.plan.write(f)?;
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        for (node, how) in &self.departures {
            writeln!(f, "depart {node} {}", how.name())?;
        }
        Ok(())
    }
}

impl<O: fmt::Display> fmt::Display for Step<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Fault(action) => write!(f, "do {action}"),
            Step::Order { node, order } => write!(f, "tell {node} {order}"),
        }
    }
}

impl<P: Protocol> FromStr for Script<P> {
    type Err = NotAScript;

    /// Empty lines and those that begin with `#` say nothing. What is not said is simple: no jitter, no loss, and so on.
    fn from_str(text: &str) -> Result<Self, NotAScript> {
        let mut script = Script::calm();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let refused = || NotAScript::Line { number: i + 1, line: line.to_string() };
                script.read_line(line).ok_or_else(refused)?;
            }
        }
        script.check()
    }
}

impl<P: Protocol> Script<P> {
    fn read_line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "protocol" => return (rest == P::NAME).then_some(()),
            "seed" => self.seed = rest.parse().ok()?,
            "joins" => self.joins = rest.split(' ').map(read_duration).collect::<Option<_>>()?,
            "terrain" => self.terrain = Terrain::ALL.into_iter().find(|terrain| terrain.name() == rest)?,
            "jitter" => self.jitter = read_duration(rest)?,
            "loss" => self.loss_per_million = rest.parse().ok()?,
            "clocks" => self.clocks = read_duration(rest)?,
            "do" | "tell" => self.steps.push(read_step(line)?),
            "depart" => self.departures.push(read_departure(rest)?),
            _ => return self.plan.read(word, rest),
        }
        Some(())
    }

    fn check(self) -> Result<Script<P>, NotAScript> {
        let nodes = self.nodes();
        let hosts = nodes + P::ATTENDANTS;
        let departs = self.departures.iter().map(|(node, _)| *node);
        let named = departs.chain(self.plan.last_node()).find(|node| *node >= nodes);
        let struck = self.steps.iter().filter_map(Step::last_node).find(|node| *node >= hosts);
        match named.or(struck) {
            _ if nodes == 0 => Err(NotAScript::Nobody),
            _ if nodes > NODES => Err(NotAScript::Node(NODES)),
            Some(node) => Err(NotAScript::Node(node)),
            None => Ok(self),
        }
    }
}

impl Departure {
    const ALL: [Departure; 3] = [Departure::Kill, Departure::Halt, Departure::Leave];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Departure::Kill => "kill",
            Departure::Halt => "halt",
            Departure::Leave => "leave",
        }
    }
}

/// A step as a line says it.
pub(super) fn read_step<O: FromStr>(line: &str) -> Option<Step<O>> {
    let (word, rest) = line.split_once(' ')?;
    match word {
        "do" => Some(Step::Fault(rest.parse().ok()?)),
        "tell" => {
            let (node, order) = rest.split_once(' ')?;
            Some(Step::Order { node: node.parse().ok()?, order: order.parse().ok()? })
        }
        _ => None,
    }
}

fn read_departure(text: &str) -> Option<(usize, Departure)> {
    let (node, name) = text.split_once(' ')?;
    let how = Departure::ALL.into_iter().find(|how| how.name() == name)?;
    Some((node.parse().ok()?, how))
}
