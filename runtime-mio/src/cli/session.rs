//! What every command is given: where its answer goes, and in which form.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

use super::failure::{Failure, Outcome};
use super::logging;

/// One run of a command.
pub(crate) struct Session<'a> {
    /// Whether answers are JSON, one value a line.
    pub(crate) json: bool,
    /// Whether nothing is to be said but answers and failures.
    pub(crate) quiet: bool,
    /// Where answers go: standard output.
    pub(crate) out: &'a mut dyn Write,
}

impl Session<'_> {
    /// Gives an answer: as JSON on one line, or as a table for people.
    pub(crate) fn show<T: Serialize + Display>(&mut self, answer: &T) -> Outcome {
        if self.json { self.json_line(answer) } else { self.text(&answer.to_string()) }
    }

    /// Says beside the answer, on standard error, what its reader should know.
    pub(crate) fn note(&self, what: &str) {
        if !self.quiet {
            logging::note(&format!("egoist: {what}"));
        }
    }

    /// Writes a value as JSON on one line.
    pub(crate) fn json_line<T: Serialize>(&mut self, value: &T) -> Outcome {
        let line = serde_json::to_string(value)
            .map_err(|e| Failure::new(format!("cannot write the answer as JSON ({e})")))?;
        self.text(&line)
    }

    /// Writes octets as they are.
    pub(crate) fn octets(&mut self, octets: &[u8]) -> Outcome {
        self.out.write_all(octets)?;
        self.out.flush()?;
        Ok(())
    }

    /// Writes text, with the line end that it may lack.
    pub(crate) fn text(&mut self, text: &str) -> Outcome {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        write!(self.out, "{text}{end}")?;
        self.out.flush()?;
        Ok(())
    }
}
