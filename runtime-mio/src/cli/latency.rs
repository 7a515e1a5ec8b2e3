//! Which delays `demo` and `sim` run on: the flags.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// Delays and nodes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Delays")]
pub(crate) struct LatencyArgs {
    /// A text file of round-trip times: row i, column j is from node i to node j, apart by tabs or blanks
    #[arg(long, value_name = "FILE")]
    pub(crate) latency: Option<PathBuf>,

    /// What the file's numbers are: ms or s
    #[arg(long, value_name = "UNIT", default_value = "ms", hide_possible_values = true)]
    pub(crate) unit: Unit,

    /// Which nodes: 16 draws so many by the seed; 3,17,42 names rows from 0, and 3, is a list of one
    #[arg(short, long, value_name = "N|LIST")]
    pub(crate) nodes: Option<NodeChoice>,
}

/// What the numbers of a latency file are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Unit {
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

/// Which rows of a matrix are nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NodeChoice {
    /// So many, drawn by the seed.
    Draw(usize),
    /// These, in this order.
    These(Vec<usize>),
}

impl FromStr for NodeChoice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let looks = |_| "write a number, as in 16, or a list with commas, as in 3,17,42".to_owned();
        if !text.contains(',') {
            return text.parse().map(Self::Draw).map_err(looks);
        }
        let list = text.strip_suffix(',').unwrap_or(text).split(',');
        list.map(|number| number.trim().parse().map_err(looks)).collect::<Result<_, _>>().map(Self::These)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_a_number_or_a_list() {
        assert_eq!("16".parse(), Ok(NodeChoice::Draw(16)));
        assert_eq!("3,".parse(), Ok(NodeChoice::These(vec![3])));
        assert_eq!("3, 17,42".parse(), Ok(NodeChoice::These(vec![3, 17, 42])));
        for bad in ["", ",", "3,,4", "-1", "3;4", "a,b", "1.5"] {
            assert!(bad.parse::<NodeChoice>().is_err(), "{bad}");
        }
    }
}
