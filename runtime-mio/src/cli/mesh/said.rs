//! What is to be said, as the command line has it: texts, octets and values of any kind, in the order in which they stand there.

use clap::{ArgMatches, Args};
use serde_json::{Value as Json, json};

use super::super::hex;
use super::form;

/// The values of a message.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct Said {
    /// A text
    #[arg(value_name = "VALUE")]
    text: Vec<String>,

    /// Octets, in hexadecimal digits; repeatable
    #[arg(long, value_name = "HEX", value_parser = octets)]
    bin: Vec<Json>,

    /// A value of any kind, in JSON; repeatable
    #[arg(long, value_name = "JSON", value_parser = value)]
    value: Vec<Json>,
}

/// Octets in hexadecimal digits, as JSON has them.
pub(crate) fn octets(text: &str) -> Result<Json, String> {
    let octets = hex::octets(text).ok_or("write pairs of hexadecimal digits, as in 00ff")?;
    Ok(json!({ "bin": hex::digits(&octets) }))
}

/// Read as a value of MessagePack, so that what is none is told before a node is asked.
pub(crate) fn value(text: &str) -> Result<Json, String> {
    let json: Json =
        serde_json::from_str(text).map_err(|error| format!("write JSON, as in 7 or [1, \"a\"] ({error})"))?;
    form::from_json(json.clone())?;
    Ok(json)
}

impl Said {
    /// The values in their order, which `matches` knows.
    pub(crate) fn values(&self, matches: &ArgMatches) -> Vec<Json> {
        let at = |id: &str| matches.indices_of(id).into_iter().flatten();
        let texts = at("text").zip(self.text.iter().map(|text| Json::from(text.as_str())));
        let octets = at("bin").zip(self.bin.iter().cloned());
        let others = at("value").zip(self.value.iter().cloned());
        let mut all: Vec<(usize, Json)> = texts.chain(octets).chain(others).collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, value)| value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches as _};

    fn said(args: &[&str]) -> Result<Vec<Json>, String> {
        let command = Said::augment_args(Command::new("send").no_binary_name(true));
        let matches = command.try_get_matches_from(args).map_err(|error| error.to_string())?;
        Ok(Said::from_arg_matches(&matches).unwrap().values(&matches))
    }

    #[test]
    fn values_stay_in_their_order() {
        let args = ["one", "--value=2", "--bin", "00fF", "four", "five", "--value", "[6, null]", "--bin="];
        let expected =
            [json!("one"), json!(2), json!({"bin": "00ff"}), json!("four"), json!("five"), json!([6, null])];
        assert_eq!(said(&args), Ok([&expected[..], &[json!({"bin": ""})]].concat()));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (args, why) in [
            (&[][..], "required"),
            (&["--bin=f"], "pairs of hexadecimal digits"),
            (&["--value=one"], "write JSON, as in 7"),
            (&["--value={\"bin\": 7}"], "pairs of hexadecimal digits"),
        ] {
            let error = said(args).unwrap_err();
            assert!(error.contains(why), "{args:?}: {error}");
        }
    }
}
