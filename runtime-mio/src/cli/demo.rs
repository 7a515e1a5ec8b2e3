//! `egoist demo`: an overlay in one process, on real sockets with emulated delays.

use std::collections::BTreeMap;
use std::fmt;

use clap::Parser;
use serde::Serialize;

use super::config::ConfigFile;
use super::latency::LatencyArgs;
use super::settings::{Bounds, Periods, Wiring};

/// Watch an overlay organise itself: a bootstrap and nodes in one process, on real loopback sockets
#[derive(Parser, Debug)]
#[command(
    name = "demo",
    mut_arg("nodes", |arg| arg.default_value("16")),
    mut_arg("latency", |arg| arg.help("A text file of round-trip times, row i and column j from node i to node j [default: cities of the world]")),
    after_help = "Examples:
  egoist demo                                   sixteen cities, until interrupted
  egoist demo --once                            end when nobody rewires any more, or after 15 epochs
  egoist demo --once --json | jq .cost_ratio
  egoist demo --nodes 24 -k 2

Delays come from the cities' distances, or from --latency FILE, divided by the pace like all periods. Costs are shown \
beside those of a full mesh (the least possible) and of random neighbours. Exit code 1 with --once if a pair of nodes \
cannot reach each other, or the cost is not below that of random neighbours."
)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// End when no link was rewired for two epochs or none can be for the better, or after 15 epochs
    #[arg(long)]
    pub(crate) once: bool,
    /// Draws nodes, ids and jitter
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Divide the delays and the ping, rewiring, remove, erase and refresh periods by this: 20 makes an epoch 3s
    #[arg(id = "demo_pace", long = "pace", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) pace: u32,
    #[command(flatten)]
    pub(crate) delays: LatencyArgs,
    #[command(flatten)]
    pub(crate) wiring: Wiring,
    #[command(flatten)]
    pub(crate) periods: Periods,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
}

/// What came of a demo.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct DemoReport {
    /// How many nodes.
    pub(crate) nodes: usize,
    /// How many neighbours each chose.
    pub(crate) k: u32,
    /// Whether the overlay came to rest.
    pub(crate) settled: bool,
    /// Epochs since the last node joined.
    pub(crate) epochs: u32,
    /// Mean individual cost over that of a full mesh; none while pairs are unreachable.
    pub(crate) cost_ratio: Option<f64>,
    /// The same of random neighbours, the mean of connected draws.
    pub(crate) k_random_ratio: Option<f64>,
    /// Ordered pairs without a path.
    pub(crate) unreachable_pairs: u64,
    /// Whom each node chose.
    pub(crate) wiring: BTreeMap<String, Vec<String>>,
}

impl DemoReport {
    /// Whether everybody is reached, and for less than with random neighbours.
    pub(crate) fn is_good(&self) -> bool {
        let below = |(cost, random)| cost < random;
        self.unreachable_pairs == 0 && self.cost_ratio.zip(self.k_random_ratio).is_none_or(below)
    }
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = if self.settled { "settled after" } else { "not settled within" };
        write!(f, "{} nodes, k = {}: {ended} {} epochs", self.nodes, self.k, self.epochs)?;
        match self.cost_ratio {
            Some(cost) => write!(f, ", cost {cost:.3} of a full mesh")?,
            None => write!(f, ", {} pairs unreachable", self.unreachable_pairs)?,
        }
        self.k_random_ratio.map_or(Ok(()), |random| write!(f, " (random neighbours: {random:.3})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> DemoReport {
        DemoReport {
            nodes: 2,
            k: 1,
            settled: true,
            epochs: 4,
            cost_ratio: Some(1.02),
            k_random_ratio: Some(1.4),
            unreachable_pairs: 0,
            wiring: BTreeMap::from([("Oslo".into(), vec!["Rio".into()]), ("Rio".into(), vec![])]),
        }
    }

    #[test]
    fn json_has_the_fields_in_order() {
        let json = r#"{"nodes":2,"k":1,"settled":true,"epochs":4,"cost_ratio":1.02,"k_random_ratio":1.4,"unreachable_pairs":0,"wiring":{"Oslo":["Rio"],"Rio":[]}}"#;
        assert_eq!(serde_json::to_string(&report()).unwrap(), json);
    }

    #[test]
    fn what_is_good() {
        assert!(report().is_good());
        assert!(!DemoReport { unreachable_pairs: 1, cost_ratio: None, ..report() }.is_good());
        assert!(!DemoReport { cost_ratio: Some(1.4), ..report() }.is_good());
        assert_eq!(
            report().to_string(),
            "2 nodes, k = 1: settled after 4 epochs, cost 1.020 of a full mesh (random neighbours: 1.400)"
        );
        let cut = DemoReport {
            settled: false,
            unreachable_pairs: 1,
            cost_ratio: None,
            k_random_ratio: None,
            ..report()
        };
        assert_eq!(cut.to_string(), "2 nodes, k = 1: not settled within 4 epochs, 1 pairs unreachable");
    }
}
