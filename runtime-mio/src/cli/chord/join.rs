//! `egoist chord join` and `unjoin`: whether a node stores.

use std::fmt;

use clap::Parser;
use egoist_core::mesh::wire::Role;
use serde::{Deserialize, Serialize};

use super::super::control::{Ask, Target};
use super::super::failure::Outcome;
use super::super::session::Session;
use super::NAME;

/// Flags of `chord join`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord join
  egoist chord join --node 127.0.0.1:44570

It takes its place in the ring, and the values of the keys there. 'egoist chord ring' shows it. After it was started again it does \
again what its flags say.")]
pub(crate) struct Join {
    #[command(flatten)]
    target: Target,
}

/// Flags of `chord unjoin`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord unjoin
  egoist chord unjoin --node 127.0.0.1:44570

It hands over what it keeps, and goes on as a leech: it still answers who asks for keys. 'egoist chord status' shows what it still \
keeps. After it was started again it does again what its flags say.")]
pub(crate) struct Unjoin {
    #[command(flatten)]
    target: Target,
}

impl Join {
    /// Makes it store.
    ///
    /// # Errors
    /// The node cannot be asked, is none of this protocol or refuses.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        session.show(&self.target.connect()?.ask(&JoinRequest {})?)
    }
}

impl Unjoin {
    /// Makes it store no more.
    ///
    /// # Errors
    /// The node cannot be asked, is none of this protocol or refuses.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        session.show(&self.target.connect()?.ask(&UnjoinRequest {})?)
    }
}

/// Asks a node to store.
#[derive(Serialize, Deserialize)]
pub(crate) struct JoinRequest {}

impl Ask for JoinRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "join";
    type Answer = RoleReport;
}

/// Asks a node to store no more.
#[derive(Serialize, Deserialize)]
pub(crate) struct UnjoinRequest {}

impl Ask for UnjoinRequest {
    const PROTOCOL: &'static str = NAME;
    const VERB: &'static str = "unjoin";
    type Answer = RoleReport;
}

/// What a node has begun to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct RoleReport {
    /// Whether it stores.
    pub(crate) becomes: Role,
}

impl fmt::Display for RoleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.becomes {
            Role::Storing => "it joins the ring: 'egoist chord ring' shows its place",
            Role::Leech => "it leaves the ring: 'egoist chord status' shows what it still has to hand over",
        })
    }
}
