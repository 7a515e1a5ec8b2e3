//! What holds for any octets whatever: the bodies of the fuzz targets, also run on their corpora.

use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;

use serde_json::Value;

use crate::configuration::{Fault, Key, Setting, Table, Takes, read};
use crate::control::{Answer, Request};

/// A line is no request, or one that is written as one line and read back as the same. So it is with answers.
///
/// # Panics
/// It is neither.
pub fn control_request(octets: &[u8]) {
    if let Ok(request) = Request::read(octets) {
        let line = serde_json::to_vec(&request).expect("what is read can be written");
        assert!(!line.contains(&b'\n'), "a request is one line");
        let again = Request::read(&line).expect("what is written can be read");
        assert_eq!((&again.id, &again.action), (&request.id, &request.action));
        assert!(has_fractions(&request.with) || again.with == request.with);
    }
    if let Ok(answer) = serde_json::from_slice::<Answer>(octets) {
        let line = serde_json::to_vec(&answer).expect("what is read can be written");
        serde_json::from_slice::<Answer>(&line).expect("what is written can be read");
    }
}

/// Whether a value holds a number that need not be the same once it is written and read again.
fn has_fractions(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fractions),
        Value::Object(fields) => fields.values().any(has_fractions),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// A configuration file is refused with one of its lines, or says what is written as a file and read back as the same.
///
/// # Panics
/// It is neither.
pub fn configuration(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let tables = tables();
    match read(text, &tables) {
        Err(Fault { line, what, .. }) => {
            let lines = 1 + text.bytes().filter(|octet| *octet == b'\n').count();
            assert!((1..=lines).contains(&line) && !what.is_empty(), "line {line} of {lines}: {what}");
        }
        Ok(settings) => {
            let again = read(&written(&settings, &tables), &tables).expect("what is written can be read");
            assert_eq!(said(&again), said(&settings));
        }
    }
}

/// What settings say, wherever they stand.
fn said(settings: &[Setting]) -> Vec<(usize, &str, &[String])> {
    let all = settings.iter().map(|setting| (setting.table, setting.key.as_str(), &setting.values[..]));
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all
}

/// Settings as a file.
fn written(settings: &[Setting], tables: &[Table]) -> String {
    let mut text = String::new();
    for (at, table) in tables.iter().enumerate() {
        text.extend(table.name.iter().map(|name| format!("[{name}]\n")));
        for Setting { key, values, .. } in settings.iter().filter(|setting| setting.table == at) {
            let takes = table.keys.iter().find(|known| known.name == *key).map(Key::takes);
            let value = match (takes, &values[..]) {
                (Some(Takes::One), [value]) => toml::Value::from(value.as_str()),
                (Some(Takes::Many), values) => toml::Value::from(values.to_vec()),
                other => panic!("{key} has {other:?}"),
            };
            text += &format!("{key} = {value}\n");
        }
    }
    text
}

/// Tables with a key of each kind.
fn tables() -> [Table; 2] {
    let text = |text: &str| if text.len() <= 64 { Ok(()) } else { Err("write less".to_owned()) };
    [
        Table {
            name: None,
            keys: vec![
                Key::new("network", Takes::One, text),
                Key::new("listen", Takes::Many, parses::<SocketAddr>),
            ],
        },
        Table {
            name: Some("bounds".to_owned()),
            keys: vec![
                Key::new("records", Takes::One, parses::<u32>),
                Key::new("shares", Takes::Many, parses::<f64>),
            ],
        },
    ]
}

fn parses<T: FromStr<Err: Display>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Texts of a few of these, in any order.
    fn of(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(parts), 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_line_is_no_request_or_read_back(
            text in of(&["{", "}", "[", "]", ",", ":", "\"", "\"id\"", "\"do\"", "\"with\"", "\"ok\"", "\"error\"",
                "\"event\"", "\"code\"", "\"message\"", "{\"id\":1,\"do\":\"a.b\"", "1", "-0", "1e9", "null", "\\u0000", "\n"]),
        ) {
            super::control_request(text.as_bytes());
        }

        #[test]
        fn any_file_is_refused_or_read_back(
            text in of(&["network", "listen", "records", "shares", "[bounds]", "bounds.", " = ", "'a'", "\"\\n\"", "7", "1.5",
                "nan", "[", "]", ", ", "{", "}", "'127.0.0.1:1'", "\n", "\r\n", "# x", "'\''", "\"\"\"\n", "true"]),
        ) {
            super::configuration(text.as_bytes());
        }

        #[test]
        fn good_files_are_read_back(
            network in ".{0,30}", ports in prop::collection::vec(any::<u16>(), 0..4),
            records in any::<u32>(), shares in prop::collection::vec(any::<f64>(), 0..4),
        ) {
            let listen: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
            let text = format!(
                "network = {}\nlisten = {}\n[bounds]\nrecords = {records}\nshares = {}\n",
                toml::Value::from(network), toml::Value::from(listen), toml::Value::from(shares),
            );
            super::configuration(text.as_bytes());
        }
    }
}
