//! `egoist sim`: the same machines in simulated time.

use std::fmt;
use std::time::Duration;

use clap::{ArgMatches, Parser, ValueEnum};
use egoist_core::kernel::Seed;
use egoist_core::overlay::experiment::{self, Epoch, Experiment, Plan};
use egoist_core::overlay::judge::Judgement;
use egoist_core::overlay::wiring::Caution;
use egoist_core::sim::Matrix;
use serde::Serialize;

use super::config::ConfigFile;
use super::failure::Outcome;
use super::latency::{LatencyArgs, check_pace};
use super::overlay::origin::unfit;
use super::overlay::settings::{Bounds, Periods, Wiring};
use super::progress::Progress;
use super::session::Session;
use super::table::{Side, Table};
use super::units;
use super::verb::Verb;

/// Run the nodes' own code in simulated time, on the delays between cities or on measured ones
#[derive(Parser, Debug)]
#[command(
    name = "sim",
    mut_arg("nodes", |arg| arg.help("Which nodes: 50 draws so many by the seed and prints them; 3,17,42 names rows from 0, and 3, is a list of one [default: all]")),
    after_help = "Examples:
  egoist sim                                                  all 24 cities
  egoist sim --nodes 16 -k 2 --policy k-random                sixteen of them, linked at random
  egoist sim --latency PlanetLabData_1 --nodes 50 --seed 7    fifty rows of a file
  egoist sim --latency SeattleData_1 --unit s --links directed --json

These files are of a public set: https://github.com/uofa-rzhu3/NetLatency-Data

Nodes join within the first 10 s; epoch e ends a rewiring period times e after that and is measured then, on the links \
that are in force and the true delays. COST RATIO is the mean individual cost over that of a full mesh's shortest \
paths. The same seed gives the same output."
)]
pub(crate) struct Sim {
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// How many epochs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) epochs: u32,
    /// Draws nodes, joins, ids and jitter
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Whether a node waits after others rewired, for their news: on or off, for comparison
    #[arg(long, value_name = "ON|OFF", default_value = "on", hide_possible_values = true)]
    pub(crate) quiet_guard: Switch,
    /// Divide the ping, rewiring, remove, erase and refresh periods by this
    #[arg(id = "sim_pace", long = "pace", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
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

impl Verb for Sim {
    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let sample = self.delays.load(Seed::from_u64(self.seed))?;
        let plan = self.plan();
        let largest = Duration::from_micros(sample.matrix.largest().into());
        check_pace(self.pace, plan.node.periods.rewiring, largest)?;
        self.delays.notes(&sample).iter().for_each(|note| session.note(note));
        plan.node.check().map_err(|error| unfit(&error, matches))?;
        let report = self.simulate(plan, &sample.matrix, session.quiet)?;
        session.show(&report)
    }
}

impl Sim {
    fn plan(&self) -> Plan {
        let mut plan = Plan::new(self.epochs, self.seed);
        self.wiring.apply(&mut plan.node);
        plan.node.periods = self.periods.paced(self.pace);
        plan.node.bounds = self.bounds.limits();
        plan.node.guarding = match self.quiet_guard {
            Switch::On => Caution::Quiet,
            Switch::Off => Caution::Off,
        };
        plan
    }

    fn simulate(&self, plan: Plan, matrix: &Matrix, quiet: bool) -> Outcome<SimReport> {
        let progress = Progress::new("simulating", self.epochs.into(), quiet);
        let mut experiment = Experiment::new(plan, matrix)?;
        let mut epochs = Vec::new();
        while let Some(epoch) = experiment.next_epoch() {
            let row = EpochRow::from(epoch);
            progress
                .at(row.epoch.into(), row.cost_ratio.map_or_else(units::dash, |r| format!("cost {r:.3}")));
            epochs.push(row);
        }
        let Judgement { cost_ratio, unreachable_pairs, max_in_degree } = experiment.judge();
        let experiment::Traffic { frames, bytes, updates_per_node_per_minute } = experiment.traffic();
        Ok(SimReport {
            latency: self.delays.file(),
            nodes: matrix.len(),
            k: self.wiring.k,
            policy: self.wiring.policy.to_string(),
            links: self.wiring.links.to_string(),
            eps: self.wiring.eps,
            seed: self.seed,
            epochs,
            end: End { cost_ratio, unreachable_pairs, max_in_degree: max_in_degree.into() },
            traffic: Traffic { frames, bytes, updates_per_node_per_minute },
        })
    }
}

impl From<Epoch> for EpochRow {
    fn from(epoch: Epoch) -> Self {
        EpochRow {
            epoch: epoch.epoch,
            cost_ratio: epoch.judgement.cost_ratio,
            unreachable_pairs: epoch.judgement.unreachable_pairs,
            rewired_nodes: epoch.rewired_nodes.into(),
            rewired_links: epoch.rewired_links.into(),
        }
    }
}

/// Whether something is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// What came of a simulation.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct SimReport {
    /// The file that the delays are from; none for those between the cities.
    pub(crate) latency: Option<String>,
    /// How many nodes.
    pub(crate) nodes: usize,
    /// How many neighbours each chose.
    pub(crate) k: u32,
    /// `best-response`, `k-random` or `full-mesh`.
    pub(crate) policy: String,
    /// `mutual` or `directed`.
    pub(crate) links: String,
    /// The gain below which nobody rewired, as a share of the cost.
    pub(crate) eps: f64,
    /// The seed.
    pub(crate) seed: u64,
    /// Each epoch.
    pub(crate) epochs: Vec<EpochRow>,
    /// The end.
    #[serde(rename = "final")]
    pub(crate) end: End,
    /// What was sent.
    pub(crate) traffic: Traffic,
}

/// An epoch, as measured at its end.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct EpochRow {
    /// Its number, from 1.
    pub(crate) epoch: u32,
    /// Mean individual cost over that of a full mesh; none while pairs are unreachable.
    pub(crate) cost_ratio: Option<f64>,
    /// Ordered pairs without a path.
    pub(crate) unreachable_pairs: u64,
    /// Nodes that changed whom they choose during it.
    pub(crate) rewired_nodes: u64,
    /// Choices that they changed.
    pub(crate) rewired_links: u64,
}

/// The last epoch's end.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct End {
    /// As in [`EpochRow`].
    pub(crate) cost_ratio: Option<f64>,
    /// As in [`EpochRow`].
    pub(crate) unreachable_pairs: u64,
    /// How many chose the node that most chose.
    pub(crate) max_in_degree: u64,
}

/// What was sent, by all nodes and all the time.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Traffic {
    /// Frames on links and datagrams.
    pub(crate) frames: u64,
    /// Their octets.
    pub(crate) bytes: u64,
    /// Records that a node sent, each minute.
    pub(crate) updates_per_node_per_minute: f64,
}

impl fmt::Display for SimReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} nodes, k = {}, {}, {} links, eps {}, seed {}",
            self.nodes, self.k, self.policy, self.links, self.eps, self.seed
        )?;
        match &self.latency {
            Some(file) => writeln!(f, "delays: {file}")?,
            None => writeln!(f, "delays: computed between cities of the world, and not measured")?,
        }
        write!(f, "{}", epoch_table(&self.epochs))?;
        let ratio = self.end.cost_ratio.map_or_else(units::dash, |ratio| format!("{ratio:.4}"));
        let End { unreachable_pairs, max_in_degree, .. } = self.end;
        writeln!(
            f,
            "cost {ratio} of a full mesh, {unreachable_pairs} pairs unreachable, a node chosen by at most {max_in_degree}"
        )?;
        let Traffic { frames, bytes, updates_per_node_per_minute } = self.traffic;
        let sent = units::octets(bytes);
        write!(f, "{frames} frames, {sent}, {updates_per_node_per_minute:.1} updates a node and minute")
    }
}

fn epoch_table(epochs: &[EpochRow]) -> Table {
    let column = |name| (name, Side::Right);
    let mut table = Table::new(
        &["EPOCH", "COST RATIO", "UNREACHABLE PAIRS", "REWIRED NODES", "REWIRED LINKS"].map(column),
    );
    for row in epochs {
        table.row([
            row.epoch.to_string(),
            row.cost_ratio.map_or_else(units::dash, |ratio| format!("{ratio:.4}")),
            row.unreachable_pairs.to_string(),
            row.rewired_nodes.to_string(),
            row.rewired_links.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> SimReport {
        SimReport {
            latency: Some("m.tsv".into()),
            nodes: 50,
            k: 3,
            policy: "best-response".into(),
            links: "mutual".into(),
            eps: 0.01,
            seed: 7,
            epochs: vec![
                EpochRow {
                    epoch: 1,
                    cost_ratio: None,
                    unreachable_pairs: 98,
                    rewired_nodes: 50,
                    rewired_links: 150,
                },
                EpochRow {
                    epoch: 2,
                    cost_ratio: Some(1.0213),
                    unreachable_pairs: 0,
                    rewired_nodes: 9,
                    rewired_links: 12,
                },
            ],
            end: End { cost_ratio: Some(1.0213), unreachable_pairs: 0, max_in_degree: 11 },
            traffic: Traffic { frames: 90_210, bytes: 10_485_760, updates_per_node_per_minute: 2.25 },
        }
    }

    #[test]
    fn json_has_the_fields_in_order() {
        let json = concat!(
            r#"{"latency":"m.tsv","nodes":50,"k":3,"policy":"best-response","links":"mutual","eps":0.01,"seed":7,"epochs":["#,
            r#"{"epoch":1,"cost_ratio":null,"unreachable_pairs":98,"rewired_nodes":50,"rewired_links":150},"#,
            r#"{"epoch":2,"cost_ratio":1.0213,"unreachable_pairs":0,"rewired_nodes":9,"rewired_links":12}],"#,
            r#""final":{"cost_ratio":1.0213,"unreachable_pairs":0,"max_in_degree":11},"#,
            r#""traffic":{"frames":90210,"bytes":10485760,"updates_per_node_per_minute":2.25}}"#,
        );
        assert_eq!(serde_json::to_string(&report()).unwrap(), json);
    }

    #[test]
    fn for_people() {
        let text = "\
50 nodes, k = 3, best-response, mutual links, eps 0.01, seed 7
delays: m.tsv
EPOCH  COST RATIO  UNREACHABLE PAIRS  REWIRED NODES  REWIRED LINKS
    1           -                 98             50            150
    2      1.0213                  0              9             12
cost 1.0213 of a full mesh, 0 pairs unreachable, a node chosen by at most 11
90210 frames, 10.0 MiB, 2.2 updates a node and minute";
        assert_eq!(report().to_string(), text);
    }
}
