//! What a command is to the program.

use clap::{ArgMatches, Command, Parser};

use super::failure::Outcome;
use super::logging::Talk;
use super::session::Session;

/// A command: its flags are its fields.
pub(crate) trait Verb: Parser {
    /// How much it says while it works, unless told otherwise.
    const TALK: Talk = Talk::Warnings;

    /// Does it. `matches` are the flags as they were given, for those who ask where a value comes from.
    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome;
}

/// A command in the program's list.
pub(crate) struct Entry {
    pub(crate) command: Command,
    pub(crate) talk: Talk,
    pub(crate) run: fn(&ArgMatches, &mut Session<'_>) -> Outcome,
}

/// The list's entry for a command.
pub(crate) fn entry<V: Verb>() -> Entry {
    Entry {
        command: V::command(),
        talk: V::TALK,
        run: |matches, session| V::from_arg_matches(matches)?.run(matches, session),
    }
}
