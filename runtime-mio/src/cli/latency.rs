//! Which delays `demo` and `sim` run on.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use egoist_core::kernel::Seed;
use egoist_core::sim::{self, Matrix, MatrixError};

use super::failure::{Failure, Outcome};

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

/// The nodes chosen, and the delays between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sample {
    /// Which rows they were, in the matrix's order of nodes.
    pub(crate) rows: Vec<usize>,
    /// The round trips between them.
    pub(crate) matrix: Matrix,
    /// How many zeros of the file stand for something below its resolution and were replaced.
    pub(crate) mended: usize,
}

impl LatencyArgs {
    /// Reads the file, if one is given, and chooses its nodes.
    ///
    /// # Errors
    /// The file cannot be read, is no matrix, or has not the nodes asked for.
    pub(crate) fn load(&self, seed: Seed) -> Outcome<Option<Sample>> {
        let Some(path) = &self.latency else { return Ok(None) };
        let text = fs::read_to_string(path).map_err(|e| {
            Failure::io("cannot read the latencies", path.display(), &e).try_this("see 'egoist sim --help'")
        })?;
        let unit = match self.unit {
            Unit::Ms => sim::Unit::Millis,
            Unit::S => sim::Unit::Secs,
        };
        let whole = Matrix::parse(&text, unit).map_err(|e| wrong(path, &e))?;
        self.choose(&whole, seed).map(Some).map_err(|e| wrong(path, &e))
    }

    /// The nodes chosen of a matrix.
    ///
    /// # Errors
    /// It has not the nodes asked for.
    pub(crate) fn choose(&self, whole: &Matrix, seed: Seed) -> Result<Sample, MatrixError> {
        let rows = match &self.nodes {
            None => (0..whole.len()).collect(),
            Some(NodeChoice::Draw(n)) => whole.draw(*n, seed)?,
            Some(NodeChoice::These(rows)) => rows.clone(),
        };
        Ok(Sample { matrix: whole.select(&rows)?, rows, mended: whole.mended() })
    }
}

/// The error says what and what to do; the file is where.
fn wrong(path: &Path, error: &MatrixError) -> Failure {
    Failure::new(error.to_string()).at(path.display())
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

    fn args(latency: &Path, nodes: &str) -> LatencyArgs {
        LatencyArgs { latency: Some(latency.to_owned()), unit: Unit::S, nodes: Some(nodes.parse().unwrap()) }
    }

    #[test]
    fn nodes_are_chosen_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.tsv");
        fs::write(&path, "9\t0.01\t0\n0.02\t9\t0.03\n0.04\t0.05\t9\n").unwrap();
        let load = |nodes| args(&path, nodes).load(Seed::from_u64(1)).map(Option::unwrap);
        let sample = load("2,0").unwrap();
        assert_eq!(
            (sample.rows.as_slice(), sample.matrix.round_trip(0, 1), sample.mended),
            (&[2, 0][..], 40_000, 1)
        );
        assert_eq!(load("2").unwrap(), load("2").unwrap());
        for nodes in ["4", "3,", "1,1"] {
            let said = load(nodes).unwrap_err().to_string();
            assert!(said.contains("asked for") && said.ends_with("m.tsv"), "{said}");
        }
        fs::write(&path, "0 1\n2").unwrap();
        assert!(load("2").unwrap_err().to_string().starts_with("egoist: line 2 has 1 entries"));
        assert!(
            args(&dir.path().join("none"), "2")
                .load(Seed::from_u64(1))
                .unwrap_err()
                .to_string()
                .contains("cannot read")
        );
    }
}
