//! `egoist chord update`: values for many keys.

use std::fmt;
use std::io::{self, Read};

use clap::Parser;
use egoist_mio::control::Refusal;
use serde::Serialize;
use serde_json::{Deserializer, Map as Object, Value as Json};

use super::super::control::Target;
use super::super::failure::{Failure, Outcome};
use super::super::mesh::form;
use super::super::session::Session;
use super::key;
use super::op::{self, OpReport};
use super::set::Terms;
use super::walk::Item;

/// Stores that are under way at a time.
const AT_ONCE: usize = 64;

/// Flags of `chord update`.
#[derive(Parser, Debug)]
#[command(after_help = format!("Examples:
  egoist chord update greeting=hello place='the world'
  echo '{{\"greeting\": \"hello\", \"count\": 7}}' | egoist chord update
  egoist chord items --json --node 127.0.0.1:44565 | egoist chord update --node 127.0.0.1:44570

Without KEY=VALUE, standard input is read: any number of objects, each of which has keys with their values, or is what \
'egoist chord items --json' prints of one key, {{\"key\": KEY, \"value\": VALUE}}. All are stored that can be; of those that \
cannot, the first is said: exit code 1. Each is stored on its own, as by 'egoist chord set'. {}", form::HELP))]
pub(crate) struct Update {
    /// A key and its value, a text; repeatable [default: read JSON from standard input]
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    items: Vec<(String, String)>,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    target: Target,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, as in greeting=hello")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Update {
    /// Stores them.
    ///
    /// # Errors
    /// Some cannot be stored; what is read is no JSON, or no key has such a value; the node cannot be asked or is none of
    /// this protocol.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Outcome {
        if self.items.is_empty() {
            return self.store(read(io::stdin().lock()), session);
        }
        let item =
            |(key, value): &(String, String)| Item { key: key.as_str().into(), value: value.as_str().into() };
        self.store(self.items.iter().map(item).map(Ok), session)
    }

    fn store(&self, items: impl Iterator<Item = Outcome<Item>>, session: &mut Session<'_>) -> Outcome {
        let (mut client, timeout_ms) = op::connect(&self.target)?;
        let requests = items.map(|item| {
            let Item { key, value } = item?;
            Ok((key.clone(), self.terms.request((key, value), timeout_ms)))
        });
        let mut tally = Tally::default();
        let all = client.ask_all(requests, AT_ONCE, |key, ended| {
            tally.count(&key, ended);
            Ok(())
        });
        session.show(&tally.report)?;
        all?;
        tally.first.map_or(Ok(()), Err)
    }
}

/// What became of the stores.
#[derive(Default)]
struct Tally {
    report: UpdateReport,
    /// Why one was not stored.
    first: Option<Failure>,
}

impl Tally {
    fn count(&mut self, key: &Json, ended: Result<OpReport, Refusal>) {
        match ended {
            Ok(_) => self.report.kept += 1,
            Err(refusal) => {
                self.report.failed += 1;
                self.first.get_or_insert_with(|| op::failure(&refusal, key::shown(key)));
            }
        }
    }
}

/// How many keys have their values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
struct UpdateReport {
    kept: u64,
    failed: u64,
}

impl fmt::Display for UpdateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UpdateReport { kept, failed } = self;
        match (kept, failed) {
            (1, 0) => f.write_str("1 key is stored"),
            (_, 0) => write!(f, "{kept} keys are stored"),
            _ => write!(f, "{kept} of {} keys are stored", kept + failed),
        }
    }
}

/// The keys with their values that a source of JSON has.
fn read(source: impl Read) -> impl Iterator<Item = Outcome<Item>> {
    let objects = Deserializer::from_reader(io::BufReader::new(source)).into_iter::<Object<String, Json>>();
    let wrong = |error: serde_json::Error| {
        Failure::new(format!("cannot read keys and values ({error})"))
            .at("standard input")
            .try_this("write objects, as in {\"greeting\": \"hello\"}")
    };
    objects.flat_map(move |object| match object {
        Ok(object) => items(object).into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(wrong(error))],
    })
}

/// What an object says: one key by its name, or several.
fn items(mut object: Object<String, Json>) -> Vec<Item> {
    if let (2, Some(key), Some(value)) = (object.len(), object.get("key"), object.get("value")) {
        return vec![Item { key: key.clone(), value: value.clone() }];
    }
    let all = std::mem::take(&mut object);
    all.into_iter().map(|(key, value)| Item { key: Json::from(key), value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_all(text: &str) -> Vec<(Json, Json)> {
        read(text.as_bytes()).map(|item| item.unwrap()).map(|item| (item.key, item.value)).collect()
    }

    #[test]
    fn objects_are_keys_with_values_or_items() {
        let read = read_all(
            "{\"a\": 1, \"b\": [2]}\n{}\n{\"key\": {\"bin\": \"00\"}, \"value\": \"x\"} {\"key\": 3}",
        );
        let expected = [
            (json!("a"), json!(1)),
            (json!("b"), json!([2])),
            (json!({"bin": "00"}), json!("x")),
            (json!("key"), json!(3)),
        ];
        assert_eq!(read, expected);
        assert_eq!(read_all(""), []);
    }

    #[test]
    fn what_is_no_object_is_refused_behind_what_came_before() {
        let mut read = read("{\"a\": 1} 7".as_bytes());
        assert!(read.next().unwrap().is_ok());
        let said = read.next().unwrap().unwrap_err().to_string();
        assert!(said.contains("standard input: write objects"), "{said}");
        assert!(read.next().is_none());
    }

    #[test]
    fn pairs_are_cut_at_the_first_sign() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("a").unwrap_err().contains("KEY=VALUE"));
    }

    #[test]
    fn for_people() {
        for (kept, failed, text) in [
            (1, 0, "1 key is stored"),
            (0, 0, "0 keys are stored"),
            (7, 0, "7 keys are stored"),
            (7, 1, "7 of 8 keys are stored"),
        ] {
            assert_eq!(UpdateReport { kept, failed }.to_string(), text);
        }
    }
}
