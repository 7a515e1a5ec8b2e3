//! The command line: one file per command, and what they share.

mod bootstrap;
mod config;
mod control;
mod demo;
mod desk;
mod duration;
mod failure;
mod hello;
mod jury;
mod latency;
mod leave;
mod listen;
mod live;
mod logging;
mod names;
mod neighbors;
mod node;
mod path;
mod payload;
mod ping;
mod plan;
mod progress;
mod record;
mod replay;
mod routes;
mod send;
mod serve;
mod session;
mod settings;
mod sim;
mod stage;
mod state;
mod status;
mod table;
mod units;
mod verb;
mod views;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use failure::{Failure, Outcome};
use session::Session;
use verb::{Entry, entry};

/// Every command, under its heading in the help.
fn commands() -> Vec<(&'static str, Vec<Entry>)> {
    vec![
        ("Try", vec![entry::<demo::Demo>(), entry::<sim::Sim>()]),
        (
            "Run",
            vec![
                entry::<bootstrap::Bootstrap>(),
                entry::<node::Node>(),
                entry::<leave::Leave>(),
                entry::<config::Config>(),
                entry::<hello::Hello>(),
                entry::<replay::Replay>(),
            ],
        ),
        (
            "Ask a running node",
            vec![
                entry::<status::Status>(),
                entry::<neighbors::Neighbors>(),
                entry::<routes::Routes>(),
                entry::<path::Path>(),
                entry::<ping::Ping>(),
                entry::<send::Send>(),
                entry::<listen::Listen>(),
            ],
        ),
    ]
}

/// Runs the program with the process's arguments.
pub(crate) fn main() -> ExitCode {
    match run(env::args_os().collect(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs the program with these arguments, its own name first.
fn run(args: Vec<OsString>, out: &mut dyn io::Write) -> Outcome {
    let matches = parse(&args)?;
    let (name, of_command) = matches.subcommand().ok_or_else(|| Failure::usage("there is no command"))?;
    let mut entries = commands().into_iter().flat_map(|(_, entries)| entries);
    let entry = entries
        .find(|e| e.command.get_name() == name)
        .ok_or_else(|| Failure::usage("there is no such command"))?;
    let quiet = matches.get_count("quiet");
    logging::start(entry.talk, i16::from(matches.get_count("verbose")) - i16::from(quiet))?;
    (entry.run)(of_command, &mut Session { json: matches.get_flag("json"), quiet: quiet > 0, out })
}

/// Reads the command line, and once more with the configuration file's values for defaults where it names one.
fn parse(args: &[OsString]) -> Outcome<ArgMatches> {
    let matches_of = |program: Command| {
        let command = command_in(&program, args);
        program.try_get_matches_from(args).map_err(|error| Failure::misuse(error, &command))
    };
    let matches = matches_of(program())?;
    match file_of(&matches) {
        Some(path) => matches_of(config::apply(program(), &path)?),
        None => Ok(matches),
    }
}

/// The command that a command line is of, for what is said about it.
fn command_in(program: &Command, args: &[OsString]) -> String {
    let word = args.iter().skip(1).find_map(|arg| program.find_subcommand(arg));
    word.map_or("egoist".to_owned(), |command| format!("egoist {}", command.get_name()))
}

fn file_of(matches: &ArgMatches) -> Option<PathBuf> {
    let (_, of_command) = matches.subcommand()?;
    of_command.try_get_one::<PathBuf>("config").ok().flatten().cloned()
}

/// The program as clap knows it.
fn program() -> Command {
    let groups = commands();
    let program = Command::new("egoist")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "A peer-to-peer overlay that optimises itself: every node measures the delay to the others, chooses the few \
             neighbours that make its own cost of reaching everybody smallest, and routes over the shortest paths.",
        )
        .help_template(template(&groups))
        .after_help(AFTER_HELP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(global());
    program.subcommands(groups.into_iter().flat_map(|(_, entries)| entries).map(|e| e.command))
}

const AFTER_HELP: &str = "\
'egoist COMMAND --help' explains a command with examples. Answers go to standard output, logs and errors to standard \
error. Exit code 2: the command line or configuration is wrong; 1: anything else went wrong.";

/// Flags that every command takes.
fn global() -> [Arg; 3] {
    let flag = |name: &'static str| Arg::new(name).long(name).global(true).help_heading("Output");
    [
        flag("json").action(ArgAction::SetTrue).help("Answer in JSON, one value a line, instead of a table"),
        flag("verbose").short('v').action(ArgAction::Count).help(format!(
            "Say more on standard error; repeatable. The variable {} takes a filter instead, as in egoist_mio=trace",
            logging::VARIABLE
        )),
        flag("quiet").short('q').action(ArgAction::Count).help("Say less on standard error; repeatable"),
    ]
}

/// The program's help with its commands in groups.
fn template(groups: &[(&str, Vec<Entry>)]) -> String {
    let names = groups.iter().flat_map(|(_, entries)| entries).map(|e| e.command.get_name().len());
    let wide = names.max().unwrap_or(0);
    let mut text = String::from("{about-with-newline}\n{usage-heading} egoist COMMAND [OPTIONS]\n");
    for (heading, entries) in groups {
        text += &format!("\n{heading}:\n");
        for Entry { command, .. } in entries {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            text += &format!("  {:wide$}  {about}\n", command.get_name());
        }
    }
    text + "\nOptions:\n{options}{after-help}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold() {
        program().debug_assert();
    }

    /// The help as it is printed in a terminal of 100 columns. `EGOIST_BLESS=1` writes the snapshots anew.
    #[test]
    fn help_is_as_in_the_snapshots() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
        let mut program = program().term_width(100);
        program.build();
        let commands = program.get_subcommands().filter(|c| c.get_name() != "help").cloned();
        let mut all: Vec<_> = commands.collect();
        all.push(program);
        for mut command in all {
            let help = command.render_help().to_string();
            let path = folder.join(command.get_name()).with_extension("txt");
            if env::var_os("EGOIST_BLESS").is_some() {
                std::fs::write(&path, &help).unwrap();
            }
            assert_eq!(std::fs::read_to_string(&path).unwrap(), help, "{}", path.display());
        }
    }
}
