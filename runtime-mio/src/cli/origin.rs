//! Where a setting comes from, so that what is wrong with it is said where it can be mended: the flag, or the line of
//! the configuration file.

use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::config::File;
use super::failure::Failure;

/// What is told of a setting that no node can live by, with what to do about it.
pub(crate) fn unfit(
    (protocol, key): (&str, &str),
    (fault, remedy): (&str, &str),
    matches: &ArgMatches,
) -> Failure {
    Failure::usage(format!("{key} {fault}")).at(place(protocol, key, matches)).try_this(remedy)
}

/// The line of the file that says what a protocol's key is, or else its flag.
pub(crate) fn place(protocol: &str, key: &str, matches: &ArgMatches) -> String {
    let flag = if key.len() == 1 { format!("-{key}") } else { format!("--{}", key.replace('_', "-")) };
    let given = matches.try_contains_id(key).is_ok_and(|known| known)
        && matches.value_source(key) == Some(ValueSource::CommandLine);
    let file = || File::read(matches.try_get_one::<PathBuf>("config").ok().flatten()?).ok();
    if given { flag } else { file().and_then(|file| file.place(protocol, key)).unwrap_or(flag) }
}
