//! `egoist chord popitem`: any key and its value, which it loses.

use clap::Parser;

use super::super::control::{Client, Target};
use super::super::failure::{Failure, Outcome};
use super::super::mesh::form;
use super::super::session::Session;
use super::op::{self, OpReport};
use super::pop::PopRequest;
use super::safety::Safety;
use super::walk::{Item, Walk};

/// Flags of `chord popitem`.
#[derive(Parser, Debug)]
#[command(after_help = "Examples:
  egoist chord popitem
  while egoist chord popitem --json; do :; done       until nothing is left

Which key it is lies with the ring. It is printed with its value behind it, in JSON as by 'egoist chord items'. Of several who pop at \
once, each has another one. Where nothing is stored, nothing is found: exit code 1.")]
pub(crate) struct PopItem {
    #[command(flatten)]
    safety: Safety,
    #[command(flatten)]
    target: Target,
}

impl PopItem {
    /// Deletes and prints the first of which there still is a value when it is popped.
    ///
    /// # Errors
    /// There is none; the node cannot be asked or is none of this protocol; nobody answers it in time.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        let (mut client, timeout_ms) = op::connect(&self.target)?;
        let mut popped = None;
        Walk { from: None, values: false }.run(&self.target, |item| {
            popped = self.pop(&mut client, item, timeout_ms)?;
            Ok(popped.is_none())
        })?;
        let item = popped.ok_or_else(|| Failure::new("nothing is stored"))?;
        if session.json {
            session.json_line(&item)
        } else {
            session.text(&form::shown(&[item.key, item.value]))
        }
    }

    /// The key with its value, if it had one.
    fn pop(&self, client: &mut Client, Item { key, .. }: Item, timeout_ms: u64) -> Outcome<Option<Item>> {
        let request = PopRequest { key: key.clone(), policy: self.safety.policy(), timeout_ms };
        let ended =
            client.try_ask(&request)?.map_err(|refusal| op::failure(&refusal, super::key::shown(&key)))?;
        match ended {
            OpReport::Value { value, .. } => Ok(Some(Item { key, value })),
            OpReport::Absent => Ok(None),
            other => Err(other.strange()),
        }
    }
}
