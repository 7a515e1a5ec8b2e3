//! `egoist config`, and the configuration file: a TOML file whose keys are the long flags with `_` for `-`. The keys of
//! the overlay are at the top and in tables of their own, those of another protocol in the table of its name. What the file
//! says takes the place of the defaults, so that flags go before it and `--help` shows what holds.

mod in_force;

use std::any::TypeId;
use std::path::{Path, PathBuf};

use clap::builder::{ArgPredicate, OsStr};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Parser};
use egoist_mio::configuration::{self, About, Fault, Key, Setting, Table, Takes};

use self::in_force::InForce;
use super::failure::{Failure, Outcome, what_and_tip};
use super::overlay::settings::Settings;
use super::router::{Known, PROTOCOLS};
use super::session::Session;
use super::text;
use super::verb::Verb;

/// Octets of a configuration file.
const LONGEST: u64 = 1 << 20;

/// The flag by which a node of another protocol is one of the overlay too, and takes the overlay's part of the file.
const RIDE: &str = "ride";

/// The configuration file.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigFile {
    /// Read settings from this TOML file; flags go before it, and 'egoist config' prints one
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Print the configuration that nodes would run with, each protocol's, as a TOML file for --config
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
        let file = self.file.config.as_deref().map(File::read).transpose()?;
        let in_force = InForce { matches, file };
        if session.json { session.json_line(&in_force.as_json()) } else { session.text(&in_force.as_toml()) }
    }
}

/// A table of the file and its keys, which are a protocol's; the top of the file has no name.
pub(crate) struct Section {
    /// The table's name.
    pub(crate) table: Option<&'static str>,
    /// Its keys, as flags.
    pub(crate) keys: Vec<Arg>,
}

impl Section {
    /// The table of this name, with those keys.
    pub(crate) fn new(table: impl Into<Option<&'static str>>, keys: Vec<Arg>) -> Self {
        Section { table: table.into(), keys }
    }

    /// Whether it has a key.
    #[cfg(test)]
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|arg| arg.get_id() == key)
    }
}

/// The flags of `A`, as keys.
pub(crate) fn keys<A: Args>() -> Vec<Arg> {
    let mut command = A::augment_args(Command::new("keys"));
    command.build();
    let ours = command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"));
    ours.cloned().collect()
}

/// The file's tables in the order in which they are written, each with the protocol that it is about.
fn sections() -> Vec<(&'static str, Section)> {
    let of = |known: &Known| {
        let name = known.name;
        (known.sections)().into_iter().map(move |section| (name, section))
    };
    PROTOCOLS.iter().flat_map(of).collect()
}

/// A configuration file, read and checked.
pub(crate) struct File {
    path: PathBuf,
    sections: Vec<(&'static str, Section)>,
    settings: Vec<Setting>,
}

impl File {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, has a key that nothing knows or a value that its key cannot have.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let text = text::read(path, LONGEST).map_err(|e| {
            Failure::io("cannot read the configuration", path.display(), &e)
                .try_this("'egoist config' prints one to begin with")
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Outcome<Self> {
        let sections = sections();
        let tables: Vec<Table> = sections.iter().map(|(_, section)| table(section)).collect();
        let settings = configuration::read(text, &tables).map_err(|fault| refused(path, fault))?;
        Ok(File { path: path.to_owned(), sections, settings })
    }

    /// What it says of a protocol's keys.
    fn of(&self, protocol: &str) -> impl Iterator<Item = &Setting> {
        self.settings.iter().filter(move |setting| self.sections[setting.table].0 == protocol)
    }

    /// The place of a protocol's key, as in `egoist.toml line 3`; none where the file does not have it.
    pub(crate) fn place(&self, protocol: &str, key: &str) -> Option<String> {
        let setting = self.of(protocol).find(|setting| setting.key == key)?;
        Some(place(&self.path, setting.line))
    }

    /// `program` with the file's values for defaults: those of a protocol with a command of its own for what is below
    /// that, and those of the first protocol for all others.
    pub(crate) fn apply(&self, program: Command) -> Command {
        program.mut_subcommands(|command| {
            let own = PROTOCOLS.iter().skip(1).find(|known| known.name == command.get_name());
            match own {
                Some(known) => {
                    command.mut_subcommands(|below| self.defaults(known.name, self.riding_defaults(below)))
                }
                None => self.defaults(PROTOCOLS[0].name, command),
            }
        })
    }

    /// The command with the overlay's values for defaults of those of its flags that are the overlay's, where it rides.
    fn riding_defaults(&self, mut command: Command) -> Command {
        let has = |command: &Command, id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
        if !has(&command, RIDE) {
            return command;
        }
        let overlays = self.sections.iter().filter(|(protocol, _)| *protocol == PROTOCOLS[0].name);
        for key in overlays.flat_map(|(_, section)| &section.keys).map(Arg::get_id) {
            if has(&command, key.as_str()) {
                let said = self.of(PROTOCOLS[0].name).find(|setting| key == setting.key.as_str());
                command = command.mut_arg(key, |arg| when_riding(arg, said.map(|setting| &*setting.values)));
            }
        }
        command
    }

    fn defaults(&self, protocol: &str, mut command: Command) -> Command {
        for Setting { key, values, .. } in self.of(protocol) {
            if command.get_arguments().any(|arg| arg.get_id() == key.as_str()) {
                let values: Vec<_> = values.iter().map(|value| OsStr::from(value.clone())).collect();
                command = command.mut_arg(key, |arg| arg.default_values(values));
            }
        }
        command
    }
}

/// The flag with these defaults where it rides, or else with its own, whatever it has where it does not.
fn when_riding(arg: Arg, values: Option<&[String]>) -> Arg {
    let own = arg.get_default_values().to_vec();
    let values = values.map_or(own, |values| values.iter().map(|value| OsStr::from(value.clone())).collect());
    let rides = ArgPredicate::Equals("true".into());
    if values.is_empty() {
        arg.default_value_if(RIDE, rides, None)
    } else {
        arg.default_values_if(RIDE, rides, values)
    }
}

fn place(path: &Path, line: usize) -> String {
    format!("{} line {line}", path.display())
}

fn refused(path: &Path, fault: Fault) -> Failure {
    const ALL: &str = "'egoist config' prints all keys";
    let failure = Failure::usage(fault.what).at(place(path, fault.line));
    match (fault.about, fault.remedy) {
        (About::Key, Some(remedy)) => failure.try_this(format!("{remedy} ({ALL})")),
        (About::Key, None) => failure.try_this(ALL),
        (_, Some(remedy)) => failure.try_this(remedy),
        (_, None) => failure,
    }
}

/// A section as a file is read against it.
fn table(section: &Section) -> Table {
    let key = |arg: &Arg| {
        let takes = match (is_list(arg), is_truth(arg)) {
            (true, _) => Takes::Many,
            (_, true) => Takes::Truth,
            _ => Takes::One,
        };
        let flag = arg.clone();
        Key::new(arg.get_id().to_string(), takes, move |text| check(&flag, text))
    };
    Table { name: section.table.map(str::to_owned), keys: section.keys.iter().map(key).collect() }
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

fn is_truth(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<bool>()
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::fs;

    /// What reading `text` as a file ends in, without its path.
    fn refused(text: &str) -> String {
        File::parse(Path::new("e.toml"), text).err().unwrap().to_string()
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
            (
                "[hello]\npeers = []",
                "there is no key 'peers' in [hello]: e.toml line 2: did you mean 'peer'?",
            ),
            (
                "peer = 'a.example:1'",
                "there is no key 'peer' at the top of the file: e.toml line 1: it belongs in [hello]",
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
            (
                "[hello]\nping_period = 3",
                "'3' is no value for ping_period: e.toml line 2: write a number and a unit",
            ),
            ("hello = 3", "'hello' is a table: e.toml line 1: write [name]"),
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

    fn in_force<'a>(matches: &'a ArgMatches, path: Option<&Path>) -> InForce<'a> {
        InForce { matches, file: path.map(|path| File::read(path).unwrap()) }
    }

    fn matches_of(program: Command, flags: &[&str]) -> ArgMatches {
        let args = ["egoist", "config"].iter().chain(flags);
        program.try_get_matches_from(args).unwrap().remove_subcommand().unwrap().1
    }

    #[test]
    fn flags_go_before_the_file_and_the_file_before_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.toml");
        fs::write(&path, "bootstrap = ['a.example:1', 'b.example:2']\n[wiring]\nk = 5\neps = 0.05\n[periods]\nremove_period = '10s'").unwrap();
        let matches = matches_of(File::read(&path).unwrap().apply(config()), &["-k", "7"]);
        let json = in_force(&matches, Some(&path)).as_json();
        assert_eq!(
            json["wiring"],
            serde_json::json!({
                "k": 7, "policy": "best-response", "links": "mutual", "eps": 0.05, "announce_floor": "1ms"
            })
        );
        assert_eq!(json["periods"]["remove_period"], "10s");
        assert_eq!(json["bootstrap"], serde_json::json!(["a.example:1", "b.example:2"]));
        let matches = matches_of(File::read(&path).unwrap().apply(config()), &["--bootstrap", "c.example:3"]);
        assert_eq!(
            in_force(&matches, Some(&path)).as_json()["bootstrap"],
            serde_json::json!(["c.example:3"])
        );
    }

    #[test]
    fn each_protocol_has_its_own() {
        let program = || {
            let hello = <super::super::hello::Hello as clap::CommandFactory>::command();
            Command::new("egoist").subcommand(hello).subcommand(<Config as clap::CommandFactory>::command())
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.toml");
        fs::write(&path, "[hello]\nping_period = '7s'\n[periods]\nping_period = '8s'").unwrap();
        let ping_period = |words: &[&str]| {
            let program = File::read(&path).unwrap().apply(program());
            let mut matches = program.try_get_matches_from(["egoist"].iter().chain(words)).unwrap();
            while let Some((_, below)) = matches.remove_subcommand() {
                matches = below;
            }
            matches.get_raw("ping_period").unwrap().next().unwrap().to_owned()
        };
        assert_eq!((ping_period(&["hello", "node"]), ping_period(&["config"])), ("7s".into(), "8s".into()));
        assert_eq!(ping_period(&["hello", "node", "--ping-period=9s"]), "9s");
        let matches = matches_of(config(), &[]);
        let (held, default) = (in_force(&matches, Some(&path)), in_force(&matches, None));
        assert!(held.as_toml().contains("\nping_period = \"7s\"\n"), "{}", held.as_toml());
        assert_eq!(held.as_json()["hello"]["ping_period"], "7s");
        assert_eq!(
            default.as_json()["hello"],
            serde_json::json!({"dialect": "article", "listen": null, "peer": [], "ping_period": null})
        );
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
        let matches = matches_of(config(), &flags);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.toml");
        fs::write(&path, in_force(&matches, None).as_toml()).unwrap();
        let again = matches_of(File::read(&path).unwrap().apply(config()), &[]);
        assert_eq!(in_force(&again, Some(&path)).as_json(), in_force(&matches, None).as_json());
        let plain = matches_of(config(), &[]);
        let defaults = in_force(&plain, None).as_toml();
        assert!(defaults.contains("# Between two decisions whom to link to: an epoch (REWIRING_PERIOD) [default: 1m]\n# rewiring_period = \"1m\"\n"), "{defaults}");
        let set = defaults.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        assert_eq!(
            set.collect::<Vec<_>>(),
            ["[wiring]", "[periods]", "[bounds]", "[hello]", "[gossip]", "[mesh]", "[chord]"]
        );
        let flagged = matches_of(config(), &["-l", "127.0.0.1:0"]);
        assert!(in_force(&flagged, None).as_toml().contains("\nlisten = [\"127.0.0.1:0\"]\n"));
        assert!(defaults.lines().all(|line| line.chars().count() <= 110), "{defaults}");
    }

    #[test]
    fn truths_are_written_without_quotes() {
        let relays = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("e.toml");
            fs::write(&path, text).unwrap();
            let plain = matches_of(config(), &[]);
            File::read(&path)?;
            let held = in_force(&plain, Some(&path));
            Ok::<_, Failure>((held.as_toml(), held.as_json()["gossip"]["relay_unheard"].clone()))
        };
        let (toml, json) = relays("[gossip]\nrelay_unheard = true").unwrap();
        assert!(toml.contains("\nrelay_unheard = true\n") && json == Value::Bool(true), "{toml} {json}");
        let (toml, json) = relays("").unwrap();
        assert!(toml.contains("\n# relay_unheard = false\n") && json == Value::Bool(false), "{toml} {json}");
        for wrong in ["'true'", "1", "[true]"] {
            let said = relays(&format!("[gossip]\nrelay_unheard = {wrong}")).unwrap_err().to_string();
            assert!(said.ends_with("e.toml line 2: give true or false"), "{said}");
        }
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
            let matches = matches_of(config(), &flags.each_ref().map(String::as_str));
            let in_force = in_force(&matches, None);
            let (text, json) = (in_force.as_toml(), in_force.as_json());
            let file = File::parse(Path::new("e.toml"), &text).unwrap();
            let read = |key: &str| file.of("overlay").find(|setting| setting.key == key).unwrap().values[0].clone();
            prop_assert_eq!((read("id"), read("network"), read("in_degree_cap")), (id.clone(), network.clone(), cap));
            prop_assert_eq!((read("k"), read("eps").parse::<f64>()), (k.to_string(), Ok(eps)));
            prop_assert_eq!((&json["id"], &json["network"]), (&Value::from(id), &Value::from(network)));
            prop_assert_eq!((&json["wiring"]["k"], json["wiring"]["eps"].as_f64()), (&Value::from(k), Some(eps)));
        }
    }

    #[test]
    fn a_key_has_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.toml");
        fs::write(
            &path,
            "network = 'a'\n\n[periods]\n# beats\nheartbeat = '1s'\n[hello]\nping_period = '3s'\n",
        )
        .unwrap();
        let file = File::read(&path).unwrap();
        let line =
            |key| file.place("overlay", key).map(|line| line.replace(&path.display().to_string(), "e.toml"));
        assert_eq!(line("network").as_deref(), Some("e.toml line 1"));
        assert_eq!(line("heartbeat").as_deref(), Some("e.toml line 5"));
        assert_eq!(line("k"), None);
        assert_eq!(line("ping_period"), None, "that is another protocol's");
        assert!(file.place("hello", "ping_period").unwrap().ends_with("e.toml line 7"));
    }
}
