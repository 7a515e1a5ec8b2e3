//! What a node of the overlay says of itself.

use std::fmt;

use egoist_core::overlay::BootstrapView;
use serde::{Deserialize, Serialize};

use super::super::units;

/// What a node of the overlay says of itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct OverlayStatus {
    /// The overlay's name.
    pub(crate) network: String,
    /// How far it has come.
    pub(crate) phase: Phase,
    /// Seconds until it decides again whom to link to; none while it does not decide.
    pub(crate) next_decision_s: Option<f64>,
    /// Its policy: `best-response`, `k-random`, `full-mesh`, or `watch` for a bootstrap.
    pub(crate) policy: String,
    /// How many neighbours it chooses.
    pub(crate) k: u32,
    /// `mutual` or `directed`.
    pub(crate) links: String,
    /// The gain below which it does not rewire, as a share of its cost.
    pub(crate) eps: f64,
    /// How many it has chosen.
    pub(crate) out_degree: u32,
    /// How many have chosen it.
    pub(crate) in_degree: u32,
    /// How many decisions since it started changed whom it chooses.
    pub(crate) rewirings: u64,
    /// Other nodes in its database that are not absent.
    pub(crate) nodes_known: u32,
    /// Those it has a path to.
    pub(crate) nodes_reachable: u32,
    /// The mean round trip over the overlay to those, in milliseconds; none while it reaches nobody.
    pub(crate) cost_ms: Option<f64>,
    /// How often it has started; none while it starts.
    pub(crate) incarnation: Option<u32>,
    /// The bootstraps, and how asking each ended.
    pub(crate) bootstraps: Vec<BootstrapReport>,
    /// Whether nobody reaches it at its address, though others know it.
    pub(crate) unreached: bool,
    /// Addresses that it names and that its host has lost.
    pub(crate) addresses_gone: Vec<String>,
    /// Where another node lives under this node's id.
    pub(crate) twin: Option<String>,
}

/// A bootstrap, and how asking it ended the last time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct BootstrapReport {
    /// As it was given, by name or address.
    pub(crate) name: String,
    /// Where it is; none for a name that stands for no address.
    pub(crate) address: Option<String>,
    /// Whether it has been asked.
    pub(crate) asked: bool,
    /// Why it told nothing, or its name stands for nothing; none for an answer.
    pub(crate) error: Option<String>,
    /// What to do about that.
    pub(crate) remedy: Option<String>,
}

impl From<BootstrapView> for BootstrapReport {
    fn from(view: BootstrapView) -> Self {
        BootstrapReport {
            name: view.address.to_string(),
            address: Some(view.address.to_string()),
            asked: view.asked,
            remedy: view.error.as_ref().map(|error| error.remedy().to_owned()),
            error: view.error.map(|error| error.to_string()),
        }
    }
}

impl fmt::Display for BootstrapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(address) = self.address.as_ref().filter(|address| **address != self.name) {
            write!(f, " ({address})")?;
        }
        match (&self.error, &self.remedy) {
            (Some(error), Some(remedy)) => write!(f, "  {error}: {remedy}"),
            _ if self.asked => f.write_str("  answers"),
            _ => f.write_str("  not asked yet"),
        }
    }
}

/// How far a node has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// It waits for its state.
    Starting,
    /// It knows nobody.
    Alone,
    /// It knows others and has no link.
    Joining,
    /// It has a link and still measures the others.
    Measuring,
    /// It decides at each epoch.
    Wired,
    /// It only watches, as a bootstrap does.
    Watching,
    /// It leaves.
    Leaving,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Alone => "alone",
            Phase::Joining => "joining",
            Phase::Measuring => "measuring",
            Phase::Wired => "wired",
            Phase::Watching => {
                "watching, as a bootstrap: it tells newcomers who is there, and nobody routes over it"
            }
            Phase::Leaving => "leaving",
        }
    }
}

impl fmt::Display for OverlayStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = self.next_decision_s.map(|s| format!(", next decision in {s:.1} s")).unwrap_or_default();
        writeln!(f, "network   {}", self.network)?;
        writeln!(f, "phase     {}{next}", self.phase.name())?;
        for bootstrap in &self.bootstraps {
            writeln!(f, "bootstrap {bootstrap}")?;
        }
        if self.unreached {
            writeln!(
                f,
                "reached   by nobody at its address: check --advertise, and the firewalls on the way"
            )?;
        }
        for address in &self.addresses_gone {
            writeln!(
                f,
                "gone      {address}, which this host has lost: start the node again with --listen and --advertise as it \
                 is reached now"
            )?;
        }
        if let Some(twin) = &self.twin {
            writeln!(f, "conflict  another node lives under this id at {twin}")?;
        }
        writeln!(f, "policy    {}, k = {}, {} links, eps {}", self.policy, self.k, self.links, self.eps)?;
        let [chosen, by_others, rewired] = [self.out_degree.into(), self.in_degree.into(), self.rewirings];
        writeln!(f, "links     {chosen} chosen, {by_others} chosen by others, rewired {rewired} times")?;
        writeln!(f, "nodes     {} known, {} reachable", self.nodes_known, self.nodes_reachable)?;
        writeln!(f, "cost      {}", units::millis_or_dash(self.cost_ms))?;
        match self.incarnation {
            None => Ok(()),
            Some(1) => writeln!(f, "started   once with this id"),
            Some(times) => writeln!(f, "started   {times} times with this id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::status::{NodeReport, StatusReport, TurnsReport};
    use super::*;

    fn example() -> StatusReport<OverlayStatus> {
        let node = NodeReport {
            protocol: "overlay".into(),
            id: Some("00112233445566778899aabbccddeeff".into()),
            address: "127.0.0.1:61300".into(),
            uptime_s: 725,
            pid: 4711,
            turns: Some(TurnsReport { longest_turn_ms: 12.34, longest_turn_lately_ms: 0.5 }),
            log_lost: 7,
            state_error: Some("/s/state: No space left on device (os error 28)".into()),
            disk_full: true,
        };
        let own = OverlayStatus {
            network: "loopback".into(),
            phase: Phase::Wired,
            next_decision_s: Some(12.34),
            policy: "best-response".into(),
            k: 3,
            links: "mutual".into(),
            eps: 0.01,
            out_degree: 3,
            in_degree: 2,
            rewirings: 9,
            nodes_known: 15,
            nodes_reachable: 15,
            cost_ms: Some(42.123),
            incarnation: Some(4),
            bootstraps: vec![BootstrapReport {
                name: "boot.example:61223".into(),
                address: Some("127.0.0.1:61223".into()),
                asked: true,
                error: None,
                remedy: None,
            }],
            unreached: false,
            addresses_gone: vec!["192.0.2.1:61300".into()],
            twin: None,
        };
        StatusReport { node, own }
    }

    #[test]
    fn for_people_and_for_programs() {
        let text = "\
node      127.0.0.1:61300  00112233445566778899aabbccddeeff
protocol  overlay
network   loopback
phase     wired, next decision in 12.3 s
bootstrap boot.example:61223 (127.0.0.1:61223)  answers
gone      192.0.2.1:61300, which this host has lost: start the node again with --listen and --advertise as it is reached now
policy    best-response, k = 3, mutual links, eps 0.01
links     3 chosen, 2 chosen by others, rewired 9 times
nodes     15 known, 15 reachable
cost      42.1 ms
started   4 times with this id
running   12 m 05 s as process 4711
turns     longest 12.3 ms of processor time, 0.50 ms in the last minute
log       7 lines lost: standard error could not be written
state     not stored: /s/state: No space left on device (os error 28)
";
        assert_eq!(example().to_string(), text);
        let node = NodeReport { state_error: None, ..example().node };
        let not_yet = StatusReport { node, ..example() }.to_string();
        assert!(not_yet.ends_with("state     cannot be stored: the disk is full\n"), "{not_yet}");
        let json = serde_json::to_value(example()).unwrap();
        assert_eq!((&json["protocol"], &json["phase"]), (&"overlay".into(), &"wired".into()));
        assert_eq!(json["longest_turn_ms"], 12.34);
        assert_eq!(serde_json::from_value::<StatusReport<OverlayStatus>>(json).unwrap(), example());
        let uncounted = StatusReport { node: NodeReport { turns: None, ..example().node }, ..example() };
        assert!(!uncounted.to_string().contains("turns "));
        let json = serde_json::to_value(&uncounted).unwrap();
        assert_eq!(json.get("longest_turn_ms"), None);
        assert_eq!(serde_json::from_value::<StatusReport<OverlayStatus>>(json).unwrap(), uncounted);
    }
}
