//! `egoist routes`: how a node reaches every other.

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

/// List how a running node reaches every other: first hop, cost and hops
#[derive(Parser, Debug)]
#[command(
    name = "routes",
    after_help = "Examples:
  egoist routes
  egoist routes --json | jq '.[] | select(.state != \"reachable\")'

COST is the round trip over the overlay, DIRECT the one measured without it: where COST is less, the overlay goes \
around a slow Internet path."
)]
pub(crate) struct Routes {
    #[command(flatten)]
    target: Target,
}

impl Verb for Routes {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let report = self.target.connect()?.ask(&RoutesRequest {})?;
        session.show(&report)
    }
}

/// Asks a node how it reaches the others.
#[derive(Serialize, Deserialize)]
pub(crate) struct RoutesRequest {}

impl Ask for RoutesRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "routes";
    type Answer = RoutesReport;
}

/// A node's routes, by address.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RoutesReport(pub(crate) Vec<RouteRow>);

/// A route.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct RouteRow {
    /// The destination's id, 32 digits.
    pub(crate) id: String,
    /// Where it listens.
    pub(crate) address: String,
    /// The neighbour that what is sent there goes to first, by address; none without a path.
    pub(crate) next_hop: Option<String>,
    /// The round trip over the overlay in milliseconds; none without a path.
    pub(crate) cost_ms: Option<f64>,
    /// The round trip without the overlay in milliseconds; none while unmeasured.
    pub(crate) direct_ms: Option<f64>,
    /// How many links the path has; none without a path.
    pub(crate) hops: Option<u32>,
    /// Whether there is a path.
    pub(crate) state: RouteState,
}

/// Whether there is a path to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RouteState {
    /// There is.
    Reachable,
    /// There is none.
    Unreachable,
    /// Who is asked is a bootstrap, which only watches the node.
    Watched,
    /// The node itself is gone.
    Absent,
}

impl RouteState {
    fn name(self) -> &'static str {
        match self {
            RouteState::Reachable => "reachable",
            RouteState::Unreachable => "unreachable",
            RouteState::Watched => "watched",
            RouteState::Absent => "absent",
        }
    }
}

impl fmt::Display for RoutesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let mut table = Table::new(&[
            ("DESTINATION", Left),
            ("ID", Left),
            ("STATE", Left),
            ("NEXT HOP", Left),
            ("COST", Right),
            ("DIRECT", Right),
            ("HOPS", Right),
        ]);
        for row in &self.0 {
            table.row([
                row.address.clone(),
                units::short_id(&row.id).to_owned(),
                row.state.name().to_owned(),
                row.next_hop.clone().unwrap_or_else(units::dash),
                units::millis_or_dash(row.cost_ms),
                units::millis_or_dash(row.direct_ms),
                row.hops.map_or_else(units::dash, |hops| hops.to_string()),
            ]);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people_and_for_programs() {
        let reachable = RouteRow {
            id: "00112233445566778899aabbccddeeff".into(),
            address: "127.0.0.1:61300".into(),
            next_hop: Some("127.0.0.1:61301".into()),
            cost_ms: Some(98.7),
            direct_ms: Some(142.0),
            hops: Some(2),
            state: RouteState::Reachable,
        };
        let absent = RouteRow {
            address: "127.0.0.1:61302".into(),
            next_hop: None,
            cost_ms: None,
            direct_ms: None,
            hops: None,
            state: RouteState::Absent,
            ..reachable.clone()
        };
        let report = RoutesReport(vec![reachable, absent]);
        let text = "\
DESTINATION      ID        STATE      NEXT HOP            COST  DIRECT  HOPS
127.0.0.1:61300  00112233  reachable  127.0.0.1:61301  98.7 ms  142 ms     2
127.0.0.1:61302  00112233  absent     -                      -       -     -
";
        assert_eq!(report.to_string(), text);
        let json = serde_json::to_string(&report).unwrap();
        assert!(
            json.ends_with(
                r#""next_hop":null,"cost_ms":null,"direct_ms":null,"hops":null,"state":"absent"}]"#
            ),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<RoutesReport>(&json).unwrap(), report);
    }
}
