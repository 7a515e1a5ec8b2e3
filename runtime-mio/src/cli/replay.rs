//! `egoist replay`: a recorded run, repeated and compared.

use std::fmt::{self, Debug};
use std::fs;
use std::io::{BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use clap::{ArgMatches, Parser};
use egoist_core::kernel::Time;
use egoist_core::record::{
    Damage, Difference, Entry, Given, Outputs, Recordable, Recording, Refused, Replay as Run, Step, Stop,
};
use serde::Serialize;
use serde_json::json;

use super::failure::{Failure, Outcome};
use super::protocol::Protocol;
use super::router::PROTOCOLS;
use super::session::Session;
use super::verb::Verb;

/// Repeat what a node recorded, and say at which input it does something else
#[derive(Parser, Debug)]
#[command(
    name = "replay",
    after_help = "Examples:
  egoist node --record run.rec                          record; then
  egoist replay run.rec                                 compare every output, to the octet
  egoist replay run.rec --until 5000 --print            see what went in and came out up to input 5000
  egoist replay crash.rec --print                       see the last inputs of a node that ended by an error

Inputs are numbered from 0. crash.rec has no hashes: where it reaches back to the start, numbers and lengths of \
outputs are compared, and not their octets. Exit code 0: no difference; 1: a difference, or a recording that is cut or \
altered; what is good of it is replayed first."
)]
pub(crate) struct Replay {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Stop after this input, and say in which state the node is then
    #[arg(long, value_name = "N")]
    until: Option<u64>,

    /// Print each input (<) and output (>) on a line of its own
    #[arg(long)]
    print: bool,
}

impl Verb for Replay {
    fn run(self, _: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let octets = fs::read(&self.file)
            .map_err(|e| Failure::io("cannot read the recording", self.file.display(), &e))?;
        let recording = Recording::read(&octets).map_err(|damage| self.damaged(damage, 0))?;
        let head = recording.head();
        match PROTOCOLS.iter().find(|known| known.kind == head.kind) {
            Some(known) => (known.replay)(&self, recording, session),
            None => Err(Failure::new(format!("this program cannot replay a recording of '{}'", head.kind))
                .at(self.file.display())
                .try_this(format!("use the version {} that wrote it", head.version))),
        }
    }
}

impl Replay {
    /// Repeats what a node of the protocol recorded.
    ///
    /// # Errors
    /// It cannot be repeated, or does something else now.
    pub(crate) fn replay<P: Protocol>(&self, recording: Recording<'_>, session: &mut Session<'_>) -> Outcome {
        match Run::<P::Machine>::new(recording) {
            Ok(run) => self.repeat::<P>(run, recording, session),
            Err(Refused::Beginning { .. }) if self.print => self.list::<P::Machine>(recording, session),
            Err(refused) => Err(self.refused(refused, recording)),
        }
    }

    /// Goes through the recording, printing where asked, and says how it ended.
    fn repeat<P: Protocol>(
        &self,
        mut run: Run<'_, P::Machine>,
        recording: Recording<'_>,
        session: &mut Session<'_>,
    ) -> Outcome {
        let mut report = Report::new(recording);
        let mut printer = Printer { out: BufWriter::new(&mut *session.out), json: session.json };
        let mut said = Vec::new();
        let mut stopped = None;
        match run.start(|output| said.push(format!("{output:?}"))) {
            Ok(outputs) => report.outputs = outputs,
            Err(stop) => stopped = Some(stop),
        }
        if self.print {
            printer.outputs(None, &said)?;
        }
        while stopped.is_none() && self.reaches(run.upcoming().map(|next| next.number)) {
            said.clear();
            let next = run.upcoming();
            if let Some(next) = next.filter(|_| self.print) {
                printer.input::<P::Machine>(next.number, next.at, &next.given)?;
            }
            let stepped = catch_unwind(AssertUnwindSafe(|| {
                run.step(|output| {
                    if self.print {
                        said.push(format!("{output:?}"));
                    }
                })
            }));
            printer.outputs(next.map(|next| next.number), &said)?;
            match stepped {
                Ok(Ok(Some(step))) => report.add(&step),
                Ok(Ok(None)) => break,
                Ok(Err(stop)) => stopped = Some(stop),
                Err(_) => {
                    printer.out.flush()?;
                    return Err(self.panicked(next));
                }
            }
        }
        printer.out.flush()?;
        drop(printer);
        if let Some(stop) = stopped {
            return Err(self.stopped(stop, report.inputs, recording));
        }
        report.state = self.until.map(|_| P::state(run.machine()));
        session.show(&report)
    }

    /// Whether the entry of this number is still wanted; damage, which has none, is.
    fn reaches(&self, number: Option<u64>) -> bool {
        match (self.until, number) {
            (Some(until), Some(number)) => number <= until,
            _ => true,
        }
    }

    fn panicked(&self, next: Option<Entry<'_>>) -> Failure {
        let place = next.map_or_else(
            || "at the end".to_owned(),
            |Entry { number, at, given, .. }| format!("at {}", point(number, given.kind(), at)),
        );
        Failure::new(format!("the machine panics {place}")).at(self.file.display())
    }

    /// Prints the inputs of a recording whose beginning is missing.
    fn list<M: Recordable<Command: Debug>>(
        &self,
        recording: Recording<'_>,
        session: &mut Session<'_>,
    ) -> Outcome {
        let mut printer = Printer { out: BufWriter::new(&mut *session.out), json: session.json };
        for (listed, entry) in (0..).zip(recording.entries()) {
            let entry = entry.map_err(|damage| self.damaged(damage, listed))?;
            if self.until.is_some_and(|until| entry.number > until) {
                break;
            }
            printer.input::<M>(entry.number, entry.at, &entry.given)?;
        }
        printer.out.flush()?;
        drop(printer);
        session
            .note("outputs are not shown: they follow from the beginning of the recording, which is missing");
        Ok(())
    }

    fn refused(&self, refused: Refused, recording: Recording<'_>) -> Failure {
        let failure = Failure::new(refused.to_string()).at(self.file.display());
        match refused {
            Refused::Beginning { .. } => failure.try_this("--print shows what is there"),
            Refused::Kind | Refused::Setup => {
                failure.try_this(format!("use the version {} that wrote it", recording.head().version))
            }
        }
    }

    fn stopped(&self, stop: Stop, good: u64, recording: Recording<'_>) -> Failure {
        match stop {
            Stop::Damaged(damage) => self.damaged(damage, good),
            Stop::Command { number } => {
                Failure::new(format!("input {number} is a command that means nothing here"))
                    .at(self.file.display())
            }
            Stop::Differs(Difference { number, at, kind, recorded, replayed }) => {
                let after = number.map_or_else(
                    || "at the very beginning".to_owned(),
                    |number| format!("after {}", point(number, kind, at)),
                );
                let counts = match (recorded, replayed) {
                    (recorded, replayed) if recorded == replayed => {
                        format!("{recorded} outputs of other content")
                    }
                    (recorded, replayed) if recorded < replayed => {
                        format!("{recorded} outputs recorded, more now")
                    }
                    (recorded, replayed) => format!("{recorded} outputs recorded, {replayed} now"),
                };
                let version = recording.head().version;
                let versions = if version == env!("CARGO_PKG_VERSION") {
                    String::new()
                } else {
                    format!(", recorded by version {version}")
                };
                Failure::new(format!("a difference begins {after} ({counts}{versions})"))
                    .at(self.file.display())
                    .try_this("--print shows the outputs of now")
            }
        }
    }

    fn damaged(&self, damage: Damage, good: u64) -> Failure {
        let failure = Failure::new(damage.to_string()).at(self.file.display());
        match damage {
            Damage::Cut { .. } | Damage::Altered { .. } => {
                failure.try_this(format!("the {good} inputs before it are good"))
            }
            Damage::NotOne | Damage::Version | Damage::Head => failure,
        }
    }
}

/// An input for people: its number, kind and time.
fn point(number: u64, kind: &str, at: Time) -> String {
    format!("input {number} ({kind}, at {at:?})")
}

/// Writes inputs and outputs, a line each.
struct Printer<W: Write> {
    out: W,
    json: bool,
}

impl<W: Write> Printer<W> {
    fn input<M: Recordable<Command: Debug>>(&mut self, number: u64, at: Time, given: &Given<'_>) -> Outcome {
        let command = given.command::<M>().map(|command| format!("command {command:?}"));
        let what = command.unwrap_or_else(|| given.to_string());
        if self.json {
            let line = json!({"input": number, "at_us": at.as_micros(), "kind": given.kind(), "what": what});
            writeln!(self.out, "{line}")?;
        } else {
            writeln!(self.out, "{number:>8} {:>15} < {what}", format!("{at:?}"))?;
        }
        Ok(())
    }

    /// Outputs that follow an input, or the construction.
    fn outputs(&mut self, number: Option<u64>, said: &[String]) -> Outcome {
        for what in said {
            if self.json {
                writeln!(self.out, "{}", json!({"after": number, "output": what}))?;
            } else {
                writeln!(self.out, "{:>24} > {what}", "")?;
            }
        }
        Ok(())
    }
}

/// What a replay without a difference comes to.
#[derive(Serialize)]
struct Report<S> {
    recorded: String,
    version: String,
    inputs: u64,
    outputs: u64,
    /// From the first time given to the last.
    micros: u64,
    /// Whether the recording goes on until the machine was dropped.
    ended: bool,
    /// Whether each output was compared.
    confirmed: bool,
    /// Whether they were compared to the octet, or their numbers and lengths alone.
    hashed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<S>,
    #[serde(skip)]
    first: Option<Time>,
}

impl<S> Report<S> {
    fn new(recording: Recording<'_>) -> Self {
        let head = recording.head();
        Report {
            recorded: head.kind.to_owned(),
            version: head.version.to_owned(),
            inputs: 0,
            outputs: 0,
            micros: 0,
            ended: false,
            confirmed: true,
            hashed: head.outputs == Outputs::Hashed,
            state: None,
            first: None,
        }
    }

    fn add(&mut self, step: &Step<'_>) {
        let first = *self.first.get_or_insert(step.at);
        self.micros = u64::try_from(step.at.since(first).as_micros()).unwrap_or(u64::MAX);
        self.ended = step.given == Given::End;
        self.inputs += u64::from(!self.ended);
        self.outputs += step.outputs;
        self.confirmed = step.confirmed;
    }
}

impl<S: fmt::Display> fmt::Display for Report<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { recorded, inputs, outputs, .. } = self;
        let span = Time::from_micros(self.micros).as_secs_f64();
        write!(f, "{recorded}: {inputs} inputs and {outputs} outputs over {span:.1} s, no difference")?;
        if !self.hashed {
            write!(f, " in the numbers and lengths of outputs (their octets were not recorded)")?;
        }
        if let Some(state) = &self.state {
            write!(f, "\nthen: {state}")?;
        } else if !self.ended {
            write!(
                f,
                "\nthe recording ends before the node did: it was killed, or the recording's limit reached"
            )?;
        }
        Ok(())
    }
}
