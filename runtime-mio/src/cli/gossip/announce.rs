//! `egoist gossip announce`: a module that has something to say.

use std::fmt;
use std::io;

use clap::Parser;
use egoist_core::gossip::wire::MAX_DATA;
use serde::Serialize;

use super::super::failure::Outcome;
use super::super::input;
use super::super::session::Session;
use super::super::units;
use super::api::Api;

/// Flags of `gossip announce`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist gossip announce --type 540 'something new'
  egoist gossip announce --type 540 --ttl 4 - < notes.txt       at most 65527 octets
  egoist gossip announce --type 540 --api 192.0.2.7:7001 'to any node of VoidPhone'

Who announces vouches for the message: no module of this node is asked whether it is valid. No node says what becomes of it; \
one that keeps the same data of the same type already does nothing.")]
pub(crate) struct Announce {
    /// What kind of data
    #[arg(long = "type", value_name = "N")]
    data_type: u16,

    /// How many links from node to node it may cross; 0 has no bound
    #[arg(long, value_name = "N", default_value_t = 0)]
    ttl: u8,

    /// What to announce; - reads standard input
    #[arg(value_name = "DATA")]
    data: String,

    #[command(flatten)]
    api: Api,
}

impl Announce {
    /// Announces it.
    ///
    /// # Errors
    /// The data is too long or cannot be read, or no node takes it.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let data = match self.data.as_str() {
            "-" => input::at_most(MAX_DATA, "message", "standard input", io::stdin().lock())?,
            text => input::at_most(MAX_DATA, "message", "DATA", text.as_bytes())?,
        };
        let client = self.api.connect()?;
        let announced = client.announce(self.ttl, self.data_type, &data);
        announced.map_err(|error| self.api.failed(&error))?;
        drop(client);
        session.show(&Announced {
            api: self.api.to_string(),
            data_type: self.data_type,
            ttl: self.ttl,
            octets: data.len() as u64,
        })
    }
}

/// What was announced.
#[derive(Serialize)]
struct Announced {
    /// The node, where modules reach it.
    api: String,
    #[serde(rename = "type")]
    data_type: u16,
    ttl: u8,
    octets: u64,
}

impl fmt::Display for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Announced { api, data_type, octets, .. } = self;
        write!(f, "{} of type {data_type} announced at {api}", units::octets(*octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        let announced = Announced { api: "127.0.0.1:7001".into(), data_type: 540, ttl: 4, octets: 5 };
        assert_eq!(announced.to_string(), "5 B of type 540 announced at 127.0.0.1:7001");
    }
}
