//! What a node is asked that takes a while, and how it ended.

use std::fmt;
use std::time::Duration;

use egoist_core::mesh::chord::store::Version;
use egoist_core::mesh::chord::{Failure as NodeFailure, Outcome as NodeOutcome, Refusal as NodeRefusal};
use egoist_mio::control::{Refusal, codes};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::control::{Ask, Client, Target};
use super::super::failure::{Failure, Outcome};
use super::super::mesh::desk::refused as refused_by_mesh;
use super::super::mesh::form;
use super::super::session::Session;
use super::super::units;

/// How long after its time was over a node may say so.
const GRACE: Duration = Duration::from_secs(2);

/// How what a node was asked has ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum OpReport {
    /// A value was found.
    Value {
        /// It.
        value: Json,
        /// Whether it is sure to be the one.
        certain: bool,
        /// When it was set; none if nodes of py2p alone keep it.
        version: Option<Version>,
    },
    /// The key has no value.
    Absent,
    /// It is kept.
    Kept {
        /// By so many nodes of this project.
        copies: usize,
        /// Stores that went to nodes of py2p, which confirm nothing.
        unconfirmed: usize,
    },
    /// A node was found.
    Found {
        /// What it calls itself.
        id: String,
        /// Where it listens.
        address: String,
        /// How many nodes were asked.
        hops: u32,
    },
}

impl OpReport {
    /// Why it is no answer to what was asked, from another version of a node perhaps.
    pub(crate) fn strange(&self) -> Failure {
        Failure::new(format!("the node's answer is to something else ({self})"))
            .try_this("is it of the same version? compare 'egoist --version'")
    }

    /// Shows it, with these words for people.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn show(&self, words: &str, session: &mut Session<'_>) -> Outcome {
        if session.json { session.json_line(self) } else { session.text(words) }
    }
}

impl fmt::Display for OpReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpReport::Value { value, .. } => f.write_str(&form::shown(std::slice::from_ref(value))),
            OpReport::Absent => f.write_str("not found"),
            OpReport::Kept { copies, unconfirmed } => {
                f.write_str(&keepers(*copies))?;
                if *unconfirmed > 0 {
                    write!(f, ", sent to nodes of py2p {unconfirmed} times, which confirm nothing")?;
                }
                Ok(())
            }
            OpReport::Found { id, address, hops } => {
                let nodes = if *hops == 1 { "1 node was" } else { &format!("{hops} nodes were") };
                write!(f, "{address}  {}  ({nodes} asked)", units::short_id(id))
            }
        }
    }
}

fn keepers(copies: usize) -> String {
    if copies == 1 { "kept by 1 node".to_owned() } else { format!("kept by {copies} nodes") }
}

/// What a client is told of how it ended; none of a page, which is told in pieces.
pub(crate) fn report(outcome: NodeOutcome) -> Result<OpReport, Refusal> {
    match outcome {
        NodeOutcome::Value { value, is_certain, version } => {
            Ok(OpReport::Value { value: form::to_json(&value), certain: is_certain, version })
        }
        NodeOutcome::Absent => Ok(OpReport::Absent),
        NodeOutcome::Kept { copies, unconfirmed, .. } => Ok(OpReport::Kept { copies, unconfirmed }),
        NodeOutcome::Found { node, hops } => {
            Ok(OpReport::Found { id: node.id.to_string(), address: node.addr.to_string(), hops })
        }
        NodeOutcome::Failed(failure) => Err(failed(failure)),
        NodeOutcome::Page { .. } => Err(Refusal::new(codes::INTERNAL, "a page came as an answer")),
    }
}

/// What a client is told of what came to nothing.
pub(crate) fn failed(failure: NodeFailure) -> Refusal {
    let code = match failure {
        NodeFailure::TimedOut => codes::TIMEOUT,
        NodeFailure::NobodyStores => codes::UNREACHABLE,
        NodeFailure::Full => codes::FULL,
        NodeFailure::ReadOnly => codes::READ_ONLY,
        NodeFailure::NotAMap => codes::BAD_REQUEST,
        NodeFailure::Leaving => codes::NOT_RUNNING,
        NodeFailure::Busy => codes::BUSY,
        _ => codes::INTERNAL,
    };
    Refusal::new(code, failure.to_string())
}

/// What a client is told that a node refuses to begin.
pub(crate) fn refused(refusal: NodeRefusal) -> Refusal {
    let code = match refusal {
        NodeRefusal::Mesh(refusal) => return refused_by_mesh(refusal),
        NodeRefusal::KeyTooLong | NodeRefusal::ValueTooLong => codes::TOO_LONG,
        NodeRefusal::Nil => codes::BAD_REQUEST,
        NodeRefusal::Busy => codes::BUSY,
        NodeRefusal::NoClock | NodeRefusal::Leaving => codes::NOT_RUNNING,
        _ => codes::INTERNAL,
    };
    Refusal::new(code, refusal.to_string())
}

/// What a user is told when a node does not do something about a key, or whatever else stands at `place`.
pub(crate) fn failure(refusal: &Refusal, place: impl fmt::Display) -> Failure {
    let failure = Failure::new(refusal.message.as_str()).at(place);
    match refusal.code.as_ref() {
        codes::TIMEOUT => failure.try_this("wait longer with --timeout"),
        codes::UNREACHABLE => failure.try_this(
            "connect the node to one that stores with 'egoist chord connect', or make it store with 'egoist chord join'",
        ),
        codes::FULL => failure.try_this("delete something, or let more nodes store"),
        codes::READ_ONLY => failure.try_this("see the logs of the nodes: a disk is full or broken"),
        codes::TOO_LONG => failure.try_this("store it in pieces"),
        codes::UNKNOWN_PROTOCOL => failure.try_this("ask a node of Chord, with --node"),
        _ => failure,
    }
}

/// A connection for what takes as long as the target says, and that in milliseconds.
///
/// # Errors
/// As [`Target::connect`].
pub(crate) fn connect(target: &Target) -> Outcome<(Client, u64)> {
    let client = target.connect_for(GRACE)?;
    Ok((client, u64::try_from(target.timeout().as_millis()).unwrap_or(u64::MAX)))
}

/// Asks for something about `place`, with how many milliseconds it may take, and waits until it has ended.
///
/// # Errors
/// The node cannot be asked, is none of this protocol or refuses, or it came to nothing.
pub(crate) fn ask<A: Ask<Answer = OpReport>>(
    target: &Target,
    place: impl fmt::Display,
    request: impl FnOnce(u64) -> A,
) -> Outcome<OpReport> {
    let (mut client, timeout_ms) = connect(target)?;
    client.try_ask(&request(timeout_ms))?.map_err(|refusal| failure(&refusal, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn for_people_and_for_programs() {
        let kept = |copies, unconfirmed| OpReport::Kept { copies, unconfirmed };
        let found = |hops| OpReport::Found { id: "2NDrXPKfVSTL".into(), address: "127.0.0.1:5".into(), hops };
        for (report, text, json) in [
            (
                OpReport::Value { value: json!({"bin": "00ff"}), certain: false, version: None },
                "0x00ff",
                json!({"outcome": "value", "value": {"bin": "00ff"}, "certain": false, "version": null}),
            ),
            (OpReport::Absent, "not found", json!({"outcome": "absent"})),
            (kept(1, 0), "kept by 1 node", json!({"outcome": "kept", "copies": 1, "unconfirmed": 0})),
            (
                kept(3, 5),
                "kept by 3 nodes, sent to nodes of py2p 5 times, which confirm nothing",
                json!({"outcome": "kept", "copies": 3, "unconfirmed": 5}),
            ),
            (
                found(1),
                "127.0.0.1:5  2NDrXPKf  (1 node was asked)",
                json!({"outcome": "found", "id": "2NDrXPKfVSTL", "address": "127.0.0.1:5", "hops": 1}),
            ),
            (
                found(0),
                "127.0.0.1:5  2NDrXPKf  (0 nodes were asked)",
                json!({"outcome": "found", "id": "2NDrXPKfVSTL", "address": "127.0.0.1:5", "hops": 0}),
            ),
        ] {
            assert_eq!((report.to_string().as_str(), serde_json::to_value(&report).unwrap()), (text, json));
            let again: OpReport = serde_json::from_value(serde_json::to_value(&report).unwrap()).unwrap();
            assert_eq!(again, report);
        }
    }

    #[test]
    fn what_comes_to_nothing_has_a_code_and_a_remedy() {
        for (why, code, remedy) in [
            (NodeFailure::TimedOut, codes::TIMEOUT, "--timeout"),
            (NodeFailure::NobodyStores, codes::UNREACHABLE, "'egoist chord join'"),
            (NodeFailure::Full, codes::FULL, "delete something"),
            (NodeFailure::ReadOnly, codes::READ_ONLY, "a disk is full or broken"),
        ] {
            let refusal = failed(why);
            assert_eq!(refusal.code, code);
            let said = failure(&refusal, "greeting").to_string();
            assert!(
                said.starts_with(&format!("egoist: {why}: greeting: ")) && said.contains(remedy),
                "{said}"
            );
        }
        let long = failure(&refused(NodeRefusal::ValueTooLong), "greeting").to_string();
        assert_eq!(
            long,
            "egoist: a value has more than 65536 octets in MessagePack: greeting: store it in pieces"
        );
    }
}
