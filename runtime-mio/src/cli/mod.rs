//! The command line: one file per command, and what they share.

mod capacity;
mod chord;
mod config;
mod control;
mod demo;
mod disk;
mod duration;
mod failure;
mod gossip;
mod hello;
mod help;
mod hex;
mod host_port;
mod input;
mod jury;
mod latency;
mod leave;
mod live;
mod logging;
mod mesh;
mod monitor;
mod names;
mod origin;
mod output;
mod overlay;
mod progress;
mod protocol;
mod record;
mod replay;
mod riding;
mod router;
mod serve;
mod session;
mod sim;
mod stage;
mod state;
mod status;
mod table;
mod text;
mod units;
mod verb;

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};
use signal_hook::consts::signal::SIGXFSZ;

use failure::{Failure, Outcome};
use router::PROTOCOLS;
use session::Session;
use verb::{Entry, entry};

/// Every command, under its heading in the help.
fn commands() -> Vec<(&'static str, Vec<Entry>)> {
    vec![
        ("Try", vec![entry::<demo::Demo>(), entry::<sim::Sim>()]),
        (
            "Run",
            vec![
                entry::<overlay::bootstrap::Bootstrap>(),
                entry::<overlay::node::Node>(),
                entry::<config::Config>(),
                entry::<replay::Replay>(),
            ],
        ),
        (
            "Ask a running node of any protocol",
            vec![entry::<status::Status>(), entry::<monitor::Monitor>(), entry::<leave::Leave>()],
        ),
        (
            "Ask a running node of the overlay",
            vec![
                entry::<overlay::neighbors::Neighbors>(),
                entry::<overlay::routes::Routes>(),
                entry::<overlay::path::Path>(),
                entry::<overlay::ping::Ping>(),
                entry::<overlay::send::Send>(),
                entry::<overlay::listen::Listen>(),
            ],
        ),
        ("Other protocols", PROTOCOLS.iter().filter_map(|known| (known.command)()).collect()),
    ]
}

/// Runs the program with the process's arguments.
pub(crate) fn main() -> ExitCode {
    // A file that may not grow (ulimit -f) is an error of its writer, as a full disk is, and no end.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    let args: Vec<OsString> = env::args_os().collect();
    logging::write_as(format_in(&args));
    let ended = output::check().and_then(|()| run(args, &mut io::stdout().lock()));
    let code = ended.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS);
    logging::finish();
    code
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

/// How failures are to be said, which may be that the rest of the command line is wrong.
fn format_in(args: &[OsString]) -> logging::Format {
    const FLAG: &str = "--log-format";
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).take_while(|arg| arg != "--").collect();
    let apart =
        words.iter().zip(words.iter().skip(1)).filter(|(flag, _)| *flag == FLAG).map(|(_, value)| &**value);
    let joined = words.iter().filter_map(|word| word.strip_prefix(FLAG)?.strip_prefix('='));
    let json = apart.chain(joined).any(|value| value == "json");
    if json { logging::Format::Json } else { logging::Format::Text }
}

/// Reads the command line, and once more with the configuration file's values for defaults where it names one.
fn parse(args: &[OsString]) -> Outcome<ArgMatches> {
    let matches_of = |program: Command| {
        let command = command_in(&program, args);
        program.try_get_matches_from(args).map_err(|error| Failure::misuse(error, &command))
    };
    let program = || program(help::columns());
    let matches = matches_of(program())?;
    match file_of(&matches) {
        Some(path) => matches_of(config::File::read(&path)?.apply(program())),
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
    let own = of_command.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    own.or_else(|| file_of(of_command))
}

/// The program as clap knows it, its help in so many columns.
fn program(columns: usize) -> Command {
    let groups = commands();
    let program = Command::new("egoist")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "A peer-to-peer overlay that optimises itself: every node measures the delay to the others, chooses the few \
             neighbours that make its own cost of reaching everybody smallest, and routes over the shortest paths.",
        )
        .help_template(template(&help::list(&groups, columns)))
        .after_help(AFTER_HELP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(global());
    let commands = groups.into_iter().flat_map(|(_, entries)| entries).map(|e| e.command);
    help::lay_out(program.subcommands(commands), columns)
}

const AFTER_HELP: &str = "\
'egoist COMMAND -h' lists what a command takes, with examples, and 'egoist COMMAND --help' explains all of it. Answers go \
to standard output, logs and errors to standard error. Exit code 2: the command line or configuration is wrong; \
1: anything else went wrong.";

/// Flags that every command takes.
fn global() -> [Arg; 4] {
    let flag = |name: &'static str| Arg::new(name).long(name).global(true).help_heading("Output");
    [
        flag("json").action(ArgAction::SetTrue).help("Answer in JSON, one value a line, instead of a table"),
        flag("verbose")
            .short('v')
            .action(ArgAction::Count)
            .help("Say more on standard error; repeatable")
            .long_help(format!(
                "Say more on standard error; repeatable. The variable {} takes a filter instead, as in egoist_mio=trace",
                logging::VARIABLE
            )),
        flag("quiet").short('q').action(ArgAction::Count).help("Say less on standard error; repeatable"),
        flag("log-format")
            .value_name("FORMAT")
            .default_value("text")
            .hide_possible_values(true)
            .value_parser(clap::value_parser!(logging::Format))
            .help("What is said on standard error: text, or json, an object a line"),
    ]
}

/// The program's help around the list of its commands.
fn template(list: &str) -> String {
    format!(
        "{{about-with-newline}}\n{{usage-heading}} egoist COMMAND [OPTIONS]\n{list}\nOptions:\n{{options}}{{after-help}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold() {
        program(100).debug_assert();
    }

    /// Every command and those below it, by name, as their help is printed in so many columns.
    fn all(columns: usize) -> Vec<(String, Command)> {
        let mut program = program(columns);
        program.build();
        let mut found = vec![("egoist".to_owned(), program)];
        let mut at = 0;
        while let Some((name, command)) = found.get(at).cloned() {
            at += 1;
            for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
                let prefix = if at == 1 { String::new() } else { name.clone() + "-" };
                found.push((prefix + below.get_name(), below.clone()));
            }
        }
        found
    }

    /// The help as it is printed in a terminal of 80 columns. `EGOIST_BLESS=1` writes the snapshots anew.
    #[test]
    fn help_is_as_in_the_snapshots() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
        for (name, mut command) in all(80) {
            for (file, help) in [
                (format!("{name}.short.txt"), command.render_help()),
                (format!("{name}.txt"), command.render_long_help()),
            ] {
                let (path, help) = (folder.join(file), help.to_string());
                if env::var_os("EGOIST_BLESS").is_some() {
                    std::fs::write(&path, &help).unwrap();
                }
                assert_eq!(std::fs::read_to_string(&path).unwrap(), help, "{}", path.display());
            }
        }
    }

    /// Whatever can be broken between words is, so that no terminal breaks it within them.
    #[test]
    fn help_fits_the_terminal() {
        for columns in [40, 60, 80, 100] {
            for (name, mut command) in all(columns) {
                for help in [command.render_help(), command.render_long_help()] {
                    for line in help.to_string().lines().filter(|line| line.chars().count() > columns) {
                        let shown = line.trim_start();
                        let whole = shown.starts_with("Usage:") || !shown.contains(' ');
                        assert!(whole, "{name} at {columns} columns: {line}");
                    }
                }
            }
        }
    }

    /// A paragraph is one line until it is laid out.
    #[test]
    fn no_paragraph_is_broken_by_hand() {
        for (name, mut command) in all(100).into_iter().map(|(n, c)| (n, c.term_width(10_000))) {
            let help = command.render_long_help().to_string();
            let lines: Vec<_> = help.lines().collect();
            for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with(|c| c != ' ')))
            {
                assert!(pair[0].ends_with(':'), "{name}: {pair:?}");
            }
        }
    }
}
