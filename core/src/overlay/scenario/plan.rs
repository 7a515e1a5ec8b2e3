//! What a script says of an overlay's own.

use alloc::vec::Vec;
use core::fmt;

use super::{Stale, Standing};
use crate::overlay::config::{Bounds, CHOICES_LIMIT, PolicyKind};
use crate::overlay::database::LinkMode;

/// The most hashes that a script may have nodes remember.
const HASHES: usize = 1_000_000;

/// How the nodes of a scenario are set up, and the fault that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How many neighbours each node chooses.
    pub k: usize,
    /// How.
    pub policy: PolicyKind,
    /// Which way links are used.
    pub links: LinkMode,
    /// Whether each node has an id by its configuration, which it keeps when it loses its state.
    pub configured_ids: bool,
    /// How many hashes of updates a node remembers; with 0 none: that saves work and never decides.
    pub hashes: usize,
    /// Addresses that nodes give before the one at which they are reached, in this order.
    pub stale: Vec<(usize, Stale)>,
    /// One more fault that stands once everything has held.
    pub stands: Option<Standing>,
}

impl Default for Plan {
    /// Best responses with k = 2 over mutual links, and nothing that stands.
    fn default() -> Self {
        Plan {
            k: 2,
            policy: PolicyKind::BestResponse,
            links: LinkMode::Mutual,
            configured_ids: false,
            hashes: Bounds::default().hashes,
            stale: Vec::new(),
            stands: None,
        }
    }
}

impl Plan {
    pub(super) fn write_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "k {}", self.k)?;
        writeln!(f, "policy {}", policy_name(self.policy))?;
        writeln!(f, "links {}", if self.links == LinkMode::Mutual { "mutual" } else { "directed" })?;
        writeln!(f, "ids {}", if self.configured_ids { "configured" } else { "drawn" })?;
        writeln!(f, "hashes {}", self.hashes)?;
        for (node, stale) in &self.stale {
            writeln!(f, "stale {node} {}", stale.name())?;
        }
        match self.stands {
            Some(standing) => writeln!(f, "stands {standing}"),
            None => Ok(()),
        }
    }

    pub(super) fn read_line(&mut self, word: &str, rest: &str) -> Option<()> {
        match word {
            "k" => self.k = rest.parse().ok().filter(|k| (1..=CHOICES_LIMIT).contains(k))?,
            "policy" => self.policy = POLICIES.into_iter().find(|p| policy_name(*p) == rest)?,
            "links" if rest == "mutual" => self.links = LinkMode::Mutual,
            "links" if rest == "directed" => self.links = LinkMode::Directed,
            "ids" if rest == "configured" => self.configured_ids = true,
            "ids" if rest == "drawn" => self.configured_ids = false,
            "hashes" => self.hashes = rest.parse().ok().filter(|n| *n <= HASHES)?,
            "stale" => self.stale.push(read_stale(rest)?),
            "stands" => self.stands = Some(rest.parse().ok()?),
            _ => return None,
        }
        Some(())
    }

    /// Those with one thing less that is unusual; k stays, since another is another overlay rather than a simpler one.
    pub(super) fn simpler_ones(&self) -> Vec<Plan> {
        let usual = Plan::default();
        let mut simpler = Vec::from([
            Plan { policy: usual.policy, ..self.clone() },
            Plan { links: usual.links, ..self.clone() },
            Plan { configured_ids: usual.configured_ids, ..self.clone() },
            Plan { hashes: usual.hashes, ..self.clone() },
            Plan { stands: None, ..self.clone() },
            Plan { stale: Vec::new(), ..self.clone() },
        ]);
        simpler.extend((0..self.stale.len()).map(|n| {
            let mut plan = self.clone();
            plan.stale.remove(n);
            plan
        }));
        simpler
    }

    /// In how many things it is unusual.
    pub(super) fn distance(&self) -> u64 {
        let usual = Plan::default();
        let unusual = [
            self.policy != usual.policy,
            self.links != usual.links,
            self.configured_ids != usual.configured_ids,
            self.hashes != usual.hashes,
            self.stands.is_some(),
        ];
        unusual.into_iter().map(u64::from).sum::<u64>() + self.stale.len() as u64
    }
}

const POLICIES: [PolicyKind; 3] = [PolicyKind::BestResponse, PolicyKind::KRandom, PolicyKind::FullMesh];

fn policy_name(policy: PolicyKind) -> &'static str {
    match policy {
        PolicyKind::BestResponse => "best-response",
        PolicyKind::KRandom => "k-random",
        PolicyKind::FullMesh => "full-mesh",
        PolicyKind::Watch => "watch",
    }
}

impl Stale {
    const fn name(self) -> &'static str {
        match self {
            Stale::Silent => "silent",
            Stale::Refused => "refused",
        }
    }
}

fn read_stale(text: &str) -> Option<(usize, Stale)> {
    let (node, name) = text.split_once(' ')?;
    let stale = [Stale::Silent, Stale::Refused].into_iter().find(|stale| stale.name() == name)?;
    Some((node.parse().ok()?, stale))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::{format, vec};

    use proptest::prelude::*;

    use super::*;
    use crate::overlay::scenario::Scenario;

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
            "protocol hello",
            "terrain sea",
            "depart 0 fall",
            "stands adrift 1",
            "tell 0 send 1 65537",
        ] {
            assert_eq!(read(&format!("{line}\njoins 0s\n")), format!("line 1 is not understood: {line:?}"));
        }
        assert_eq!(read("joins 0s 1s\nstands narrow 0 2 one\n"), "there is no node 2");
        assert_eq!(read("joins 0s 1s\ndo kill 3\n"), "there is no node 3");
        assert_eq!(read("joins 0s 1s\ntell 1 send 3 10\n"), "there is no node 3");
        let many = |nodes| format!("joins {}\n", vec!["0s"; nodes].join(" "));
        assert!(many(1_000).parse::<Scenario>().is_ok());
        assert_eq!(read(&many(1_001)), "there is no node 1000");
        assert_eq!(read("joins 0s\ndepart 1 halt\n"), "there is no node 1");
        assert_eq!(read("joins 0s\nstale 1 silent\n"), "there is no node 1");
    }

    #[test]
    fn simpler_ones_are_lighter_wherever_they_differ() {
        let stale = vec![(0, Stale::Silent), (1, Stale::Refused)];
        let stands = Some(Standing::Translated { node: 0 });
        let plan = Plan {
            policy: PolicyKind::FullMesh,
            links: LinkMode::Directed,
            hashes: 0,
            stale,
            stands,
            ..Plan::default()
        };
        let lighter =
            plan.simpler_ones().iter().filter(|simpler| simpler.distance() < plan.distance()).count();
        assert_eq!(lighter, plan.simpler_ones().iter().filter(|simpler| **simpler != plan).count());
        assert_eq!((lighter, plan.distance(), Plan::default().distance()), (7, 6, 0));
    }
}
