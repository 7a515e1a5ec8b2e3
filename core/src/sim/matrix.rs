//! Round-trip times between nodes, read from text.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::Delays;
use crate::kernel::{Seed, Streams};

/// What the numbers of a text are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Seconds.
    Secs,
}

impl Unit {
    const fn micros(self) -> f64 {
        match self {
            Unit::Millis => 1e3,
            Unit::Secs => 1e6,
        }
    }
}

/// What is wrong with a matrix, where, and what to do about it. Lines and columns count from 1, nodes from 0.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MatrixError {
    /// There is no row.
    #[error("there are no rows: give a line of round-trip times for each node")]
    Empty,
    /// A row has more or fewer entries than the first.
    #[error(
        "line {line} has {found} entries where the first row has {expected}: give every row one for each node"
    )]
    Ragged {
        /// The line.
        line: usize,
        /// Entries in it.
        found: usize,
        /// Entries in the first row.
        expected: usize,
    },
    /// Rows and columns differ in number.
    #[error(
        "{rows} rows of {columns} entries: give as many rows as columns, row i being from node i to the others"
    )]
    NotSquare {
        /// Rows.
        rows: usize,
        /// Entries in each.
        columns: usize,
    },
    /// An entry is not a finite number.
    #[error("line {line}, column {column}: {text:?} is not a number: give a round-trip time such as 12.5")]
    NotANumber {
        /// The line.
        line: usize,
        /// The entry within it.
        column: usize,
        /// What stands there (its beginning).
        text: String,
    },
    /// An entry is negative.
    #[error(
        "line {line}, column {column}: {text} is negative: put a measured time there, or leave the node out"
    )]
    Negative {
        /// The line.
        line: usize,
        /// The entry within it.
        column: usize,
        /// What stands there (its beginning).
        text: String,
    },
    /// An entry is above 4,294 seconds.
    #[error(
        "line {line}, column {column}: {text} is above 4294 seconds: check the unit (milliseconds or seconds)"
    )]
    TooLarge {
        /// The line.
        line: usize,
        /// The entry within it.
        column: usize,
        /// What stands there (its beginning).
        text: String,
    },
    /// No entry outside the diagonal is positive.
    #[error("no entry outside the diagonal is above zero: give measured round-trip times")]
    AllZero,
    /// More nodes are asked for than there are.
    #[error("{want} nodes are asked for and the matrix has {have}: ask for fewer, or give a larger matrix")]
    TooSmall {
        /// Nodes in the matrix.
        have: usize,
        /// Nodes asked for.
        want: usize,
    },
    /// A node is named that is not there.
    #[error("node {node} is asked for and the matrix has {have} nodes: the last is {}", have - 1)]
    NoSuchNode {
        /// The node.
        node: usize,
        /// Nodes in the matrix.
        have: usize,
    },
    /// A node is named twice.
    #[error("node {node} is asked for twice: name each node once")]
    Twice {
        /// The node.
        node: usize,
    },
}

/// Round-trip times in whole microseconds from each node to each other; a node to itself is 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Matrix {
    nodes: usize,
    micros: Vec<u32>,
    mended: usize,
}

impl Matrix {
    /// Reads a text: a line for each node, its entries apart by tabs or spaces, empty lines ignored. What stands on the
    /// diagonal is ignored whatever it is. A zero elsewhere (below the resolution of the measurement) becomes half the
    /// smallest positive entry; [`mended`](Matrix::mended) says how many there were.
    ///
    /// # Errors
    /// The text is no square of numbers from 0 to 4,294 seconds.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, MatrixError> {
        let rows: Vec<(usize, Vec<&str>)> = text
            .lines()
            .enumerate()
            .map(|(i, line)| (i + 1, line.split_ascii_whitespace().collect::<Vec<_>>()))
            .filter(|(_, entries)| !entries.is_empty())
            .collect();
        let nodes = rows.first().ok_or(MatrixError::Empty)?.1.len();
        let mut micros = Vec::with_capacity(nodes.saturating_mul(rows.len()));
        for (row, (line, entries)) in rows.iter().enumerate() {
            if entries.len() != nodes {
                return Err(MatrixError::Ragged { line: *line, found: entries.len(), expected: nodes });
            }
            for (column, entry) in entries.iter().enumerate() {
                micros.push(if row == column { 0 } else { parse_entry(entry, unit, *line, column + 1)? });
            }
        }
        if rows.len() != nodes {
            return Err(MatrixError::NotSquare { rows: rows.len(), columns: nodes });
        }
        Matrix { nodes, micros, mended: 0 }.mend()
    }

    /// A matrix from round-trip times in microseconds, row by row, used as they are.
    ///
    /// # Panics
    /// If there are not `nodes` times `nodes` of them.
    pub fn from_micros(nodes: usize, micros: Vec<u32>) -> Self {
        assert_eq!(micros.len(), nodes * nodes, "a matrix is a square");
        Matrix { nodes, micros, mended: 0 }
    }

    fn mend(mut self) -> Result<Self, MatrixError> {
        let nodes = self.nodes;
        let zeros: Vec<usize> =
            (0..self.micros.len()).filter(|i| i / nodes != i % nodes && self.micros[*i] == 0).collect();
        if zeros.is_empty() {
            return Ok(self);
        }
        let least = self.micros.iter().copied().filter(|m| *m > 0).min().ok_or(MatrixError::AllZero)?;
        for &i in &zeros {
            self.micros[i] = (least / 2).max(1);
        }
        self.mended = zeros.len();
        Ok(self)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes == 0
    }

    /// How many zeros outside the diagonal were replaced when the text was read.
    pub fn mended(&self) -> usize {
        self.mended
    }

    /// The round-trip time in microseconds that was measured from `from` to `to`.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn round_trip(&self, from: usize, to: usize) -> u32 {
        assert!(from < self.nodes && to < self.nodes, "the matrix has {} nodes", self.nodes);
        self.micros[from * self.nodes + to]
    }

    /// The largest round-trip time in microseconds.
    pub fn largest(&self) -> u32 {
        self.micros.iter().copied().max().unwrap_or(0)
    }

    /// Whether both directions of every pair are equal.
    pub fn is_symmetric(&self) -> bool {
        (0..self.nodes).all(|i| (0..i).all(|j| self.round_trip(i, j) == self.round_trip(j, i)))
    }

    /// The matrix of some of the nodes, in the order given.
    ///
    /// # Errors
    /// A node is not there, or named twice.
    pub fn select(&self, nodes: &[usize]) -> Result<Self, MatrixError> {
        for (i, &node) in nodes.iter().enumerate() {
            if node >= self.nodes {
                return Err(MatrixError::NoSuchNode { node, have: self.nodes });
            }
            if nodes[..i].contains(&node) {
                return Err(MatrixError::Twice { node });
            }
        }
        let row = |&from: &usize| nodes.iter().map(move |&to| self.round_trip(from, to));
        Ok(Matrix { nodes: nodes.len(), micros: nodes.iter().flat_map(row).collect(), mended: 0 })
    }

    /// Draws `n` different nodes, in ascending order, for [`select`](Matrix::select).
    ///
    /// # Errors
    /// There are fewer than `n`.
    pub fn draw(&self, n: usize, seed: Seed) -> Result<Vec<usize>, MatrixError> {
        if n > self.nodes {
            return Err(MatrixError::TooSmall { have: self.nodes, want: n });
        }
        let mut nodes: Vec<usize> = (0..self.nodes).collect();
        Streams::new(seed).named("nodes").shuffle(&mut nodes);
        nodes.truncate(n);
        nodes.sort_unstable();
        Ok(nodes)
    }
}

impl Delays for Matrix {
    /// Half the round trip.
    fn one_way(&self, from: usize, to: usize) -> u64 {
        u64::from(self.round_trip(from, to) / 2)
    }
}

/// A matrix with the nodes of a world placed on its rows: several nodes may stand in one place, such as a bootstrap
/// beside a member.
#[derive(Clone, Debug)]
pub struct Sites {
    matrix: Matrix,
    rows: Vec<usize>,
}

impl Sites {
    /// Node `i` of the world stands at row `rows[i]`.
    ///
    /// # Errors
    /// A row is not there.
    pub fn new(matrix: Matrix, rows: Vec<usize>) -> Result<Self, MatrixError> {
        match rows.iter().find(|row| **row >= matrix.len()) {
            Some(&node) => Err(MatrixError::NoSuchNode { node, have: matrix.len() }),
            None => Ok(Sites { matrix, rows }),
        }
    }
}

impl Delays for Sites {
    fn one_way(&self, from: usize, to: usize) -> u64 {
        self.matrix.one_way(self.rows[from], self.rows[to])
    }
}

fn parse_entry(entry: &str, unit: Unit, line: usize, column: usize) -> Result<u32, MatrixError> {
    let text = || entry.chars().take(24).collect::<String>().as_str().to_owned();
    match entry.parse::<f64>() {
        Ok(value) if value < 0.0 => Err(MatrixError::Negative { line, column, text: text() }),
        Ok(value) if value.is_nan() => Err(MatrixError::NotANumber { line, column, text: text() }),
        Ok(value) if value * unit.micros() > f64::from(u32::MAX) => {
            Err(MatrixError::TooLarge { line, column, text: text() })
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to u32::MAX")]
        Ok(value) => Ok(if value > 0.0 { ((value * unit.micros()).round() as u32).max(1) } else { 0 }),
        Err(_) => Err(MatrixError::NotANumber { line, column, text: text() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        Matrix::parse(text, Unit::Millis).unwrap_err().to_string()
    }

    #[test]
    fn reads_tabs_and_spaces_and_ignores_the_diagonal() {
        let m = Matrix::parse("x\t1.5 20\r\n\n1.25 -3 0.0001\n20\t7 0.4", Unit::Millis).unwrap();
        assert_eq!((m.len(), m.mended(), m.largest(), m.is_symmetric()), (3, 0, 20_000, false));
        assert_eq!((m.round_trip(0, 1), m.round_trip(1, 0), m.round_trip(1, 2)), (1_500, 1_250, 1));
        assert_eq!((m.round_trip(1, 1), m.one_way(1, 0), m.one_way(1, 1)), (0, 625, 0));
    }

    #[test]
    fn a_zero_becomes_half_the_smallest() {
        let m = Matrix::parse("0.3 0 0.01\n0.02 0 0\n0.04 0.5 9", Unit::Secs).unwrap();
        assert_eq!((m.mended(), m.round_trip(0, 1), m.round_trip(1, 2)), (2, 5_000, 5_000));
        assert_eq!(
            error("0 0\n0 0"),
            "no entry outside the diagonal is above zero: give measured round-trip times"
        );
    }

    #[test]
    fn errors_name_the_place_and_the_remedy() {
        for (text, what) in [
            ("", "there are no rows"),
            ("0 1\n1\n", "line 2 has 1 entries where the first row has 2: give"),
            ("0 1 2\n1 0 2\n", "2 rows of 3 entries: give as many"),
            ("0 1\n\n-2 0\n", "line 3, column 1: -2 is negative: put"),
            ("0 one\n1 0\n", "line 1, column 2: \"one\" is not a number: give"),
            ("0 NaN\n1 0\n", "line 1, column 2: \"NaN\" is not a number: give"),
            ("0 inf\n1 0\n", "line 1, column 2: inf is above 4294 seconds: check the unit"),
        ] {
            assert!(error(text).starts_with(what), "{}", error(text));
        }
        let m = Matrix::parse("0 1\n1 0", Unit::Millis).unwrap();
        assert_eq!(m.draw(3, Seed::from_u64(1)), Err(MatrixError::TooSmall { have: 2, want: 3 }));
        assert_eq!(m.select(&[0, 2]), Err(MatrixError::NoSuchNode { node: 2, have: 2 }));
        assert_eq!(m.select(&[1, 1]), Err(MatrixError::Twice { node: 1 }));
        assert!(Sites::new(m, alloc::vec![0, 5]).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9 .\\t\\n-]{0,60}|\\PC{0,40}") {
            let _ = Matrix::parse(&text, Unit::Secs);
        }

        #[test]
        fn a_draw_is_a_selection(n in 0usize..9, seed: u64) {
            let m = Matrix::from_micros(8, (0..64).collect());
            match m.draw(n, Seed::from_u64(seed)) {
                Ok(nodes) => {
                    prop_assert!(nodes.len() == n && nodes.windows(2).all(|w| w[0] < w[1]));
                    prop_assert_eq!(m.draw(n, Seed::from_u64(seed)).unwrap(), nodes.clone());
                    let part = m.select(&nodes).unwrap();
                    for (i, &a) in nodes.iter().enumerate() {
                        for (j, &b) in nodes.iter().enumerate() {
                            prop_assert_eq!(part.round_trip(i, j), m.round_trip(a, b));
                        }
                    }
                }
                Err(_) => prop_assert!(n > 8),
            }
        }
    }
}
