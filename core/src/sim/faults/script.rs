//! Actions as text, a line each.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::{Action, Island, Ways};
use crate::sim::{Bursts, Restart, Slices, Sockets};

/// A line that is no action.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an action: {0:?}")]
pub struct NotAnAction(pub String);

/// A duration in the largest unit of which it is a whole number: `20s`, `1500ms`, `7us`.
pub fn write_duration(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        _ if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        _ if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        _ => format!("{micros}us"),
    }
}

/// Reads what [`write_duration`] wrote.
pub fn read_duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().ok()?;
    let scale = match unit {
        "s" => 1_000_000,
        "ms" => 1_000,
        "us" => 1,
        _ => return None,
    };
    number.checked_mul(scale).map(Duration::from_micros)
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = write_duration;
        match *self {
            Action::Wait { time: t } => write!(f, "wait {}", time(t)),
            Action::Kill { node } => write!(f, "kill {node}"),
            Action::Halt { node } => write!(f, "halt {node}"),
            Action::Restart { node, how: Restart::Keeping } => write!(f, "restart {node} keeping"),
            Action::Restart { node, how: Restart::Forgetting } => write!(f, "restart {node} forgetting"),
            Action::Restart { node, how: Restart::Older(starts) } => {
                write!(f, "restart {node} older {starts}")
            }
            Action::Cut { from, to, ways } => write!(f, "cut {from} {to} {ways}"),
            Action::Block { from, to, ways } => write!(f, "block {from} {to} {ways}"),
            Action::Narrow { from, to, ways, octets } => {
                write!(f, "narrow {from} {to} {ways} {octets}")
            }
            Action::Translate { node } => write!(f, "translate {node}"),
            Action::Move { node, sockets, time: t } => {
                write!(f, "move {node} {} {}", sockets, time(t))
            }
            Action::Heal { a, b } => write!(f, "heal {a} {b}"),
            Action::Partition { island, time: t } => write!(f, "partition {:x} {}", island.0, time(t)),
            Action::Flap { a, b, every, times } => write!(f, "flap {a} {b} {} {times}", time(every)),
            Action::Sever { a, b } => write!(f, "sever {a} {b}"),
            Action::Loss { per_million } => write!(f, "loss {per_million}"),
            Action::Bursts { bursts: Bursts { begin_per_million, end_per_million, loss_per_million } } => {
                write!(f, "bursts {begin_per_million} {end_per_million} {loss_per_million}")
            }
            Action::Duplicates { per_million } => write!(f, "duplicates {per_million}"),
            Action::Reordering { per_million, by } => write!(f, "reordering {per_million} {}", time(by)),
            Action::Slow { node, octets, time: t } => write!(f, "slow {node} {octets} {}", time(t)),
            Action::Step { node, by } => write!(f, "step {node} {}", time(by)),
            Action::Drift { node, per_million } => write!(f, "drift {node} {per_million}"),
            Action::Coarse { node, grain } => write!(f, "coarse {node} {}", time(grain)),
            Action::Oversleep { node, most } => write!(f, "oversleep {node} {}", time(most)),
            Action::Early { node, most } => write!(f, "early {node} {}", time(most)),
            Action::Freeze { node } => write!(f, "freeze {node}"),
            Action::Thaw { node } => write!(f, "thaw {node}"),
            Action::Starve { node, slices: Slices { run, pause } } => {
                write!(f, "starve {node} {} {}", time(run), time(pause))
            }
            Action::Hubs { count } => write!(f, "hubs {count}"),
            Action::Churn { seed, on, off, time: t } => {
                write!(f, "churn {seed} {} {} {}", time(on), time(off), time(t))
            }
        }
    }
}

impl FromStr for Action {
    type Err = NotAnAction;

    fn from_str(line: &str) -> Result<Self, NotAnAction> {
        let words: Vec<&str> = line.split(' ').collect();
        let action = plain(&words).or_else(|| of_network(&words)).or_else(|| of_hosts(&words));
        action.ok_or_else(|| NotAnAction(line.to_string()))
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ways::One => "one",
            Ways::Both => "both",
        })
    }
}

impl FromStr for Ways {
    type Err = NotAnAction;

    fn from_str(word: &str) -> Result<Self, NotAnAction> {
        let found = [Ways::One, Ways::Both].into_iter().find(|ways| ways.to_string() == word);
        found.ok_or_else(|| NotAnAction(word.to_string()))
    }
}

impl fmt::Display for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sockets::Bound => "bound",
            Sockets::Any => "any",
        })
    }
}

impl FromStr for Sockets {
    type Err = NotAnAction;

    fn from_str(word: &str) -> Result<Self, NotAnAction> {
        let found = [Sockets::Bound, Sockets::Any].into_iter().find(|sockets| sockets.to_string() == word);
        found.ok_or_else(|| NotAnAction(word.to_string()))
    }
}

fn number<N: FromStr>(word: &str) -> Option<N> {
    word.parse().ok()
}

fn plain(words: &[&str]) -> Option<Action> {
    Some(match *words {
        ["wait", time] => Action::Wait { time: read_duration(time)? },
        ["kill", node] => Action::Kill { node: number(node)? },
        ["halt", node] => Action::Halt { node: number(node)? },
        ["restart", node, "keeping"] => Action::Restart { node: number(node)?, how: Restart::Keeping },
        ["restart", node, "forgetting"] => Action::Restart { node: number(node)?, how: Restart::Forgetting },
        ["restart", node, "older", starts] => {
            Action::Restart { node: number(node)?, how: Restart::Older(number(starts)?) }
        }
        ["hubs", count] => Action::Hubs { count: number(count)? },
        ["churn", seed, on, off, time] => Action::Churn {
            seed: number(seed)?,
            on: read_duration(on)?,
            off: read_duration(off)?,
            time: read_duration(time)?,
        },
        _ => return None,
    })
}

fn of_network(words: &[&str]) -> Option<Action> {
    Some(match *words {
        ["cut", from, to, ways] => Action::Cut { from: number(from)?, to: number(to)?, ways: number(ways)? },
        ["block", from, to, ways] => {
            Action::Block { from: number(from)?, to: number(to)?, ways: number(ways)? }
        }
        ["narrow", from, to, ways, octets] => Action::Narrow {
            from: number(from)?,
            to: number(to)?,
            ways: number(ways)?,
            octets: number(octets)?,
        },
        ["translate", node] => Action::Translate { node: number(node)? },
        ["move", node, sockets, time] => {
            Action::Move { node: number(node)?, sockets: number(sockets)?, time: read_duration(time)? }
        }
        ["heal", a, b] => Action::Heal { a: number(a)?, b: number(b)? },
        ["partition", island, time] => Action::Partition {
            island: Island(u64::from_str_radix(island, 16).ok()?),
            time: read_duration(time)?,
        },
        ["flap", a, b, every, times] => {
            Action::Flap { a: number(a)?, b: number(b)?, every: read_duration(every)?, times: number(times)? }
        }
        ["sever", a, b] => Action::Sever { a: number(a)?, b: number(b)? },
        ["loss", per_million] => Action::Loss { per_million: number(per_million)? },
        ["bursts", begin, end, loss] => Action::Bursts {
            bursts: Bursts {
                begin_per_million: number(begin)?,
                end_per_million: number(end)?,
                loss_per_million: number(loss)?,
            },
        },
        ["duplicates", per_million] => Action::Duplicates { per_million: number(per_million)? },
        ["reordering", per_million, by] => {
            Action::Reordering { per_million: number(per_million)?, by: read_duration(by)? }
        }
        _ => return None,
    })
}

fn of_hosts(words: &[&str]) -> Option<Action> {
    Some(match *words {
        ["slow", node, octets, time] => {
            Action::Slow { node: number(node)?, octets: number(octets)?, time: read_duration(time)? }
        }
        ["step", node, by] => Action::Step { node: number(node)?, by: read_duration(by)? },
        ["drift", node, drift] => Action::Drift { node: number(node)?, per_million: number(drift)? },
        ["coarse", node, grain] => Action::Coarse { node: number(node)?, grain: read_duration(grain)? },
        ["oversleep", node, most] => Action::Oversleep { node: number(node)?, most: read_duration(most)? },
        ["early", node, most] => Action::Early { node: number(node)?, most: read_duration(most)? },
        ["freeze", node] => Action::Freeze { node: number(node)? },
        ["thaw", node] => Action::Thaw { node: number(node)? },
        ["starve", node, run, pause] => Action::Starve {
            node: number(node)?,
            slices: Slices { run: read_duration(run)?, pause: read_duration(pause)? },
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::faults::{Severity, decode};
    use proptest::prelude::*;

    const SEVERITY: Severity =
        Severity { nodes: 25, wait: Duration::from_secs(20), loss_per_million: 50_000 };

    proptest! {
        #[test]
        fn any_octets_are_actions_that_can_be_written_and_read(octets in prop::collection::vec(any::<u8>(), 0..400)) {
            let actions = decode(&octets, SEVERITY);
            prop_assert_eq!(actions.len(), octets.len() / 10);
            for action in actions {
                prop_assert_eq!(action.to_string().parse(), Ok(action));
            }
        }

        #[test]
        fn any_line_is_read_or_refused(line in "[a-z]{0,9}( [0-9a-z-]{0,6}){0,4}") {
            if let Ok(action) = line.parse::<Action>() {
                prop_assert_eq!(action.to_string().parse(), Ok(action));
            }
        }
    }

    #[test]
    fn durations_are_short() {
        let written = [20_000_000, 1_500_000, 7, 0].map(|us| write_duration(Duration::from_micros(us)));
        assert_eq!(written, ["20s", "1500ms", "7us", "0s"]);
        assert_eq!(["", "s", "7", "7m", "99999999999999s"].map(read_duration), [None; 5]);
    }
}
