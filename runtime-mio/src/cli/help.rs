//! How help is laid out: within the terminal's columns, wrapped between words; short with `-h` and whole with `--help`.

use std::env;

use clap::{Arg, Command};
use textwrap::{Options, WordSplitter, WrapAlgorithm};

use super::verb::Entry;

/// Lines are no longer even where the terminal is wider: they would be hard to read.
const WIDEST: usize = 100;
/// Below so many columns, what explains something stands on the lines after it.
const NARROW: usize = 60;
/// Where it stands then.
const INDENT: usize = 8;
/// How the headings begin of flags that few need to know of: `-h` leaves them out.
const ADVANCED: [&str; 3] = ["Periods", "Bounds", "Recorder"];

/// The columns that help is laid out in: the terminal's, else those that COLUMNS says.
pub(crate) fn columns() -> usize {
    let terminal = terminal_size::terminal_size().map(|(width, _)| width.0.into());
    let said = || env::var("COLUMNS").ok()?.parse().ok();
    terminal.or_else(said).unwrap_or(WIDEST).clamp(1, WIDEST)
}

/// `command` and those below it with help that fits so many columns.
pub(crate) fn lay_out(command: Command, columns: usize) -> Command {
    let command = command
        .term_width(columns)
        .next_line_help(columns < NARROW)
        .mut_args(shorten)
        .mut_subcommands(|below| lay_out(below, columns));
    match command.get_after_help().map(ToString::to_string) {
        Some(text) => {
            let examples = text.split("\n\n").next().unwrap_or_default();
            let (short, long) = (examples_in(examples, columns), examples_in(&text, columns));
            command.after_help(short).after_long_help(long)
        }
        None => command,
    }
}

/// Commands in groups: each with what it does.
pub(crate) fn list(groups: &[(&str, Vec<Entry>)], columns: usize) -> String {
    let names = groups.iter().flat_map(|(_, entries)| entries).map(|e| e.command.get_name().len());
    let wide = names.max().unwrap_or(0);
    let mut text = String::new();
    for (heading, entries) in groups {
        text += &format!("\n{heading}:\n");
        for Entry { command, .. } in entries {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let name = format!("  {:wide$}  ", command.get_name());
            text += &if columns < NARROW {
                below(&name, &about, columns)
            } else {
                beside(&name, &about, columns)
            };
            text.push('\n');
        }
    }
    text
}

fn shorten(arg: Arg) -> Arg {
    let advanced =
        arg.get_help_heading().is_some_and(|heading| ADVANCED.iter().any(|a| heading.starts_with(a)));
    if advanced { arg.hide_short_help(true) } else { arg }
}

/// `text` with its examples laid out: lines that begin with two blanks, a remark after three more. Remarks stand below
/// their examples where they do not all fit beside them.
fn examples_in(text: &str, columns: usize) -> String {
    if text.lines().all(|line| remark(line).is_none() || line.chars().count() <= columns) {
        return text.to_owned();
    }
    let lines = text.lines().map(|line| match remark(line) {
        Some(at) => below(&line[..at], &line[at..], columns),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where the remark of an example begins, if it has one.
fn remark(line: &str) -> Option<usize> {
    let example = line.strip_prefix("  ").filter(|example| !example.starts_with(' '))?;
    let gap = example.find("   ")?;
    let blanks = example[gap..].find(|c| c != ' ')?;
    Some(2 + gap + blanks)
}

/// `left`, and beside it `right` in a column of its own.
fn beside(left: &str, right: &str, columns: usize) -> String {
    wrap(right, left, &" ".repeat(left.len()), columns)
}

/// `left`, and below it `right`.
fn below(left: &str, right: &str, columns: usize) -> String {
    let indent = " ".repeat(INDENT);
    format!("{}\n{}", left.trim_end(), wrap(right, &indent, &indent, columns))
}

fn wrap(text: &str, first: &str, others: &str, columns: usize) -> String {
    let options = Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(others)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(text, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_stand_beside_or_below() {
        let text = "Examples:\n  egoist x -a 1     does this and that\n  egoist x\n\nA note.";
        assert_eq!(examples_in(text, 100), text);
        let narrow = "Examples:\n  egoist x -a 1\n        does this and\n        that\n  egoist x\n\nA note.";
        assert_eq!(examples_in(text, 21), narrow);
        assert_eq!(beside("  x  ", "one two", 9), "  x  one\n     two");
    }

    #[test]
    fn no_example_is_taken_for_a_remark() {
        assert_eq!(remark("  egoist x     does"), Some(15));
        for line in ["egoist   x", "  egoist  x", "              --network example   -k 3", "  egoist x"] {
            assert_eq!(remark(line), None, "{line}");
        }
    }
}
