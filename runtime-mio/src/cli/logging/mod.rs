//! What a command says about itself while it works: to standard error, through `tracing`. Nobody waits for that stream,
//! and nothing ends because it cannot be written.

mod limiter;
mod outlet;
mod repeats;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;
use std::io::{self, Write as _};
use std::panic;
use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, filter::FilterExt as _};

use super::failure::{Failure, Outcome};
use outlet::Outlet;
use repeats::Repeats;

/// The environment variable whose filter goes before `-v` and `-q`.
pub(crate) const VARIABLE: &str = "EGOIST_LOG";

/// How much is said, each word including those before it.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// How long the end of the process waits for what was said to be written.
const LAST: Duration = Duration::from_millis(500);

/// Standard error, which everything that is said goes through.
static OUTLET: OnceLock<Outlet> = OnceLock::new();
static REPEATS: OnceLock<Repeats> = OnceLock::new();
/// None until the command line was looked at.
static FORMAT: OnceLock<Format> = OnceLock::new();

/// How much a command says when it is not told: a place in [`LEVELS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Talk {
    /// Errors and warnings: commands that answer and end.
    Warnings = 1,
    /// What a running node's owner wants to know as well.
    News = 2,
}

/// What a line of the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: a JSON object.
    Json,
}

/// Says everything in this format from now on, failures before a command begins among it. The first call holds.
pub(crate) fn write_as(format: Format) {
    let _ = FORMAT.set(format);
}

/// Begins to log; `louder` is how many `-v` there were less how many `-q`.
pub(crate) fn start(talk: Talk, louder: i16) -> Outcome {
    let level = level(talk, louder);
    let filter = match env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty()) {
        Some(text) => EnvFilter::try_new(beside(&text, level)).map_err(|e| bad_filter(&text, &e))?,
        None => EnvFilter::new(level),
    };
    let filter = filter.and(REPEATS.get_or_init(Repeats::new).clone());
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(layer().with_filter(filter)).try_init();
    panic::set_hook(Box::new(panicked));
    Ok(())
}

/// The filter `text`, and `level` for what it does not name.
fn beside(text: &str, level: &str) -> String {
    let mut parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    if parts.any(|part| part.parse::<LevelFilter>().is_ok()) {
        return text.to_owned();
    }
    format!("{level},{text}")
}

fn layer<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let log = tracing_subscriber::fmt::layer().with_writer(|| outlet().clone()).log_internal_errors(false);
    match FORMAT.get() {
        Some(Format::Json) => log.json().boxed(),
        _ => log.with_ansi(has_colours(&io::stderr())).with_target(false).boxed(),
    }
}

/// Lets `tell` say something that no filter may keep back.
fn unfiltered(tell: impl FnOnce()) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer()), tell);
}

/// Says why a command failed.
pub(crate) fn fail(line: &str) {
    match FORMAT.get() {
        Some(Format::Json) => unfiltered(|| tracing::error!("{line}")),
        _ => say(line),
    }
}

/// Says a note beside an answer.
pub(crate) fn note(line: &str) {
    match FORMAT.get() {
        Some(Format::Json) => unfiltered(|| tracing::warn!("{line}")),
        _ => say(line),
    }
}

fn say(line: &str) {
    // It cannot fail.
    let _ = outlet().clone().write_all(format!("{line}\n").as_bytes());
}

/// How many lines were lost because standard error could not be written, or not as fast.
pub(crate) fn lost() -> u64 {
    outlet().lost()
}

/// Waits a moment until what was said is written: the process is about to end.
pub(crate) fn finish() {
    if let Some(repeats) = REPEATS.get() {
        repeats.finish();
    }
    if let Some(outlet) = OUTLET.get() {
        outlet.drain(LAST);
    }
}

/// Whether what is written there may have colours: a terminal, and nobody who minds (<https://no-color.org>).
pub(crate) fn has_colours(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn outlet() -> &'static Outlet {
    OUTLET.get_or_init(|| {
        Outlet::new(io::stderr(), |lost| {
            tracing::error!(lost, "lines of the log were lost: standard error could not be written");
        })
    })
}

/// A panic is an event like others: the usual hook waits for standard error.
fn panicked(info: &panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what =
        text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason is given");
    let trace = Backtrace::capture();
    let trace = (trace.status() == BacktraceStatus::Captured).then(|| trace.to_string());
    unfiltered(|| tracing::error!(%place, trace, "a mistake in the program: {what}"));
    finish();
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
    fn a_filter_that_names_no_level_leaves_the_usual_one() {
        assert_eq!(beside("egoist_mio=trace", "info"), "info,egoist_mio=trace");
        assert_eq!(beside("egoist_mio=trace, warn", "info"), "egoist_mio=trace, warn");
        assert_eq!(beside("OFF", "info"), "OFF");
    }

    #[test]
    fn louder_and_quieter_stay_within_the_levels() {
        assert_eq!(level(Talk::Warnings, 0), "warn");
        assert_eq!(level(Talk::News, 1), "debug");
        assert_eq!(level(Talk::Warnings, -9), "error");
        assert_eq!(level(Talk::News, i16::MAX), "trace");
    }
}
