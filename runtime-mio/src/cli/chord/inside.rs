//! The mesh in a node of Chord, as those reach it who know nodes of the mesh alone.

use egoist_core::mesh::chord::{Chord, Command, Refusal, Reply};
use egoist_core::mesh::{self, Mesh};
use egoist_mio::Host;
use egoist_mio::net::MioNet;

use super::super::protocol::Access;

/// The mesh in a node.
#[derive(Clone, Copy)]
pub(crate) struct Inside<A>(pub(crate) A);

impl<A: Access<Chord>> Access<Mesh> for Inside<A> {
    fn machine<'h>(&self, host: &'h Host<MioNet>) -> &'h Mesh {
        self.0.machine(host).mesh()
    }

    fn command(&self, host: &mut Host<MioNet>, command: mesh::Command) -> Result<mesh::Reply, mesh::Refusal> {
        match self.0.command(host, Command::Mesh(command)) {
            Ok(Reply::Mesh(reply)) => Ok(reply),
            Err(Refusal::Mesh(refusal)) => Err(refusal),
            Err(Refusal::Leaving) => Err(mesh::Refusal::HasLeft),
            Ok(_) | Err(_) => unreachable!("the mesh answers its commands"),
        }
    }
}
