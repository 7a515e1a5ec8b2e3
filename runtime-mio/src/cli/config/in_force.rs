//! The configuration that holds, written as a file or as JSON.

use std::any::TypeId;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use serde_json::{Map, Number, Value};

use super::super::router::PROTOCOLS;
use super::{File, Section, is_list, is_truth, sections};

/// What a key's value is, as text: none where nothing is set.
fn values_of(matches: &ArgMatches, arg: &Arg) -> Vec<String> {
    let raw = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
    raw.map(|v| v.to_string_lossy().into_owned()).collect()
}

/// What holds: flags, the file, defaults.
pub(super) struct InForce<'a> {
    pub(super) matches: &'a ArgMatches,
    pub(super) file: Option<File>,
}

/// A key and the values that it has.
struct Held<'a> {
    arg: &'a Arg,
    values: Vec<String>,
    /// Whether it has these without a file and a flag.
    by_default: bool,
}

impl InForce<'_> {
    fn held<'a>(&self, protocol: &str, arg: &'a Arg) -> Held<'a> {
        // The command has the first protocol's flags.
        let id = arg.get_id().as_str();
        let flagged = protocol == PROTOCOLS[0].name;
        let values = if flagged { values_of(self.matches, arg) } else { self.in_file(protocol, arg) };
        let by_flag = flagged && self.matches.value_source(id) == Some(ValueSource::CommandLine);
        // What a flag says is meant, whatever it is.
        let by_default = !by_flag && arg.get_default_values().iter().eq(values.iter().map(String::as_str));
        Held { arg, values, by_default }
    }

    fn in_file(&self, protocol: &str, arg: &Arg) -> Vec<String> {
        let said =
            self.file.as_ref().and_then(|file| file.of(protocol).find(|s| arg.get_id() == s.key.as_str()));
        let default = || arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
        said.map_or_else(default, |setting| setting.values.clone())
    }

    /// As a file for `--config`.
    pub(super) fn as_toml(&self) -> String {
        let mut text = String::from(
            "# Configuration of Egoist. Durations: 250ms, 3s, 5m, 1h. Flags go before what is said here.\n\
             # What is a comment has its default: take the '#' away to set it.\n",
        );
        for (protocol, Section { table, keys }) in sections() {
            if let Some(table) = table {
                text.extend(["\n[", table, "]\n"]);
            }
            for arg in &keys {
                text.extend(["\n", &documentation(arg), &self.held(protocol, arg).toml_line()]);
            }
        }
        text
    }

    /// As an object of the file's keys.
    pub(super) fn as_json(&self) -> Value {
        let mut root = Map::new();
        for (protocol, Section { table, keys }) in sections() {
            let keys = keys.iter().map(|arg| (arg.get_id().to_string(), self.held(protocol, arg).json()));
            match table {
                Some(table) => _ = root.insert(table.to_owned(), Value::Object(keys.collect())),
                None => root.extend(keys),
            }
        }
        Value::Object(root)
    }
}

impl Held<'_> {
    /// The key and its value; a comment where nothing else is set than the default, so that the file leaves that to
    /// whoever reads it.
    fn toml_line(&self) -> String {
        let key = self.arg.get_id();
        let written: Vec<_> = self.values.iter().map(|value| toml_scalar(self.arg, value)).collect();
        let line = match written.as_slice() {
            [] if is_list(self.arg) => format!("{key} = []"),
            [] => format!("{key} ="),
            _ if is_list(self.arg) => format!("{key} = [{}]", written.join(", ")),
            [value, ..] => format!("{key} = {value}"),
        };
        let mark = if self.by_default { "# " } else { "" };
        format!("{mark}{line}\n")
    }

    fn json(&self) -> Value {
        let scalar = |text: &String| match number(self.arg, text) {
            Some(number) => Value::Number(number),
            None if is_truth(self.arg) => Value::Bool(text == "true"),
            None => Value::from(text.as_str()),
        };
        if is_list(self.arg) {
            self.values.iter().map(scalar).collect()
        } else {
            self.values.first().map_or(Value::Null, scalar)
        }
    }
}

fn documentation(arg: &Arg) -> String {
    const COLUMNS: usize = 100;
    let mut doc = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let default: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    if !default.is_empty() {
        doc += &format!(" [default: {}]", default.join(", "));
    }
    let mut lines = vec![String::from("#")];
    for word in doc.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < COLUMNS => line.extend([" ", word]),
            _ => lines.push(format!("# {word}")),
        }
    }
    lines.join("\n") + "\n"
}

/// The number that a text is to a key whose values are numbers, whatever else it looks like.
fn number(arg: &Arg, text: &str) -> Option<Number> {
    let kind = arg.get_value_parser().type_id();
    if kind == TypeId::of::<u32>() || kind == TypeId::of::<u64>() {
        text.parse::<u64>().ok().map(Number::from)
    } else if kind == TypeId::of::<f64>() {
        text.parse().ok().and_then(Number::from_f64)
    } else {
        None
    }
}

/// Numbers and truths as they are, all else in quotes.
fn toml_scalar(arg: &Arg, text: &str) -> String {
    if is_truth(arg) {
        return text.to_owned();
    }
    number(arg, text).map_or_else(|| toml::Value::from(text).to_string(), |number| number.to_string())
}
