//! Why a command did not do what it was asked: one clear line on standard error, and the exit code.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;
use egoist_core::overlay::ConfigError;

use super::logging;

/// How a command ends.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// What went wrong, where, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    place: Option<String>,
    remedy: Option<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The command line or the configuration is wrong: exit code 2.
    Usage,
    /// Another process has what is asked for: exit code 1.
    Taken,
    /// Anything else: exit code 1.
    Failed,
    /// Whoever read standard output has left, which is no error.
    Unread,
    /// Help or version, asked for or shown instead of an error, already worded by clap.
    Shown(Box<clap::Error>),
}

impl Failure {
    /// Something that the user can mend on the command line.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::of(Kind::Usage, what)
    }

    /// Another process has the address or the folder that is asked for.
    pub(crate) fn taken(what: impl Into<String>) -> Self {
        Self::of(Kind::Taken, what)
    }

    /// Anything else.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::of(Kind::Failed, what)
    }

    /// What clap found wrong with the command line of `command`, or the help that was asked for.
    pub(crate) fn misuse(error: clap::Error, command: &str) -> Self {
        use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
        if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
            return Self::of(Kind::Shown(Box::new(error)), "");
        }
        let (what, tip) = what_and_tip(&error);
        let help = format!("see '{command} --help'");
        Self::usage(what).at(command).try_this(tip.map_or(help.clone(), |tip| format!("{tip} ({help})")))
    }

    /// An error of the operating system at a file, folder or socket.
    pub(crate) fn io(what: &str, place: impl fmt::Display, error: &io::Error) -> Self {
        Self::new(format!("{what} ({error})")).at(place)
    }

    fn of(kind: Kind, what: impl Into<String>) -> Self {
        Failure { what: what.into(), place: None, remedy: None, kind }
    }

    /// Where it went wrong: a file and line, a socket, an argument.
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// What to do about it.
    pub(crate) fn try_this(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Whether another process has what was asked for.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self.kind, Kind::Taken)
    }

    /// Whether it is no more than that nobody reads standard output any longer.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.kind, Kind::Unread)
    }

    /// Tells the user and answers the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match &self.kind {
            Kind::Unread => ExitCode::SUCCESS,
            Kind::Shown(error) if error.use_stderr() => {
                logging::fail(shown(error, &io::stderr()).trim_end());
                ExitCode::from(2)
            }
            Kind::Shown(error) => match write!(io::stdout(), "{}", shown(error, &io::stdout())) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => Self::from(error).report(),
            },
            Kind::Usage => self.say(2),
            Kind::Taken | Kind::Failed => self.say(1),
        }
    }

    fn say(&self, code: u8) -> ExitCode {
        logging::fail(&self.to_string());
        ExitCode::from(code)
    }
}

/// Help as it is written to that stream.
fn shown(help: &clap::Error, stream: &impl io::IsTerminal) -> String {
    let text = help.render();
    if logging::has_colours(stream) { text.ansi().to_string() } else { text.to_string() }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "egoist: {}", one_line(&self.what))?;
        for part in [&self.place, &self.remedy].into_iter().flatten() {
            write!(f, ": {}", one_line(part))?;
        }
        Ok(())
    }
}

/// Text from elsewhere on one line, without anything that a terminal would obey.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "?")
}

/// An error while writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::of(Kind::Unread, ""),
            _ => Self::io("cannot write the answer", "standard output", &error),
        }
    }
}

/// Numbers that no node can live by, where nobody knows which flag they come from.
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Flags that clap found wrong, outside the command line's own reading.
impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::misuse(error, "egoist")
    }
}

/// What clap found wrong, in one line, and its tip where it has one.
pub(super) fn what_and_tip(error: &clap::Error) -> (String, Option<String>) {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(one_line);
    let what = paragraphs.next().unwrap_or_default();
    let tip = paragraphs.find_map(|p| p.strip_prefix("tip: ").map(str::to_owned));
    (what.strip_prefix("error: ").unwrap_or(&what).to_owned(), tip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        let f = Failure::new("cannot read\nthis").at("a.toml line 3").try_this("write it\tbetter\u{1b}[2J");
        assert_eq!(f.to_string(), "egoist: cannot read this: a.toml line 3: write it better?[2J");
        assert_eq!(Failure::usage("wrong").to_string(), "egoist: wrong");
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let f = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(f.report(), ExitCode::SUCCESS);
        assert_eq!(Failure::from(io::Error::other("full")).report(), ExitCode::FAILURE);
        assert_eq!(Failure::usage("no").report(), ExitCode::from(2));
    }
}
