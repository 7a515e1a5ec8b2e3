//! Scenarios as text: a line for each thing, so that one that failed can be kept and run again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{Departure, Scenario, Stale, Terrain};
use crate::overlay::config::{CHOICES_LIMIT, PolicyKind};
use crate::overlay::database::LinkMode;
use crate::sim::faults::{Action, read_duration, write_duration};

/// The most nodes that a script may have.
const NODES: usize = 1_000;

/// Why a text is no scenario.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAScenario {
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

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joins: Vec<String> = self.joins.iter().map(|join| write_duration(*join)).collect();
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "joins {}", joins.join(" "))?;
        writeln!(f, "k {}", self.k)?;
        writeln!(f, "policy {}", policy_name(self.policy))?;
        writeln!(f, "links {}", if self.links == LinkMode::Mutual { "mutual" } else { "directed" })?;
        writeln!(f, "terrain {}", terrain_name(self.terrain))?;
        writeln!(f, "jitter {}", write_duration(self.jitter))?;
        writeln!(f, "loss {}", self.loss_per_million)?;
        writeln!(f, "ids {}", if self.configured_ids { "configured" } else { "drawn" })?;
        writeln!(f, "hashes {}", self.hashes)?;
        writeln!(f, "clocks {}", write_duration(self.clocks))?;
        for (node, stale) in &self.stale {
            let how = match stale {
                Stale::Silent => "silent",
                Stale::Refused => "refused",
            };
            writeln!(f, "stale {node} {how}")?;
        }
        for action in &self.faults {
            writeln!(f, "do {action}")?;
        }
        for (node, how) in &self.departures {
            let how = match how {
                Departure::Kill => "kill",
                Departure::Halt => "halt",
                Departure::Leave => "leave",
            };
            writeln!(f, "depart {node} {how}")?;
        }
        if let Some(standing) = self.stands {
            writeln!(f, "stands {standing}")?;
        }
        Ok(())
    }
}

impl FromStr for Scenario {
    type Err = NotAScenario;

    /// Empty lines and those that begin with `#` say nothing. What is not said is simple: no jitter, no loss, and so on.
    fn from_str(text: &str) -> Result<Self, NotAScenario> {
        let mut scenario = Scenario::calm();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let refused = || NotAScenario::Line { number: i + 1, line: line.to_string() };
                scenario.read_line(line).ok_or_else(refused)?;
            }
        }
        scenario.check()
    }
}

impl Scenario {
    fn read_line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "seed" => self.seed = rest.parse().ok()?,
            "joins" => self.joins = rest.split(' ').map(read_duration).collect::<Option<_>>()?,
            "k" => self.k = rest.parse().ok().filter(|k| (1..=CHOICES_LIMIT).contains(k))?,
            "policy" => self.policy = POLICIES.into_iter().find(|p| policy_name(*p) == rest)?,
            "links" if rest == "mutual" => self.links = LinkMode::Mutual,
            "links" if rest == "directed" => self.links = LinkMode::Directed,
            "terrain" => self.terrain = TERRAINS.into_iter().find(|t| terrain_name(*t) == rest)?,
            "jitter" => self.jitter = read_duration(rest)?,
            "loss" => self.loss_per_million = rest.parse().ok()?,
            "ids" if rest == "configured" => self.configured_ids = true,
            "ids" if rest == "drawn" => self.configured_ids = false,
            "hashes" => self.hashes = rest.parse().ok().filter(|n| *n <= 1_000_000)?,
            "clocks" => self.clocks = read_duration(rest)?,
            "stale" => self.stale.push(read_stale(rest)?),
            "do" => self.faults.push(rest.parse().ok()?),
            "stands" => self.stands = Some(rest.parse().ok()?),
            "depart" => self.departures.push(read_departure(rest)?),
            _ => return None,
        }
        Some(())
    }

    fn check(self) -> Result<Scenario, NotAScenario> {
        let nodes = self.nodes();
        let named =
            self.departures.iter().map(|(node, _)| *node).chain(self.stale.iter().map(|(node, _)| *node));
        match { named }.find(|node| *node >= nodes) {
            _ if nodes == 0 => Err(NotAScenario::Nobody),
            _ if nodes > NODES => Err(NotAScenario::Node(NODES)),
            Some(node) => Err(NotAScenario::Node(node)),
            None => {
                let named = self.faults.iter().filter_map(Action::last_node).find(|node| *node > nodes);
                let stands = self.stands.map(|standing| standing.last_node());
                match named.or(stands.filter(|node| *node >= nodes)) {
                    Some(node) => Err(NotAScenario::Node(node)),
                    None => Ok(self),
                }
            }
        }
    }
}

const POLICIES: [PolicyKind; 3] = [PolicyKind::BestResponse, PolicyKind::KRandom, PolicyKind::FullMesh];
const TERRAINS: [Terrain; 4] = [Terrain::Plane, Terrain::Symmetric, Terrain::Asymmetric, Terrain::Lan];

fn policy_name(policy: PolicyKind) -> &'static str {
    match policy {
        PolicyKind::BestResponse => "best-response",
        PolicyKind::KRandom => "k-random",
        PolicyKind::FullMesh => "full-mesh",
        PolicyKind::Watch => "watch",
    }
}

fn terrain_name(terrain: Terrain) -> &'static str {
    match terrain {
        Terrain::Plane => "plane",
        Terrain::Symmetric => "symmetric",
        Terrain::Asymmetric => "asymmetric",
        Terrain::Lan => "lan",
    }
}

fn read_stale(text: &str) -> Option<(usize, Stale)> {
    let (node, how) = text.split_once(' ')?;
    let how = match how {
        "silent" => Stale::Silent,
        "refused" => Stale::Refused,
        _ => return None,
    };
    Some((node.parse().ok()?, how))
}

fn read_departure(text: &str) -> Option<(usize, Departure)> {
    let (node, how) = text.split_once(' ')?;
    let how = match how {
        "kill" => Departure::Kill,
        "halt" => Departure::Halt,
        "leave" => Departure::Leave,
        _ => return None,
    };
    Some((node.parse().ok()?, how))
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_octets_are_a_scenario_that_can_be_written_and_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
            let scenario = Scenario::decoded(&octets);
            prop_assert_eq!(scenario.to_string().parse(), Ok(scenario));
        }
    }

    #[test]
    fn a_script_says_what_is_wrong_with_it() {
        let read = |text: &str| text.parse::<Scenario>().map_err(|e| e.to_string()).unwrap_err();
        assert_eq!(read("seed 1\n"), "nobody joins");
        assert_eq!(read("joins 0s 1s\n# why\n\ndo nothing\n"), "line 4 is not understood: \"do nothing\"");
        for line in [
            "links both",
            "ids some",
            "k 0",
            "k 65",
            "hashes 1000001",
            "policy watch",
            "terrain sea",
            "depart 0 fall",
            "stands adrift 1",
        ] {
            assert_eq!(read(&format!("{line}\njoins 0s\n")), format!("line 1 is not understood: {line:?}"));
        }
        assert_eq!(read("joins 0s 1s\nstands narrow 0 2 one\n"), "there is no node 2");
        assert_eq!(read("joins 0s 1s\ndo kill 3\n"), "there is no node 3");
        let many = |nodes| format!("joins {}\n", vec!["0s"; nodes].join(" "));
        assert!(many(NODES).parse::<Scenario>().is_ok());
        assert_eq!(read(&many(NODES + 1)), "there is no node 1000");
        assert_eq!(read("joins 0s\ndepart 1 halt\n"), "there is no node 1");
        assert_eq!(read("joins 0s\nstale 1 silent\n"), "there is no node 1");
    }
}
