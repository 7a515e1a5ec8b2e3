//! `egoist gossip cache`: the messages that a node keeps.

use std::fmt;

use clap::Parser;
use egoist_core::gossip::{Entry, Gossip, Standing};
use egoist_core::kernel::Time;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::hex;
use super::super::session::Session;
use super::super::table::{Side, Table};
use super::super::units;
use super::NAME;

/// The most messages that fit in an answer with certainty.
const MOST: u32 = 5_000;

/// Flags of `gossip cache`.
#[derive(Parser, Debug)]
#[command(after_help = "\
A message's id is what the modules of this node name it by, its hash what nodes do. Standing: valid (it is passed on), \
waiting (modules are asked), unheard (no module here wants to hear of its type). The ttl is its announcer's: how many links it \
may cross, 0 for any number.")]
pub(crate) struct Cache {
    /// List no more than so many, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    last: u32,
    #[command(flatten)]
    target: Target,
}

impl Cache {
    /// Lists them, from the oldest to the newest.
    ///
    /// # Errors
    /// The node cannot be asked, or is none of this protocol.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let report = self.target.connect()?.ask(&CacheRequest { last: self.last })?;
        session.show(&report)
    }
}

/// Asks a node for the newest messages that it keeps.
#[derive(Serialize, Deserialize)]
pub(crate) struct CacheRequest {
    /// How many.
    #[serde(default = "most")]
    last: u32,
}

const fn most() -> u32 {
    MOST
}

impl Ask for CacheRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "cache";
    type Answer = CacheReport;
}

/// Messages that a node keeps, from the oldest to the newest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CacheReport(Vec<Row>);

/// A message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Row {
    /// By which modules name it.
    id: u16,
    /// By which nodes name it, 32 digits.
    hash: String,
    /// What kind of data.
    #[serde(rename = "type")]
    data_type: u16,
    /// As its announcer said it.
    ttl: u8,
    /// Octets of data.
    octets: u64,
    /// What is known of its validity.
    standing: Rank,
    /// Seconds since it came.
    age_s: u64,
}

/// What is known of a message's validity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rank {
    Unheard,
    Waiting,
    Valid,
}

impl CacheReport {
    /// The newest messages of a node, as many as are asked for.
    pub(crate) fn new(node: &Gossip, asked: &CacheRequest, now: Time) -> Self {
        let wanted = usize::try_from(asked.last.min(MOST)).unwrap_or(usize::MAX);
        let older = node.cache().count().saturating_sub(wanted);
        CacheReport(node.cache().skip(older).map(|entry| Row::new(entry, now)).collect())
    }
}

impl Row {
    fn new(entry: &Entry, now: Time) -> Self {
        Row {
            id: entry.id,
            hash: hex::digits(&entry.hash.0),
            data_type: entry.announce.data_type,
            ttl: entry.announce.ttl,
            octets: entry.announce.data.len() as u64,
            standing: match entry.standing {
                Standing::Unheard => Rank::Unheard,
                Standing::Waiting => Rank::Waiting,
                Standing::Valid(_) => Rank::Valid,
            },
            age_s: now.since(entry.added).as_secs(),
        }
    }
}

impl Rank {
    const fn name(self) -> &'static str {
        match self {
            Rank::Unheard => "unheard",
            Rank::Waiting => "waiting",
            Rank::Valid => "valid",
        }
    }
}

impl fmt::Display for CacheReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Side::{Left, Right};
        let mut table = Table::new(&[
            ("ID", Right),
            ("HASH", Left),
            ("TYPE", Right),
            ("TTL", Right),
            ("SIZE", Right),
            ("STANDING", Left),
            ("AGE", Right),
        ]);
        for row in &self.0 {
            table.row([
                row.id.to_string(),
                units::short_id(&row.hash).to_owned(),
                row.data_type.to_string(),
                row.ttl.to_string(),
                units::octets(row.octets),
                row.standing.name().to_owned(),
                units::age(row.age_s),
            ]);
        }
        table.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let hash = "0123456789abcdef".repeat(2);
        Row { id: 7, hash, data_type: 540, ttl: 3, octets: 1_300, standing: Rank::Valid, age_s: 65 }
    }

    #[test]
    fn messages_for_people() {
        let new = Row { id: 65_535, ttl: 0, octets: 0, standing: Rank::Unheard, age_s: 0, ..row() };
        let lines = [
            "   ID  HASH      TYPE  TTL     SIZE  STANDING       AGE",
            "    7  01234567   540    3  1.3 KiB  valid     1 m 05 s",
            "65535  01234567   540    0      0 B  unheard        0 s",
            "",
        ];
        assert_eq!(CacheReport(vec![row(), new]).to_string(), lines.join("\n"));
    }

    #[test]
    fn as_many_as_there_can_be_fit_in_an_answer() {
        let longest = Row {
            id: u16::MAX,
            data_type: u16::MAX,
            ttl: u8::MAX,
            octets: 65_527,
            standing: Rank::Waiting,
            age_s: u64::MAX,
            ..row()
        };
        let answer = serde_json::to_string(&CacheReport(vec![longest; MOST as usize])).unwrap();
        assert!(answer.len() < 1 << 20, "{}", answer.len());
    }
}
