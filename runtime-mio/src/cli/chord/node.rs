//! `egoist chord node`: a node, from its flags to its end.

use clap::{ArgAction, ArgMatches, Args, Parser};
use egoist_core::mesh;
use egoist_core::mesh::chord::{Chord, Command, Config};
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::config::{ConfigFile, Section, keys};
use super::super::failure::Outcome;
use super::super::mesh::Desk as MeshDesk;
use super::super::mesh::node::{Settings as MeshSettings, count};
use super::super::names::{self, Dialler};
use super::super::record::RecordArgs;
use super::super::session::Session;
use super::super::state::{STATE_BY_ADDRESS, StateArgs};
use super::NAME;
use super::desk::Desk;

/// Flags of `chord node`.
#[derive(Parser, Debug)]
#[command(
    mut_arg("state", |arg| arg.help(STATE_BY_ADDRESS)),
    after_help = "Examples:
  egoist chord node                                       on port 44565, for nodes on this host
  egoist chord node --listen 127.0.0.1:44570 --join 127.0.0.1:44565
  egoist chord node --leech --join 127.0.0.1:44565        stores nothing, and answers all that others store
  egoist chord node --listen 0.0.0.0:44565 --advertise 192.0.2.7:44565 --subnet example --join chord.example.net:44565
  egoist chord node --config egoist.toml                  its settings are in the table [chord], see 'egoist config'

It is one of a network with nodes of py2p 0.7: --join any of them. Only plaintext is spoken: a node of py2p that was made with the \
protocol Protocol('chord', 'SSL') is of another network. So is one of another subnet; the log says so, with the ids of both.

Each key is kept by the node that is responsible for it and the two next to that. What a node keeps is in its state, in the file log, with its \
id: after it was started again it has both. With --memory, or without state, it begins with nothing, and the others have what it had.

There is no authentication: whoever reaches the port can store, read and delete what he likes. Keep to loopback or a network you \
trust."
)]
pub(crate) struct Node {
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    record: RecordArgs,
}

/// What can be configured, as flags and as keys of the table `[chord]`: what can be of a mesh, in a network called otherwise, and
/// of the store.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(next_help_heading = "Node", mut_arg("subnet", |arg| arg.default_value(NAME)))]
pub(crate) struct Settings {
    #[command(flatten)]
    mesh: MeshSettings,

    /// Store nothing: ask others for all
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_possible_values = true)]
    leech: bool,

    /// Keep what is stored in memory alone
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value_t = false, default_missing_value = "true", hide_possible_values = true)]
    memory: bool,

    /// How many nodes keep each key, this one included, of those that it is responsible for
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=4))]
    replicas: u32,

    /// How many keys it keeps at the most, deleted ones included until they are forgotten
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_records: u32,

    /// How many octets of keys and values it keeps at the most
    #[arg(long, value_name = "OCTETS", default_value_t = 256 << 20, value_parser = clap::value_parser!(u32).range(1..))]
    max_octets: u32,
}

/// The protocol's table in the configuration file.
pub(crate) fn sections() -> Vec<Section> {
    vec![Section::new(NAME, keys::<Settings>())]
}

impl Node {
    /// Runs it until it has left.
    ///
    /// # Errors
    /// As of a node of the mesh; what was kept cannot be read.
    pub(crate) fn run(self, matches: &ArgMatches, session: &mut Session<'_>) -> Outcome {
        let Node { settings, state, record, .. } = &self;
        let ground = settings.mesh.take(NAME, state, matches)?.with_log()?;
        let address = ground.addresses[0];
        let plan = settings.plan(Config::new(settings.mesh.seed()?, address));
        let durable = plan.durable && ground.folder().is_some();
        let mesh = settings.mesh.settle((NAME, plan.mesh.clone()), &ground, matches)?;
        let config = Config { mesh, durable, ..plan };
        let beside = |host: &mut Host<MioNet>, key| {
            let is_alone = |node: &Chord| node.mesh().peers().next().is_none();
            let dial = |addr| Some(Command::Mesh(mesh::Command::Connect { addr }));
            names::follow(host, settings.mesh.join(), &Dialler { key, is_alone, dial });
        };
        let desk = Desk::new(MeshDesk::new(address, &config.mesh));
        ground.live((desk, config), record, beside, session)
    }
}

impl Settings {
    /// `default` with what is told here.
    fn plan(&self, default: Config) -> Config {
        Config {
            mesh: self.mesh.plan(default.mesh),
            stores: !self.leech,
            durable: !self.memory,
            replicas: count(self.replicas),
            max_records: count(self.max_records),
            max_octets: count(self.max_octets),
            ..default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, FromArgMatches as _};
    use egoist_core::kernel::Seed;

    fn default() -> Config {
        Config::new(Seed::from_u64(1), "127.0.0.1:5".parse().unwrap())
    }

    fn plan(args: &[&str]) -> Config {
        let matches = Node::command().no_binary_name(true).try_get_matches_from(args).unwrap();
        Settings::from_arg_matches(&matches).unwrap().plan(default())
    }

    #[test]
    fn who_is_told_nothing_is_as_the_core_says_and_durable() {
        assert_eq!(plan(&[]), Config { durable: true, ..default() });
    }

    #[test]
    fn what_is_told_holds() {
        let config = plan(&[
            "--subnet=s",
            "--max-peers=6",
            "--leech",
            "--memory",
            "--replicas=2",
            "--max-records=7",
            "--max-octets=8",
        ]);
        let expected = Config {
            mesh: mesh::Config { subnet: "s".into(), max_peers: 6, ..default().mesh },
            stores: false,
            durable: false,
            replicas: 2,
            max_records: 7,
            max_octets: 8,
            ..default()
        };
        assert_eq!(config, expected);
    }
}
