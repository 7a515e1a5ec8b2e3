//! Which delays `demo` and `sim` run on.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use egoist_core::kernel::Seed;
use egoist_core::sim::cities::{self, CITIES};
use egoist_core::sim::{self, Matrix, MatrixError};

use super::failure::{Failure, Outcome};
use super::{text, units};

/// Octets of a file of delays: a matrix of some 3,000 nodes.
const LONGEST: u64 = 64 << 20;

/// Delays and nodes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Delays")]
pub(crate) struct LatencyArgs {
    /// A text file of round-trip times: row i, column j is from node i to node j, apart by tabs or blanks [default: 24
    /// cities of the world, whose delays are computed from their distances]
    #[arg(long, value_name = "FILE")]
    pub(crate) latency: Option<PathBuf>,

    /// What the file's numbers are: ms or s
    #[arg(
        long,
        value_name = "UNIT",
        default_value = "ms",
        hide_possible_values = true,
        requires = "latency"
    )]
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
    /// Reads the file, if one is given, and chooses its nodes; otherwise those of the cities.
    ///
    /// # Errors
    /// The file cannot be read, is no matrix, or there are not the nodes asked for.
    pub(crate) fn load(&self, seed: Seed) -> Outcome<Sample> {
        self.choose(&self.read()?, seed)
    }

    /// The whole file, if one is given, or the cities.
    ///
    /// # Errors
    /// The file cannot be read, or is no matrix.
    pub(crate) fn read(&self) -> Outcome<Matrix> {
        let Some(path) = &self.latency else { return Ok(cities::matrix()) };
        let text = text::read(path, LONGEST).map_err(|e| {
            Failure::io("cannot read the latencies", path.display(), &e)
                .try_this("give --latency a text file of round-trip times, see 'egoist sim --help'")
        })?;
        let unit = match self.unit {
            Unit::Ms => sim::Unit::Millis,
            Unit::S => sim::Unit::Secs,
        };
        Matrix::parse(&text, unit).map_err(|e| self.wrong(&e))
    }

    /// The file's name; none for the cities.
    pub(crate) fn file(&self) -> Option<String> {
        self.latency.as_ref().map(|path| path.display().to_string())
    }

    /// What the nodes are called: by their rows in the file, or as cities.
    pub(crate) fn names(&self, sample: &Sample) -> Vec<String> {
        let name = |&row: &usize| match &self.latency {
            Some(_) => row.to_string(),
            None => CITIES[row].name.to_owned(),
        };
        sample.rows.iter().map(name).collect()
    }

    /// The nodes chosen of a matrix.
    ///
    /// # Errors
    /// It has not the nodes asked for.
    pub(crate) fn choose(&self, whole: &Matrix, seed: Seed) -> Outcome<Sample> {
        let rows = match &self.nodes {
            None => Ok((0..whole.len()).collect()),
            Some(NodeChoice::Draw(n)) => whole.draw(*n, seed),
            Some(NodeChoice::These(rows)) => Ok(rows.clone()),
        };
        let rows = rows.map_err(|e| self.wrong(&e))?;
        let matrix = whole.select(&rows).map_err(|e| self.wrong(&e))?;
        Ok(Sample { matrix, rows, mended: whole.mended() })
    }

    /// What a reader of results on `sample` should know: which nodes were drawn, and what is odd about the delays.
    pub(crate) fn notes(&self, sample: &Sample) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(NodeChoice::Draw(_)) = self.nodes {
            let rows: Vec<String> = sample.rows.iter().map(ToString::to_string).collect();
            let comma = if rows.len() == 1 { "," } else { "" };
            notes.push(format!("drew --nodes {}{comma}", rows.join(",")));
        }
        if sample.mended > 0 {
            let zeros = sample.mended;
            notes.push(format!("zeros in the file, taken for half the smallest other delay: {zeros}"));
        }
        if !sample.matrix.is_symmetric() {
            notes.push(
                "the two directions of a pair differ: nodes measure the mean of both, while the cost ratio is taken \
                 on each direction's own delay"
                    .to_owned(),
            );
        }
        notes
    }

    /// The error says what and what to do; the file is where.
    fn wrong(&self, error: &MatrixError) -> Failure {
        let failure = Failure::new(error.to_string());
        match self.file() {
            Some(file) => failure.at(file),
            None => failure.at("the built-in cities").try_this("--latency FILE gives a matrix of your own"),
        }
    }
}

/// An epoch has to be so many times as long as the largest delay: nodes that decide on delays measured long ago, or
/// while the news of others is on its way, show the pace and not the overlay.
const EPOCH_IN_DELAYS: u32 = 60;

/// Whether an epoch is long enough for the delays once both are divided as they will be.
///
/// # Errors
/// It is not, at a pace above 1.
pub(crate) fn check_pace(pace: u32, epoch: Duration, largest: Duration) -> Outcome {
    if pace == 1 || epoch >= largest * EPOCH_IN_DELAYS {
        return Ok(());
    }
    let [epoch, largest] = [epoch, largest].map(|length| units::millis(length.as_secs_f64() * 1e3));
    Err(Failure::usage(format!(
        "an epoch of {epoch} is below {EPOCH_IN_DELAYS} times the largest delay, {largest}"
    ))
    .at(format!("--pace {pace}"))
    .try_this("give a longer --rewiring-period, or leave far nodes out with --nodes"))
}

impl FromStr for NodeChoice {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let looks = |_| "write a number, as in 16, or a list with commas, as in 3,17,42".to_owned();
        if !text.contains(',') {
            return match text.parse().map_err(looks)? {
                0 => Err("at least one node".to_owned()),
                n => Ok(Self::Draw(n)),
            };
        }
        let list = text.strip_suffix(',').unwrap_or(text).split(',');
        list.map(|number| number.trim().parse().map_err(looks)).collect::<Result<_, _>>().map(Self::These)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_is_odd_is_said() {
        let whole = Matrix::parse("0 0 9\n5 0 9\n9 9 0", sim::Unit::Millis).unwrap();
        let notes = |nodes: Option<&str>| {
            let nodes = nodes.map(|n| n.parse().unwrap());
            let args = LatencyArgs { latency: None, unit: Unit::Ms, nodes };
            args.notes(&args.choose(&whole, Seed::from_u64(1)).unwrap())
        };
        let all = notes(Some("3"));
        assert_eq!(all[0], "drew --nodes 0,1,2");
        assert_eq!(all[1], "zeros in the file, taken for half the smallest other delay: 1");
        assert!(all[2].starts_with("the two directions"));
        assert_eq!(notes(None), all[1..]);
        assert_eq!(notes(Some("1,2")), all[1..2]);
        assert!(notes(Some("1"))[0].ends_with(','));
    }

    #[test]
    fn an_epoch_is_long_beside_the_delays() {
        let (short, long) = (Duration::from_millis(2_999), Duration::from_secs(3));
        let delay = Duration::from_millis(50);
        assert!(check_pace(20, long, delay).is_ok() && check_pace(1, short, delay).is_ok());
        let said = check_pace(20, short, delay).unwrap_err().to_string();
        assert!(said.starts_with("egoist: an epoch of 3.00 s is below 60 times"), "{said}");
    }

    #[test]
    fn nodes_are_a_number_or_a_list() {
        assert_eq!("16".parse(), Ok(NodeChoice::Draw(16)));
        assert_eq!("3,".parse(), Ok(NodeChoice::These(vec![3])));
        assert_eq!("3, 17,42".parse(), Ok(NodeChoice::These(vec![3, 17, 42])));
        for bad in ["", "0", ",", "3,,4", "-1", "3;4", "a,b", "1.5"] {
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
        let load = |nodes| args(&path, nodes).load(Seed::from_u64(1));
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
