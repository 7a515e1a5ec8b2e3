//! `--record`: what a node writes down of its run.

use std::path::{Path, PathBuf};

use clap::Args;
use egoist_mio::flight::Flight;

use super::failure::{Failure, Outcome};

/// Where the last inputs go when a node ends by an error.
pub(crate) const CRASH: &str = "crash.rec";

/// What to record.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Recorder")]
pub(crate) struct RecordArgs {
    /// Write every input from the first to this new file, for 'egoist replay'; if it is there, to FILE.1, FILE.2 and so
    /// on. It holds the node's random seed and all that others send it, so that only its owner can read it
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// The recording ends, with a warning, before it has more octets than this (K, M, G for binary multiples): a replay
    /// needs its beginning. The last MiB is always kept in memory, and written to crash.rec in the state's folder if the
    /// node ends by an error
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = size)]
    pub(crate) record_limit: u64,
}

impl RecordArgs {
    /// A recorder's memory, and its file if there is to be one.
    ///
    /// # Errors
    /// The file cannot be made, or what is there is none.
    pub(crate) fn flight(&self, folder: Option<&Path>) -> Outcome<Flight> {
        let flight = Flight::new(folder.map(|folder| folder.join(CRASH)));
        let Some(path) = &self.record else { return Ok(flight) };
        let flight = flight.to_file(path, self.record_limit).map_err(|error| {
            Failure::io("cannot begin the recording", path.display(), &error)
                .try_this("give a --record FILE that can be written")
        })?;
        if let Some(other) = flight.path().filter(|begun| begun != path) {
            tracing::info!(file = %other.display(), "the recording goes on in a new file");
        }
        Ok(flight)
    }
}

/// A number of octets.
fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 10),
        Some(digits) if text.ends_with('M') => (digits, 20),
        Some(digits) => (digits, 30),
        None => (text, 0),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let number = plain.then(|| digits.parse::<u64>().ok()).flatten();
    number
        .and_then(|number| number.checked_mul(1 << unit))
        .ok_or_else(|| "write a number of octets, as in 500K, 64M or 2G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, octets) in [("0", 0), ("77", 77), ("3K", 3072), ("64M", 64 << 20), ("2G", 2 << 30)] {
            assert_eq!(size(text), Ok(octets));
        }
        for text in ["", "K", "-1", "1.5G", "1T", "3k", "99999999999G", "18446744073709551616"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
