//! What a command says about itself while it works: to standard error, through `tracing`.

use std::env;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use super::failure::{Failure, Outcome};

/// The environment variable whose filter goes before `-v` and `-q`.
pub(crate) const VARIABLE: &str = "EGOIST_LOG";

/// How much is said, each word including those before it.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// How much a command says when it is not told: a place in [`LEVELS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Talk {
    /// Errors and warnings: commands that answer and end.
    Warnings = 1,
    /// What a running node's owner wants to know as well.
    News = 2,
}

/// Begins to log; `louder` is how many `-v` there were less how many `-q`.
pub(crate) fn start(talk: Talk, louder: i16) -> Outcome {
    let filter = match env::var(VARIABLE) {
        Ok(text) => EnvFilter::try_new(&text).map_err(|e| bad_filter(&text, &e))?,
        Err(_) => EnvFilter::new(level(talk, louder)),
    };
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    // A second start in one process (tests) keeps the first.
    let _ = log.with_env_filter(filter).with_target(false).try_init();
    Ok(())
}

fn level(talk: Talk, louder: i16) -> &'static str {
    let wanted = (talk as i16).saturating_add(louder).clamp(0, 4);
    LEVELS[usize::try_from(wanted).unwrap_or(0)]
}

fn bad_filter(text: &str, error: &impl ToString) -> Failure {
    Failure::usage(format!("'{text}' is no log filter ({})", error.to_string()))
        .at(VARIABLE)
        .try_this("write a level (error, warn, info, debug, trace) or module=level, joined by commas")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn louder_and_quieter_stay_within_the_levels() {
        assert_eq!(level(Talk::Warnings, 0), "warn");
        assert_eq!(level(Talk::News, 1), "debug");
        assert_eq!(level(Talk::Warnings, -9), "error");
        assert_eq!(level(Talk::News, i16::MAX), "trace");
    }
}
