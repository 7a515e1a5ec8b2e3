//! `egoist chord keys`, `values` and `items`: all that is stored.

use clap::Parser;
use serde::Serialize;
use serde_json::Value as Json;

use super::super::control::Target;
use super::super::failure::Outcome;
use super::super::mesh::form;
use super::super::session::Session;
use super::walk::{Item, Walk};

/// Flags of `chord keys`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord keys
  egoist chord keys --json | jq -r 'select(startswith(\"order-\"))'

A line for each key, in the order of the ring: texts as they are and octets as 0x and digits, control characters escaped. One part of \
the ring is asked after the other, so that what is stored or deleted meanwhile may be listed or not.")]
pub(crate) struct Keys {
    #[command(flatten)]
    target: Target,
}

/// Flags of `chord values`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord values
  egoist chord values --json | jq -s add

A line for each value, in the order of the keys as 'egoist chord keys' has it.")]
pub(crate) struct Values {
    #[command(flatten)]
    target: Target,
}

/// Flags of `chord items`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord items
  egoist chord items --json > saved                   to be read by 'egoist chord update < saved'

A line for each key, with its value behind it, in the order of the ring.")]
pub(crate) struct Items {
    #[command(flatten)]
    target: Target,
}

impl Keys {
    /// Prints them.
    ///
    /// # Errors
    /// As [`Walk::run`].
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let walk = Walk { from: None, values: false };
        walk.run(&self.target, |Item { key, .. }| line(&key, std::slice::from_ref(&key), session))
    }
}

impl Values {
    /// Prints them.
    ///
    /// # Errors
    /// As [`Walk::run`].
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let walk = Walk { from: None, values: true };
        walk.run(&self.target, |Item { value, .. }| line(&value, std::slice::from_ref(&value), session))
    }
}

impl Items {
    /// Prints them.
    ///
    /// # Errors
    /// As [`Walk::run`].
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let walk = Walk { from: None, values: true };
        walk.run(&self.target, |item| line(&item, &[item.key.clone(), item.value.clone()], session))
    }
}

/// Prints one, for programs or for people; there may be more.
fn line(json: &impl Serialize, text: &[Json], session: &mut Session<'_>) -> Outcome<bool> {
    if session.json {
        session.json_line(json)?;
    } else {
        session.text(&form::shown(text))?;
    }
    Ok(true)
}
