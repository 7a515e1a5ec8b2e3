//! `egoist ping`: echoes over the overlay.

use std::fmt;
use std::thread;
use std::time::Duration;

use clap::{ArgMatches, Parser};
use egoist_mio::control::{Refusal, codes};
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Client, Target};
use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::super::session::Session;
use super::super::units;
use super::super::verb::Verb;
use super::NAME;
use super::destination::{Destination, refused};
use super::payload::WayArg;

/// Send echoes from a running node to another, over the overlay
#[derive(Parser, Debug)]
#[command(
    name = "ping",
    after_help = "Examples:
  egoist ping 127.0.0.1:61300
  egoist ping 3f2a --count 10 --interval 200ms
  egoist ping 3f2a --way datagram         as beats go, where these go as datagrams

Exit code 1 if nothing came back."
)]
pub(crate) struct Ping {
    /// The node to reach: HOST:PORT, or the first digits of its id
    #[arg(value_name = "DEST")]
    to: Destination,
    /// How many echoes
    #[arg(short, long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// From one echo to the next
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = duration::parse_period)]
    interval: Duration,
    /// How long an echo may take
    #[arg(short, long, value_name = "DURATION", default_value = "3s", value_parser = duration::parse_period)]
    wait: Duration,
    /// Octets of payload
    #[arg(short, long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(0..=65_536))]
    size: u32,
    /// How they go from each node to the next, and back
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    way: WayArg,
    #[command(flatten)]
    target: Target,
}

impl Verb for Ping {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let mut client = self.target.connect_for(self.wait)?;
        let mut report = PingReport::new(&self.to);
        for number in 1..=self.count {
            let answer = self.echo(&mut client)?;
            if !session.json {
                session.text(&line(number, &answer))?;
            }
            report.add(answer);
            if number < self.count {
                thread::sleep(self.interval);
            }
        }
        session.show(&report)?;
        if report.received > 0 {
            Ok(())
        } else {
            Err(Failure::new("nothing came back")
                .at(&self.to)
                .try_this("see 'egoist path' and 'egoist routes'"))
        }
    }
}

/// Why an echo may fail and the next one not.
const PASSING: [&str; 4] = [codes::UNREACHABLE, codes::EXPIRED, codes::TIMEOUT, codes::BUSY];

impl Ping {
    /// One echo. What ends the command is a refusal that every further echo would meet as well.
    fn echo(&self, client: &mut Client) -> Outcome<Result<Echo, Refusal>> {
        let wait_ms = u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX);
        let request = |to| EchoRequest { to, size: self.size, wait_ms, way: self.way };
        match self.to.ask(client, request)? {
            Err(refusal) if !PASSING.contains(&refusal.code.as_ref()) => Err(refused(&refusal, &self.to)),
            answer => Ok(answer),
        }
    }
}

fn line(number: u32, answer: &Result<Echo, Refusal>) -> String {
    match answer {
        Ok(echo) => format!(
            "{number}: from {} {} in {}",
            echo.address,
            units::short_id(&echo.id),
            units::millis(echo.rtt_ms)
        ),
        Err(refusal) => format!("{number}: {}", refusal.message.replace(char::is_control, "?")),
    }
}

/// Asks a node for an echo from another.
#[derive(Serialize, Deserialize)]
pub(crate) struct EchoRequest {
    /// Whom: an address, or the beginning of an id.
    pub(crate) to: String,
    /// Octets of payload.
    #[serde(default)]
    pub(crate) size: u32,
    /// How long it may take, in milliseconds: at most an hour.
    #[serde(default)]
    pub(crate) wait_ms: u64,
    /// How it is to go.
    #[serde(default)]
    pub(crate) way: WayArg,
}

impl Ask for EchoRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "ping";
    type Answer = Echo;
}

/// An echo that came back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Echo {
    /// Who sent it back, 32 digits.
    pub(crate) id: String,
    /// Where that node listens.
    pub(crate) address: String,
    /// The round trip in milliseconds.
    pub(crate) rtt_ms: f64,
}

/// What became of all echoes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct PingReport {
    /// The node that was asked about, as it was named until it answered.
    pub(crate) to: String,
    /// Its id; none if it never answered.
    pub(crate) id: Option<String>,
    /// How many echoes were sent.
    pub(crate) sent: u32,
    /// How many came back.
    pub(crate) received: u32,
    /// Each round trip in milliseconds; none for one that did not come back.
    pub(crate) rtts_ms: Vec<Option<f64>>,
    /// The least.
    pub(crate) min_ms: Option<f64>,
    /// Their mean.
    pub(crate) mean_ms: Option<f64>,
    /// The greatest.
    pub(crate) max_ms: Option<f64>,
}

impl PingReport {
    fn new(to: &Destination) -> Self {
        let rtts_ms = Vec::new();
        PingReport {
            to: to.to_string(),
            id: None,
            sent: 0,
            received: 0,
            rtts_ms,
            min_ms: None,
            mean_ms: None,
            max_ms: None,
        }
    }

    fn add(&mut self, answer: Result<Echo, Refusal>) {
        self.sent += 1;
        self.rtts_ms.push(answer.as_ref().ok().map(|echo| echo.rtt_ms));
        let Ok(Echo { id, address, rtt_ms }) = answer else { return };
        (self.to, self.id) = (address, Some(id));
        self.received += 1;
        let sum: f64 = self.rtts_ms.iter().flatten().sum();
        self.mean_ms = Some(sum / f64::from(self.received));
        self.min_ms = Some(self.min_ms.map_or(rtt_ms, |least| least.min(rtt_ms)));
        self.max_ms = Some(self.max_ms.map_or(rtt_ms, |most| most.max(rtt_ms)));
    }
}

impl fmt::Display for PingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} came back", self.received, self.sent)?;
        let Some((min, mean, max)) =
            self.min_ms.zip(self.mean_ms).zip(self.max_ms).map(|((a, b), c)| (a, b, c))
        else {
            return Ok(());
        };
        write!(
            f,
            ", round trip min {}, mean {}, max {}",
            units::millis(min),
            units::millis(mean),
            units::millis(max)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(rtt_ms: f64) -> Result<Echo, Refusal> {
        Ok(Echo { id: "1".repeat(32), address: "127.0.0.1:61301".into(), rtt_ms })
    }

    #[test]
    fn echoes_add_up() {
        let mut report = PingReport::new(&"1111".parse().unwrap());
        assert_eq!(report.to_string(), "0 of 0 came back");
        report.add(Err(Refusal::new(codes::TIMEOUT, "no answer within 3s")));
        report.add(echo(10.0));
        report.add(echo(30.0));
        assert_eq!(report.to_string(), "2 of 3 came back, round trip min 10.0 ms, mean 20.0 ms, max 30.0 ms");
        let json = serde_json::to_string(&report).unwrap();
        let begins = r#"{"to":"127.0.0.1:61301","id":"11111111111111111111111111111111","sent":3,"received":2,"rtts_ms":[null,10.0,30.0],"#;
        assert!(json.starts_with(begins), "{json}");
        assert_eq!(line(2, &echo(10.0)), "2: from 127.0.0.1:61301 11111111 in 10.0 ms");
    }
}
