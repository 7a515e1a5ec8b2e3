//! `egoist path`: the links that lead to a node.

use std::fmt;

use clap::{ArgMatches, Parser};
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::super::table::{Side, Table};
use super::super::units;
use super::super::verb::Verb;
use super::NAME;
use super::destination::{Destination, refused};

/// Show the path from a running node to another, hop by hop
#[derive(Parser, Debug)]
#[command(
    name = "path",
    after_help = "Examples:
  egoist path 127.0.0.1:61300
  egoist path 3f2a                     by the first digits of its id, at least four

The path is the one that the node's database gives now; each node on the way decides by its own."
)]
pub(crate) struct Path {
    /// The node to reach: HOST:PORT, or the first digits of its id
    #[arg(value_name = "DEST")]
    to: Destination,
    #[command(flatten)]
    target: Target,
}

impl Verb for Path {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let mut client = self.target.connect()?;
        let report = self.to.ask(&mut client, |to| PathRequest { to })?;
        session.show(&report.map_err(|refusal| refused(&refusal, &self.to))?)
    }
}

/// Asks a node for its path to another.
#[derive(Serialize, Deserialize)]
pub(crate) struct PathRequest {
    /// Whom: an address, or the beginning of an id.
    pub(crate) to: String,
}

impl Ask for PathRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "path";
    type Answer = PathReport;
}

/// A path.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct PathReport {
    /// The destination's id, 32 digits.
    pub(crate) id: String,
    /// Where it listens.
    pub(crate) address: String,
    /// The nodes on the way, without the first and with the last.
    pub(crate) hops: Vec<Hop>,
    /// The round trip over the path in milliseconds.
    pub(crate) cost_ms: f64,
    /// The round trip without the overlay in milliseconds; none while unmeasured.
    pub(crate) direct_ms: Option<f64>,
}

/// A link of a path, by its far end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Hop {
    /// The node's id, 32 digits.
    pub(crate) id: String,
    /// Where it listens.
    pub(crate) address: String,
    /// The round trip of the link that leads there, in milliseconds.
    pub(crate) link_ms: f64,
    /// The round trip from the path's beginning, in milliseconds.
    pub(crate) total_ms: f64,
}

impl fmt::Display for PathReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let mut table =
            Table::new(&[("HOP", Right), ("ADDRESS", Left), ("ID", Left), ("LINK", Right), ("TOTAL", Right)]);
        for (hop, number) in self.hops.iter().zip(1_u32..) {
            table.row([
                number.to_string(),
                hop.address.clone(),
                units::short_id(&hop.id).to_owned(),
                units::millis(hop.link_ms),
                units::millis(hop.total_ms),
            ]);
        }
        table.fmt(f)?;
        write!(f, "cost {}, direct {}", units::millis(self.cost_ms), units::millis_or_dash(self.direct_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people_and_for_programs() {
        let hop = |digit: &str, link_ms, total_ms| Hop {
            id: digit.repeat(32),
            address: format!("127.0.0.1:6130{digit}"),
            link_ms,
            total_ms,
        };
        let report = PathReport {
            id: "2".repeat(32),
            address: "127.0.0.1:61302".into(),
            hops: vec![hop("1", 12.0, 12.0), hop("2", 90.0, 102.0)],
            cost_ms: 102.0,
            direct_ms: None,
        };
        let text = "\
HOP  ADDRESS          ID           LINK    TOTAL
  1  127.0.0.1:61301  11111111  12.0 ms  12.0 ms
  2  127.0.0.1:61302  22222222  90.0 ms   102 ms
cost 102 ms, direct -";
        assert_eq!(report.to_string(), text);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["hops"][1]["link_ms"], 90.0);
        assert_eq!(serde_json::from_value::<PathReport>(json).unwrap(), report);
    }
}
