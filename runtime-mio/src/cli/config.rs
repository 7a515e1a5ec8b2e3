//! `egoist config`, and the configuration file: a TOML file whose keys are the long flags with `_` for `-`. What the
//! file says takes the place of the defaults, so that flags go before it and `--help` shows what holds.

use std::any::TypeId;
use std::path::{Path, PathBuf};

use clap::builder::OsStr;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Parser};
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::failure::{Failure, Outcome, what_and_tip};
use super::session::Session;
use super::settings::{Bounds, Pace, Periods, Place, Wiring};
use super::text;
use super::verb::Verb;

/// Octets of a configuration file.
const LONGEST: u64 = 1 << 20;

/// The configuration file.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigFile {
    /// Read settings from this TOML file; flags go before it, and 'egoist config' prints one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Every setting, as a node has it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) wiring: Wiring,
    #[command(flatten)]
    pub(crate) periods: Periods,
    #[command(flatten)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
}

/// Print the configuration that a node would run with, as a TOML file for --config
#[derive(Parser, Debug)]
#[command(
    name = "config",
    after_help = "Examples:
  egoist config > egoist.toml                  write down all defaults
  egoist config --config egoist.toml -k 5      see what a file and a flag come to"
)]
pub(crate) struct Config {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    settings: Settings,
}

impl Verb for Config {
    fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        self.settings.place.check()?;
        if session.json { session.json_line(&as_json(matches)) } else { session.text(&as_toml(matches)) }
    }
}

/// A table of the file and its keys; the top of the file has no name.
struct Section {
    table: Option<&'static str>,
    keys: Vec<Arg>,
}

/// The file's tables in the order in which they are written.
fn sections() -> [Section; 4] {
    fn keys<A: Args>() -> Vec<Arg> {
        let mut command = A::augment_args(Command::new("keys"));
        command.build();
        let ours = command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"));
        ours.cloned().collect()
    }
    let periods = keys::<Periods>().into_iter().chain(keys::<Pace>()).collect();
    [
        Section { table: None, keys: keys::<Place>() },
        Section { table: Some("wiring"), keys: keys::<Wiring>() },
        Section { table: Some("periods"), keys: periods },
        Section { table: Some("bounds"), keys: keys::<Bounds>() },
    ]
}

/// `program` with the values of the file at `path` for defaults.
///
/// # Errors
/// The file cannot be read, is no TOML, has a key that nothing knows or a value that its key cannot have.
pub(crate) fn apply(program: Command, path: &Path) -> Outcome<Command> {
    let text = text::read(path, LONGEST).map_err(|e| {
        Failure::io("cannot read the configuration", path.display(), &e)
            .try_this("'egoist config' prints one to begin with")
    })?;
    let file = File { path, text: &text };
    let values = file.values()?;
    Ok(program.mut_subcommands(|mut command| {
        for (key, value) in &values {
            if command.get_arguments().any(|arg| arg.get_id() == key.as_str()) {
                let value = value.iter().map(|v| OsStr::from(v.clone())).collect::<Vec<_>>();
                command = command.mut_arg(key, |arg| arg.default_values(value));
            }
        }
        command
    }))
}

/// The line of the file at `path` that has `key`, as in `egoist.toml line 3`.
pub(crate) fn line_of(path: &Path, key: &str) -> Option<String> {
    let text = text::read(path, LONGEST).ok()?;
    let root = DeTable::parse(&text).ok()?;
    let tables = root.get_ref().values().filter_map(|value| value.get_ref().as_table());
    let keys = [root.get_ref()].into_iter().chain(tables).flat_map(|table| table.keys());
    let at = keys.filter(|known| known.get_ref() == key).map(|known| known.span().start).next()?;
    Some(File { path, text: &text }.line(at))
}

/// A file while it is read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> File<'a> {
    /// Each key and its values as text, checked.
    fn values(&self) -> Outcome<Vec<(String, Vec<String>)>> {
        let root = DeTable::parse(self.text).map_err(|e| {
            let start = e.span().map_or(0, |span| span.start);
            Failure::usage(format!("this is no TOML ({})", e.message())).at(self.line(start))
        })?;
        let sections = sections();
        let mut values = Vec::new();
        for (key, value) in root.get_ref() {
            let inner = sections.iter().find(|s| s.table == Some(key.get_ref().as_ref()));
            match (inner, value.get_ref()) {
                (Some(section), DeValue::Table(table)) => {
                    for (key, value) in table {
                        values.push(self.entry(
                            &sections,
                            section,
                            key.get_ref(),
                            key.span().start,
                            value,
                        )?);
                    }
                }
                (Some(_), _) => {
                    return Err(self.wrong(
                        key.span().start,
                        key.get_ref(),
                        "is a table",
                        "write [name] and its keys below",
                    ));
                }
                (None, _) => values.push(self.entry(
                    &sections,
                    &sections[0],
                    key.get_ref(),
                    key.span().start,
                    value,
                )?),
            }
        }
        Ok(values)
    }

    fn entry(
        &self,
        sections: &[Section],
        section: &Section,
        key: &str,
        at: usize,
        value: &Spanned<DeValue<'a>>,
    ) -> Outcome<(String, Vec<String>)> {
        let arg = section.keys.iter().find(|arg| arg.get_id() == key);
        let arg = arg.ok_or_else(|| self.unknown(sections, section, key, at))?;
        let texts = texts_of(value.get_ref(), is_list(arg));
        let texts =
            texts.map_err(|remedy| self.wrong(value.span().start, key, "cannot have this value", remedy))?;
        for text in &texts {
            check(arg, text).map_err(|why| {
                Failure::usage(format!("'{text}' is no value for {key}"))
                    .at(self.line(value.span().start))
                    .try_this(why)
            })?;
        }
        Ok((key.to_owned(), texts))
    }

    fn unknown(&self, sections: &[Section], section: &Section, key: &str, at: usize) -> Failure {
        let place =
            |table: Option<&str>| table.map_or("at the top of the file".to_owned(), |t| format!("in [{t}]"));
        let failure =
            Failure::usage(format!("there is no key '{key}' {}", place(section.table))).at(self.line(at));
        if let Some(other) = sections.iter().find(|s| s.keys.iter().any(|arg| arg.get_id() == key)) {
            return failure.try_this(format!("it belongs {}", place(other.table)));
        }
        let names = section.keys.iter().map(|arg| arg.get_id().as_str());
        let tables = sections.iter().filter_map(|s| s.table).filter(|_| section.table.is_none());
        let others = sections.iter().flat_map(|s| s.keys.iter().map(|arg| arg.get_id().as_str()));
        match nearest(key, names.chain(tables)).or_else(|| nearest(key, others)) {
            Some(known) => {
                failure.try_this(format!("did you mean '{known}'? 'egoist config' prints all keys"))
            }
            None => failure.try_this("'egoist config' prints all keys"),
        }
    }

    fn wrong(&self, at: usize, key: &str, what: &str, remedy: &str) -> Failure {
        Failure::usage(format!("'{key}' {what}")).at(self.line(at)).try_this(remedy)
    }

    /// The file and the line of the octet at `at`.
    fn line(&self, at: usize) -> String {
        let line = self.text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
        format!("{} line {line}", self.path.display())
    }
}

/// The known name most like `name`, if any is like it.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    let rated = known.map(|k| (strsim::jaro_winkler(name, k), k)).filter(|(rate, _)| *rate >= ALIKE);
    rated.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, k)| k)
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// A value as the command line would have it.
fn texts_of(value: &DeValue<'_>, list: bool) -> Result<Vec<String>, &'static str> {
    match value {
        DeValue::String(text) => Ok(vec![text.clone().into_owned()]),
        DeValue::Integer(number) if number.radix() == 10 => Ok(vec![number.as_str().to_owned()]),
        DeValue::Float(number) => Ok(vec![number.as_str().to_owned()]),
        DeValue::Array(values) if list => {
            let texts = values.iter().map(|v| texts_of(v.get_ref(), false));
            texts.collect::<Result<Vec<_>, _>>().map(|texts| texts.into_iter().flatten().collect())
        }
        DeValue::Array(_) => Err("give one value, not a list"),
        _ => Err("give a text in quotes or a decimal number"),
    }
}

/// Whether the flag takes the value; if not, why.
fn check(arg: &Arg, text: &str) -> Result<(), String> {
    let flag = arg.get_long().map(|l| format!("--{l}={text}"));
    let flag = flag.or_else(|| arg.get_short().map(|s| format!("-{s}={text}"))).unwrap_or_default();
    let taken = Command::new("check").no_binary_name(true).arg(arg.clone()).try_get_matches_from([flag]);
    taken.map(drop).map_err(|error| {
        let own = std::error::Error::source(&error).map(ToString::to_string);
        own.unwrap_or_else(|| what_and_tip(&error).0)
    })
}

/// What a key's value is, as text: none where nothing is set.
fn values_of(matches: &ArgMatches, arg: &Arg) -> Vec<String> {
    let raw = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
    raw.map(|v| v.to_string_lossy().into_owned()).collect()
}

fn as_toml(matches: &ArgMatches) -> String {
    let mut text = String::from(
        "# Configuration of Egoist. Durations: 250ms, 3s, 5m, 1h. Flags go before what is said here.\n\
         # What is a comment has its default: take the '#' away to set it.\n",
    );
    for section in sections() {
        if let Some(table) = section.table {
            text.extend(["\n[", table, "]\n"]);
        }
        for arg in &section.keys {
            text.extend(["\n", &documentation(arg), &toml_line(matches, arg)]);
        }
    }
    text
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

/// The key and its value; a comment where nothing else is set than the default, so that the file leaves that to whoever
/// reads it.
fn toml_line(matches: &ArgMatches, arg: &Arg) -> String {
    let (key, values) = (arg.get_id(), values_of(matches, arg));
    let written: Vec<_> = values.iter().map(|value| toml_scalar(arg, value)).collect();
    let line = match written.as_slice() {
        [] if is_list(arg) => format!("{key} = []"),
        [] => format!("{key} ="),
        _ if is_list(arg) => format!("{key} = [{}]", written.join(", ")),
        [value, ..] => format!("{key} = {value}"),
    };
    let mark = if is_default(matches, arg, &values) { "# " } else { "" };
    format!("{mark}{line}\n")
}

/// Whether a key has the value that it has without a file and a flag. What a flag says is meant, whatever it is.
fn is_default(matches: &ArgMatches, arg: &Arg, values: &[String]) -> bool {
    let flag = matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    !flag && arg.get_default_values().iter().eq(values.iter().map(String::as_str))
}

/// The number that a text is to a key whose values are numbers, whatever else it looks like.
fn number(arg: &Arg, text: &str) -> Option<Number> {
    let kind = arg.get_value_parser().type_id();
    if kind == TypeId::of::<u32>() {
        text.parse::<u32>().ok().map(Number::from)
    } else if kind == TypeId::of::<f64>() {
        text.parse().ok().and_then(Number::from_f64)
    } else {
        None
    }
}

/// Numbers as they are, all else in quotes.
fn toml_scalar(arg: &Arg, text: &str) -> String {
    number(arg, text).map_or_else(|| toml::Value::from(text).to_string(), |number| number.to_string())
}

fn as_json(matches: &ArgMatches) -> Value {
    let mut root = Map::new();
    for section in sections() {
        let keys = section
            .keys
            .iter()
            .map(|arg| (arg.get_id().to_string(), json_value(arg, &values_of(matches, arg))));
        match section.table {
            Some(table) => {
                root.insert(table.to_owned(), Value::Object(keys.collect()));
            }
            None => root.extend(keys),
        }
    }
    Value::Object(root)
}

fn json_value(arg: &Arg, values: &[String]) -> Value {
    let scalar = |text: &String| number(arg, text).map_or_else(|| Value::from(text.as_str()), Value::Number);
    if is_list(arg) {
        values.iter().map(scalar).collect()
    } else {
        values.first().map_or(Value::Null, scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    /// What reading `text` as a file ends in, without its path.
    fn refused(text: &str) -> String {
        let file = File { path: Path::new("e.toml"), text };
        file.values().unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest_known_one() {
        for (text, message) in [
            (
                "\n[wiring]\nk = 5\npollicy = 'x'",
                "there is no key 'pollicy' in [wiring]: e.toml line 4: did you mean 'policy'?",
            ),
            (
                "[period]",
                "there is no key 'period' at the top of the file: e.toml line 1: did you mean 'periods'?",
            ),
            (
                "ping_period = '3s'",
                "there is no key 'ping_period' at the top of the file: e.toml line 1: it belongs in [periods]",
            ),
            (
                "[bounds]\nxyzzy = 1",
                "there is no key 'xyzzy' in [bounds]: e.toml line 2: 'egoist config' prints all keys",
            ),
            ("help = true", "there is no key 'help' at the top of the file: e.toml line 1: "),
        ] {
            let said = refused(text);
            assert!(said.starts_with(&format!("egoist: {message}")), "{said}");
        }
    }

    #[test]
    fn wrong_values_are_refused_with_their_line() {
        for (text, message) in [
            (
                "[periods]\n\nping_period = 3",
                "'3' is no value for ping_period: e.toml line 3: write a number and a unit",
            ),
            ("[wiring]\nk = 65", "'65' is no value for k: e.toml line 2: 65 is not in 1..=64"),
            (
                "[wiring]\nk = 0x3",
                "'k' cannot have this value: e.toml line 2: give a text in quotes or a decimal number",
            ),
            ("[wiring]\nk = [1, 2]", "'k' cannot have this value: e.toml line 2: give one value, not a list"),
            ("advertise = ['1.2.3.4:5', true]", "'advertise' cannot have this value: e.toml line 1: "),
            (
                "advertise = ['0.0.0.0:5']",
                "'0.0.0.0:5' is no value for advertise: e.toml line 1: nobody can dial",
            ),
            ("wiring = 3", "'wiring' is a table: e.toml line 1: write [name]"),
            ("[wiring]\nlinks = 'x'", "'x' is no value for links: e.toml line 2: invalid value 'x'"),
            ("\nlisten = ", "this is no TOML ("),
            ("[wiring]\nk = 3\nk = 4", "this is no TOML (duplicate key): e.toml line 3"),
        ] {
            let said = refused(text);
            assert!(said.starts_with(&format!("egoist: {message}")), "{said}");
        }
    }

    fn config() -> Command {
        Command::new("egoist").subcommand(<Config as clap::CommandFactory>::command())
    }

    fn in_force(program: Command, flags: &[&str]) -> ArgMatches {
        let args = ["egoist", "config"].iter().chain(flags);
        program.try_get_matches_from(args).unwrap().remove_subcommand().unwrap().1
    }

    #[test]
    fn flags_go_before_the_file_and_the_file_before_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.toml");
        fs::write(&path, "bootstrap = ['a.example:1', 'b.example:2']\n[wiring]\nk = 5\neps = 0.05\n[periods]\nremove_period = '10s'").unwrap();
        let matches = in_force(apply(config(), &path).unwrap(), &["-k", "7"]);
        let json = as_json(&matches);
        assert_eq!(
            json["wiring"],
            serde_json::json!({
                "k": 7, "policy": "best-response", "links": "mutual", "eps": 0.05, "announce_floor": "1ms"
            })
        );
        assert_eq!(json["periods"]["remove_period"], "10s");
        assert_eq!(json["bootstrap"], serde_json::json!(["a.example:1", "b.example:2"]));
        let matches = in_force(apply(config(), &path).unwrap(), &["--bootstrap", "c.example:3"]);
        assert_eq!(as_json(&matches)["bootstrap"], serde_json::json!(["c.example:3"]));
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let flags = [
            "--network",
            "n-1",
            "--advertise",
            "192.0.2.1:7",
            "--id",
            "00112233445566778899aabbccddeeff",
            "--eps",
            "0.5",
        ];
        let matches = in_force(config(), &flags);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.toml");
        fs::write(&path, as_toml(&matches)).unwrap();
        let again = in_force(apply(config(), &path).unwrap(), &[]);
        assert_eq!(as_json(&again), as_json(&matches));
        let defaults = as_toml(&in_force(config(), &[]));
        assert!(defaults.contains("# Between two decisions whom to link to: an epoch (REWIRING_PERIOD) [default: 1m]\n# rewiring_period = \"1m\"\n"), "{defaults}");
        let set = defaults.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        assert_eq!(set.collect::<Vec<_>>(), ["[wiring]", "[periods]", "[bounds]"]);
        assert!(
            as_toml(&in_force(config(), &["-l", "127.0.0.1:0"])).contains("\nlisten = [\"127.0.0.1:0\"]\n")
        );
        assert!(defaults.lines().all(|line| line.chars().count() <= 110), "{defaults}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What looks like a number and is a name stays one.
        #[test]
        fn names_are_read_back_as_they_were(
            id in "[0-9a-f]{32}|[0-9]{32}|[0-9]{2}e[0-9]{29}",
            network in "[a-z0-9-]{1,32}|[0-9]{1,5}|[0-9]e[0-9]{1,3}|inf|nan|true",
            cap in "[0-9]{1,4}|auto|none",
            (k, eps) in (1u32..=64, 0.0f64..1.0),
        ) {
            let flags = [
                format!("--id={id}"), format!("--network={network}"), format!("--in-degree-cap={cap}"),
                format!("-k=0{k}"), format!("--eps={eps:e}"),
            ];
            let matches = in_force(config(), &flags.each_ref().map(String::as_str));
            let (text, json) = (as_toml(&matches), as_json(&matches));
            let values = File { path: Path::new("e.toml"), text: &text }.values().unwrap();
            let read = |key: &str| values.iter().find(|(known, _)| known == key).unwrap().1[0].clone();
            prop_assert_eq!((read("id"), read("network"), read("in_degree_cap")), (id.clone(), network.clone(), cap));
            prop_assert_eq!((read("k"), read("eps").parse::<f64>()), (k.to_string(), Ok(eps)));
            prop_assert_eq!((&json["id"], &json["network"]), (&Value::from(id), &Value::from(network)));
            prop_assert_eq!((&json["wiring"]["k"], json["wiring"]["eps"].as_f64()), (&Value::from(k), Some(eps)));
        }
    }

    #[test]
    fn every_setting_that_the_machine_checks_is_a_key() {
        let sections = sections();
        for key in super::super::origin::keys() {
            let known = sections.iter().any(|section| section.keys.iter().any(|arg| arg.get_id() == key));
            assert!(known, "{key}");
        }
    }

    #[test]
    fn a_key_has_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        fs::write(&path, "network = 'a'\n\n[periods]\n# beats\nheartbeat = '1m'\n").unwrap();
        let line = |key| line_of(&path, key).map(|line| line.replace(&path.display().to_string(), "e.toml"));
        assert_eq!(line("network").as_deref(), Some("e.toml line 1"));
        assert_eq!(line("heartbeat").as_deref(), Some("e.toml line 5"));
        assert_eq!(line("k"), None);
    }
}
