//! A hello node as it is recorded: its configuration, with its seed, and its commands.

use super::config::{Config, ConfigError};
use super::machine::Hello;
use crate::record::Recordable;

impl Recordable for Hello {
    const KIND: &'static str = "hello node 2";
    type Setup = Config;
    type Unfit = ConfigError;

    fn build(setup: Config) -> Result<Self, ConfigError> {
        Hello::new(setup)
    }
}

#[cfg(all(test, feature = "sim"))]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;
    use std::vec::Vec;

    use super::super::Command;
    use super::*;
    use crate::kernel::{Seed, Streams, Time};
    use crate::record::{Piece, Recorder, Recording, Replay};
    use crate::sim::{self, World, address, faults};

    const NODES: usize = 4;

    /// The recordings of all starts of nodes that greet the first, under faults.
    fn recorded(dialect: fn(Seed) -> Config) -> Vec<Vec<u8>> {
        let tapes = Rc::new(RefCell::new(Vec::new()));
        let mut world = World::new(sim::Config::default(), |_: usize, _: usize| 5_000, Seed::from_u64(1));
        for node in 0..NODES {
            let shelf = Rc::clone(&tapes);
            world.add(move |boot| {
                let tape = Rc::new(RefCell::new(Vec::new()));
                shelf.borrow_mut().push(Rc::clone(&tape));
                let address = Some(address(boot.node));
                let bootstrap = Vec::from([self::address(0)]);
                let ping_period = Duration::from_secs(60);
                let config =
                    Config { address, bootstrap, ping_period, start: boot.now, ..dialect(boot.seed) };
                let sink = move |piece: Piece| piece.seal(&mut tape.borrow_mut());
                Recorder::<Hello, _>::new(config, sink).unwrap()
            });
            world.start(node, Time::from_secs(1));
        }
        let severity =
            faults::Severity { nodes: NODES, wait: Duration::from_secs(60), loss_per_million: 100_000 };
        let actions = faults::draw(&mut Streams::new(Seed::from_u64(2)).named("faults"), severity, 12);
        faults::play(&mut world, &actions, |_, _, _| ());
        faults::recover(&mut world);
        world.run_until(world.now() + Duration::from_secs(1_200), |_, _, _| ());
        for node in 0..NODES {
            let _ = world.command(node, Command::Leave);
        }
        world.run_until(world.now() + Duration::from_secs(1), |_, _, _| ());
        drop(world);
        tapes.take().into_iter().map(|tape| tape.take()).collect()
    }

    #[test]
    fn every_node_is_replayed_without_a_difference() {
        for dialect in [Config::article, Config::ncpoc] {
            let tapes = recorded(dialect);
            assert!(tapes.len() > NODES, "nobody started again");
            let (mut inputs, mut outputs) = (0, 0);
            for tape in tapes {
                let mut replay = Replay::<Hello>::new(Recording::read(&tape).unwrap()).unwrap();
                while let Some(step) = replay.step(|_| ()).unwrap() {
                    inputs += 1;
                    outputs += step.outputs;
                }
            }
            assert!(inputs > 200 && outputs > 100, "{inputs} inputs, {outputs} outputs: not much of a test");
        }
    }
}
