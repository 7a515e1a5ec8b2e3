//! `egoist demo`: an overlay in one process, on real sockets with emulated delays.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Parser};
use egoist_core::kernel::{Seed, Time};
use egoist_core::overlay::Config;
use egoist_core::overlay::wire::Network;
use serde::Serialize;

use super::config::ConfigFile;
use super::failure::{Failure, Outcome};
use super::jury::{Finding, Jury, Rest};
use super::latency::{LatencyArgs, NodeChoice, Sample, check_pace};
use super::live::{DemoView, Screen};
use super::overlay::origin::unfit;
use super::overlay::settings::{Bounds, Periods, Wiring};
use super::progress::Progress;
use super::session::Session;
use super::stage::Stage;
use super::units;
use super::verb::Verb;

/// `--once` waits for so many epochs at most.
const EPOCHS: u32 = 15;
/// Nodes join within the first epoch, and within this time at the longest.
const JOINING: Duration = Duration::from_secs(10);
/// Between two drawings of the table.
const FRAME: Duration = Duration::from_millis(250);

/// Watch an overlay organise itself: a bootstrap and nodes in one process, on real loopback sockets
#[derive(Parser, Debug)]
#[command(
    name = "demo",
    mut_arg("nodes", |arg| arg.default_value("16")),
    after_help = "Examples:
  egoist demo                                   sixteen cities, until interrupted
  egoist demo --once                            end when nobody rewires any more, or after 15 epochs
  egoist demo --once --json | jq .cost_ratio
  egoist demo --nodes 24 -k 2

Delays come from the cities' distances, or from --latency FILE, divided by the pace like all periods. COST is a node's \
mean round trip to the others over the overlay before that division, taken from outside on the true delays, over the \
LINKS that both ends list: those that the node chose and, mutual links being used both ways, those that others did. OF MESH is that \
over the cost in a full mesh, the least possible; the row 'all' has the means. TO GAIN is \
the share of its cost that a node would save by its best choice as the others chose, 'all' the most that any would, as \
found at the end of the last epoch. The overlay is settled when everybody reaches everybody and nobody could gain more \
than --eps (1 % at least), or nobody has rewired for two epochs. Exit code 1 with --once if a pair of nodes \
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

impl Verb for Demo {
    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let sample = self.sample(matches.value_source("nodes"))?;
        let node = self.node();
        node.check().map_err(|error| unfit(&error, matches))?;
        let largest = Duration::from_micros(sample.matrix.largest().into()) / self.pace;
        check_pace(self.pace, node.periods.rewiring, largest)?;
        if self.delays.latency.is_some() {
            self.delays.notes(&sample).iter().for_each(|note| session.note(note));
        }
        let seed = Seed::from_u64(self.seed);
        let joining = JOINING.min(node.periods.rewiring);
        let jury = Jury::new(&node, self.delays.names(&sample), &sample.matrix, seed);
        let stage = Stage::new(&node, seed, &sample.matrix, self.pace, joining)?;
        let report = self.watch(stage, &jury, joining, session)?;
        session.show(&report)?;
        if self.once { report.verdict() } else { Ok(()) }
    }
}

impl Demo {
    /// The nodes and their delays. Where so many as by default are not there, all are taken.
    fn sample(&self, nodes_from: Option<ValueSource>) -> Outcome<Sample> {
        let whole = self.delays.read()?;
        let mut delays = self.delays.clone();
        if let (Some(ValueSource::DefaultValue), Some(NodeChoice::Draw(n))) = (nodes_from, &mut delays.nodes)
        {
            *n = whole.len().min(*n);
        }
        delays.choose(&whole, Seed::from_u64(self.seed))
    }

    /// How every node is configured, but for its seed and address.
    fn node(&self) -> Config {
        let network = Network::new("demo").unwrap_or_else(|_| unreachable!("a valid name"));
        let mut node = Config::new(Seed::from_u64(self.seed), network, egoist_core::sim::address(0));
        self.wiring.apply(&mut node);
        node.periods = self.periods.paced(self.pace);
        node.bounds = self.bounds.limits();
        node.announce_floor /= self.pace;
        node
    }

    /// Lets the overlay live and shows how it does, until it is to end; what came of it.
    fn watch(
        &self,
        mut stage: Stage,
        jury: &Jury,
        joining: Duration,
        session: &mut Session<'_>,
    ) -> Outcome<DemoReport> {
        let mut audience = Audience::new(self.once, session);
        let (joined, period) = (Time::ZERO + joining, self.periods.paced(self.pace).rewiring);
        let (mut epochs, mut found) = (0, Finding::default());
        loop {
            let end = joined + period * (epochs + 1);
            stage.run_until(audience.next_look(stage.now()).map_or(end, |look| look.min(end)))?;
            let over = stage.now() >= end;
            if over {
                epochs += 1;
                found = jury.find(&stage, joined);
            }
            let current = if over || stage.now() < joined { epochs } else { epochs + 1 };
            let view = jury.view(&stage, current, &found);
            let rests = found.rest.is_some();
            let last = stage.interrupted() || (self.once && over && (rests || epochs >= EPOCHS));
            audience.look(&view, Moment { over, last }, session)?;
            if last {
                return Ok(DemoReport::new(view, epochs));
            }
        }
    }
}

/// Who watches, and how.
enum Audience {
    /// A terminal: the table is redrawn in place.
    Live(Screen),
    /// A file or pipe: a line for each epoch, the table at the end.
    Lines,
    /// A program, which waits for the report; a terminal may show how long.
    Program(Option<Progress>),
}

/// When a view is.
#[derive(Clone, Copy)]
struct Moment {
    /// At the end of an epoch.
    over: bool,
    /// There is none after it.
    last: bool,
}

impl Audience {
    fn new(once: bool, session: &Session<'_>) -> Self {
        let progress = || Progress::new("organising", EPOCHS.into(), session.quiet);
        match (session.json, io::stdout().is_terminal()) {
            (true, _) => Self::Program(once.then(progress)),
            (false, true) => Self::Live(Screen::default()),
            (false, false) => Self::Lines,
        }
    }

    /// When something is to be shown before the epoch ends.
    fn next_look(&self, now: Time) -> Option<Time> {
        matches!(self, Self::Live(_)).then(|| now + FRAME)
    }

    fn look(&mut self, view: &DemoView, moment: Moment, session: &mut Session<'_>) -> Outcome {
        match self {
            Self::Live(screen) => screen.draw(view, session.out)?,
            Self::Lines => {
                if moment.over {
                    session.text(&view.headline())?;
                }
                if moment.last {
                    session.text(&view.table().to_string())?;
                }
            }
            Self::Program(Some(progress)) if moment.over => progress.at(view.epoch.into(), view.standing()),
            Self::Program(_) => {}
        }
        Ok(())
    }
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
    /// How.
    pub(crate) settled_by: Option<Rest>,
    /// The most that any node could gain by rewiring, as a share of its cost; none where that is not known.
    pub(crate) could_gain: Option<f64>,
    /// The least that makes it unsettled.
    #[serde(skip)]
    pub(crate) worthwhile: f64,
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
    fn new(end: DemoView, epochs: u32) -> Self {
        DemoReport {
            nodes: end.nodes.len(),
            k: end.k,
            settled: end.rest.is_some(),
            settled_by: end.rest,
            could_gain: end.could_gain(),
            worthwhile: end.worthwhile,
            epochs,
            cost_ratio: end.cost_ratio,
            k_random_ratio: end.k_random_ratio,
            unreachable_pairs: end.unreachable_pairs,
            wiring: end.nodes.into_iter().map(|row| (row.name, row.neighbours)).collect(),
        }
    }

    /// Whether everybody is reached, and for less than with random neighbours, unless these make a full mesh already.
    ///
    /// # Errors
    /// It is not so.
    fn verdict(&self) -> Outcome {
        if self.unreachable_pairs > 0 {
            let pairs = self.unreachable_pairs;
            return Err(Failure::new(format!("{pairs} pairs of nodes do not reach each other")));
        }
        match self.cost_ratio.zip(self.k_random_ratio) {
            Some((cost, random)) if cost >= random && cost > 1.0 => Err(Failure::new(format!(
                "the cost, {cost:.3} of a full mesh, is not below that of random neighbours, {random:.3}"
            ))),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = if self.settled { "settled after" } else { "not settled within" };
        let epochs = if self.epochs == 1 { "epoch" } else { "epochs" };
        write!(f, "{} nodes, k = {}: {ended} {} {epochs}", self.nodes, self.k, self.epochs)?;
        let worthwhile = units::percent(self.worthwhile);
        match (self.settled_by, self.could_gain) {
            (Some(Rest::Stable), _) => write!(f, " (nobody could gain above {worthwhile} by rewiring)")?,
            (Some(Rest::Quiet), _) => write!(f, " (nobody rewired for two)")?,
            (None, Some(gain)) => write!(f, " (somebody could gain {} by rewiring)", units::percent(gain))?,
            (None, None) => {}
        }
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
            settled_by: Some(Rest::Quiet),
            could_gain: Some(0.02),
            worthwhile: 0.01,
            epochs: 4,
            cost_ratio: Some(1.02),
            k_random_ratio: Some(1.4),
            unreachable_pairs: 0,
            wiring: BTreeMap::from([("Oslo".into(), vec!["Rio".into()]), ("Rio".into(), vec![])]),
        }
    }

    #[test]
    fn json_has_the_fields_in_order() {
        let json = r#"{"nodes":2,"k":1,"settled":true,"settled_by":"quiet","could_gain":0.02,"epochs":4,"cost_ratio":1.02,"k_random_ratio":1.4,"unreachable_pairs":0,"wiring":{"Oslo":["Rio"],"Rio":[]}}"#;
        assert_eq!(serde_json::to_string(&report()).unwrap(), json);
    }

    #[test]
    fn what_is_good() {
        assert!(report().verdict().is_ok());
        assert!(DemoReport { unreachable_pairs: 1, cost_ratio: None, ..report() }.verdict().is_err());
        assert!(DemoReport { cost_ratio: Some(1.4), ..report() }.verdict().is_err());
        let full = DemoReport { cost_ratio: Some(1.0), k_random_ratio: Some(1.0), ..report() };
        assert!(full.verdict().is_ok());
        assert_eq!(
            report().to_string(),
            "2 nodes, k = 1: settled after 4 epochs (nobody rewired for two), cost 1.020 of a full mesh (random neighbours: 1.400)"
        );
        let stable = DemoReport { settled_by: Some(Rest::Stable), ..report() };
        assert!(stable.to_string().contains("4 epochs (nobody could gain above 1.0 % by rewiring), cost"));
        let restless = DemoReport { settled: false, settled_by: None, ..report() };
        assert!(restless.to_string().contains("not settled within 4 epochs (somebody could gain 2.0 %"));
        let cut = DemoReport {
            settled: false,
            settled_by: None,
            could_gain: None,
            unreachable_pairs: 1,
            cost_ratio: None,
            k_random_ratio: None,
            ..report()
        };
        assert_eq!(cut.to_string(), "2 nodes, k = 1: not settled within 4 epochs, 1 pairs unreachable");
    }
}
