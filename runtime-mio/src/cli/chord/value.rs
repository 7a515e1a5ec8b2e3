//! A value: on the command line, and as a command prints it.

use clap::Args;
use egoist_core::mesh::wire::Value;
use serde_json::Value as Json;

use super::super::failure::{Failure, Outcome};
use super::super::mesh::{form, said};
use super::super::session::Session;

/// A value on the command line.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct ValueArg {
    /// The value: a text
    #[arg(value_name = "VALUE")]
    text: Option<String>,

    /// The value: octets, in hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = said::octets)]
    bin: Option<Json>,

    /// The value: of any kind, in JSON
    #[arg(long, value_name = "JSON", value_parser = said::value)]
    value: Option<Json>,
}

impl ValueArg {
    /// It in JSON.
    pub(crate) fn json(&self) -> Json {
        let text = || self.text.as_deref().map(Json::from);
        self.bin.clone().or_else(|| self.value.clone()).or_else(text).unwrap_or_default()
    }
}

/// How a value is printed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Printing {
    /// Print a text or octets as they are, without a line end and whatever a terminal makes of them
    #[arg(long)]
    raw: bool,

    /// Print this if the key has no value, and do not fail
    #[arg(long, value_name = "VALUE")]
    default: Option<String>,
}

impl Printing {
    /// What to print for a key that has no value, in JSON.
    pub(crate) fn default(&self) -> Option<Json> {
        self.default.as_deref().map(Json::from)
    }

    /// Prints a value in JSON, for people.
    ///
    /// # Errors
    /// It is to be printed as it is, and is no text and no octets; it cannot be written.
    pub(crate) fn print(&self, value: &Json, session: &mut Session<'_>) -> Outcome {
        if !self.raw {
            return session.text(&form::shown(std::slice::from_ref(value)));
        }
        match form::from_json(value.clone()) {
            Ok(Value::Str(text)) => session.octets(text.as_str().as_bytes()),
            Ok(Value::Bin(octets)) => session.octets(&octets),
            _ => Err(Failure::new("the value is no text and no octets")
                .at("--raw")
                .try_this("leave out --raw, or take --json")),
        }
    }
}
