//! Values of MessagePack in JSON, one form for each, and for people.

use std::io;

use bytes::Bytes;
use egoist_core::mesh::wire::{Ext, Float, Map, Value};
use serde_json::{Map as Object, Number, Value as Json, json};

use super::super::hex;

/// How values are written, for the help of commands.
pub(crate) const HELP: &str = "In JSON a text is a text, and numbers, lists, true, false and null are themselves; octets are \
                               {\"bin\": \"00ff\"}. A map is an object if its keys are texts, else {\"map\": [[KEY, VALUE], ...]}. An extension is \
                               {\"ext\": [KIND, \"00ff\"]}, a number that JSON has not {\"float\": \"nan\"}, \"inf\" or \"-inf\". An object \
                               whose only key is one of these four words is never taken for a map: such a map is {\"map\": [[\"bin\", 1]]}.";

/// The only keys of objects that are no maps.
const WORDS: [&str; 4] = ["bin", "map", "ext", "float"];

/// The most octets of JSON in which values are said and told: with all around them they fit in a line of the control socket.
pub(crate) const LONGEST: usize = 900_000;

/// What is told of values; none if that is too long.
pub(crate) fn told(values: &[Value]) -> Option<Vec<Json>> {
    let told: Vec<Json> = values.iter().map(to_json).collect();
    fits(&told).then_some(told)
}

/// Whether values in JSON have at most [`LONGEST`] octets.
pub(crate) fn fits(values: &[Json]) -> bool {
    serde_json::to_writer(Room(LONGEST), values).is_ok()
}

/// Room for so many octets, which are not kept.
struct Room(usize);

impl io::Write for Room {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(octets.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value in JSON.
pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(is) => Json::Bool(*is),
        Value::Int(number) => number.as_u64().map(Json::from).or(number.as_i64().map(Json::from)).into(),
        Value::Float(number) => float(*number),
        Value::Str(text) => Json::from(text.as_str()),
        Value::Bin(octets) => json!({ "bin": hex::digits(octets) }),
        Value::Array(values) => values.iter().map(to_json).collect(),
        Value::Map(map) => object(map).map_or_else(|| json!({ "map": pairs(map) }), Json::Object),
        Value::Ext(ext) => json!({ "ext": [ext.kind(), hex::digits(ext.data())] }),
    }
}

fn float(number: Float) -> Json {
    let number = number.get();
    let name = match number {
        _ if number.is_nan() => "nan",
        _ if number > 0.0 => "inf",
        _ => "-inf",
    };
    Number::from_f64(number).map_or_else(|| json!({ "float": name }), Json::Number)
}

/// A map as an object; none if a key is no text, or it would be taken for something else.
fn object(map: &Map) -> Option<Object<String, Json>> {
    let key = |key: &Value| if let Value::Str(text) = key { Some(text.as_str().to_owned()) } else { None };
    let object: Option<Object<_, _>> =
        map.pairs().iter().map(|(name, value)| Some((key(name)?, to_json(value)))).collect();
    object.filter(|object| word(object).is_none())
}

fn pairs(map: &Map) -> Vec<[Json; 2]> {
    map.pairs().iter().map(|(key, value)| [to_json(key), to_json(value)]).collect()
}

/// The word that says what an object is, if it is no map.
fn word(object: &Object<String, Json>) -> Option<&'static str> {
    let (key, _) = object.iter().next().filter(|_| object.len() == 1)?;
    WORDS.into_iter().find(|word| key == word)
}

/// The value that JSON says.
///
/// # Errors
/// It says none; what it would have to say.
pub(crate) fn from_json(json: Json) -> Result<Value, String> {
    match json {
        Json::Null => Ok(Value::Nil),
        Json::Bool(is) => Ok(Value::Bool(is)),
        Json::Number(number) => from_number(&number),
        Json::String(text) => Ok(Value::Str(text.into())),
        Json::Array(values) => all_from_json(values).map(Value::Array),
        Json::Object(object) => match word(&object) {
            Some(word) => object.into_iter().next().map_or(Ok(Value::Nil), |(_, with)| worded(word, with)),
            None => from_pairs(object.into_iter().map(|(key, value)| (Json::String(key), value))),
        },
    }
}

/// The values that JSON says.
///
/// # Errors
/// As [`from_json`].
pub(crate) fn all_from_json(values: Vec<Json>) -> Result<Vec<Value>, String> {
    values.into_iter().map(from_json).collect()
}

fn from_number(number: &Number) -> Result<Value, String> {
    let whole = number.as_u64().map(Value::from).or(number.as_i64().map(Value::from));
    whole.or(number.as_f64().map(Value::from)).ok_or_else(|| format!("{number} is no number of 64 bits"))
}

fn worded(word: &str, with: Json) -> Result<Value, String> {
    match word {
        "bin" => octets(&with).map(Value::Bin),
        "map" => {
            let pairs: Vec<(Json, Json)> = serde_json::from_value(with)
                .map_err(|_| "\"map\" has a list of pairs, as in [[1, \"one\"]]".to_owned())?;
            from_pairs(pairs.into_iter())
        }
        "ext" => {
            let (kind, digits): (i8, Json) = serde_json::from_value(with)
                .map_err(|_| "\"ext\" has a kind and digits, as in [5, \"00ff\"]".to_owned())?;
            Ext::new(kind, octets(&digits)?).map(Value::Ext).map_err(|error| error.to_string())
        }
        _ => match with.as_str() {
            Some("nan") => Ok(f64::NAN.into()),
            Some("inf") => Ok(f64::INFINITY.into()),
            Some("-inf") => Ok(f64::NEG_INFINITY.into()),
            _ => Err("\"float\" has \"nan\", \"inf\" or \"-inf\"".to_owned()),
        },
    }
}

fn octets(digits: &Json) -> Result<Bytes, String> {
    let octets = digits.as_str().and_then(hex::octets);
    octets.map(Bytes::from).ok_or_else(|| "octets are pairs of hexadecimal digits, as in \"00ff\"".to_owned())
}

fn from_pairs(pairs: impl Iterator<Item = (Json, Json)>) -> Result<Value, String> {
    let pairs: Result<Vec<_>, String> =
        pairs.map(|(key, value)| Ok((from_json(key)?, from_json(value)?))).collect();
    Map::new(pairs?).map(Value::Map).map_err(|error| error.to_string())
}

/// Values in JSON on one line for people. A terminal must obey nothing in it.
pub(crate) fn shown(values: &[Json]) -> String {
    let line = values.iter().map(shown_one).collect::<Vec<_>>().join("  ");
    let printed = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    line.chars().map(printed).collect()
}

fn shown_one(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Object(object) if word(object) == Some("bin") => {
            format!("0x{}", object["bin"].as_str().unwrap_or_default())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egoist_core::mesh::wire::strategies;
    use proptest::prelude::*;

    #[test]
    fn each_value_has_one_form() {
        let map = |pairs: &[(Value, Value)]| Value::Map(Map::new(pairs.to_vec()).unwrap());
        for (value, form) in [
            (Value::Nil, json!(null)),
            (Value::Bool(true), json!(true)),
            (Value::from(u64::MAX), json!(18_446_744_073_709_551_615_u64)),
            (Value::from(-7i64), json!(-7)),
            (Value::from(7.0), json!(7.0)),
            (Value::from(f64::NEG_INFINITY), json!({"float": "-inf"})),
            ("text".into(), json!("text")),
            (Value::Bin(Bytes::from_static(b"\x00\xff")), json!({"bin": "00ff"})),
            (Value::Array(vec![1u64.into(), "a".into()]), json!([1, "a"])),
            (map(&[]), json!({})),
            (map(&[("a".into(), 1u64.into())]), json!({"a": 1})),
            (map(&[(1u64.into(), "one".into())]), json!({"map": [[1, "one"]]})),
            (map(&[("bin".into(), "00".into())]), json!({"map": [["bin", "00"]]})),
            (map(&[("bin".into(), 1u64.into()), ("b".into(), Value::Nil)]), json!({"bin": 1, "b": null})),
            (Value::Ext(Ext::new(5, Bytes::from_static(b"\x01")).unwrap()), json!({"ext": [5, "01"]})),
        ] {
            assert_eq!(to_json(&value), form, "{value:?}");
            assert_eq!(from_json(form), Ok(value));
        }
        assert_eq!(to_json(&Value::from(7.0)).to_string(), "7.0", "it is no whole number");
    }

    /// JSON has one kind of floats, and of what is no number.
    fn as_json_has_it(value: Value) -> Value {
        match value {
            Value::Float(number) if number.get().is_nan() => f64::NAN.into(),
            Value::Float(number) => number.get().into(),
            Value::Array(values) => Value::Array(values.into_iter().map(as_json_has_it).collect()),
            Value::Map(map) => {
                let both = |(key, value): &(Value, Value)| {
                    (as_json_has_it(key.clone()), as_json_has_it(value.clone()))
                };
                Map::new(map.pairs().iter().map(both).collect()).map_or(Value::Nil, Value::Map)
            }
            other => other,
        }
    }

    proptest! {
        #[test]
        fn values_come_back(value in strategies::values()) {
            let value = as_json_has_it(value);
            let text = to_json(&value).to_string();
            prop_assert_eq!(from_json(serde_json::from_str(&text).unwrap()), Ok(value), "{}", text);
        }
    }

    #[test]
    fn what_says_no_value_is_refused_with_what_would() {
        for (form, said) in [
            (json!({"bin": "0"}), "pairs of hexadecimal digits"),
            (json!({"bin": 7}), "pairs of hexadecimal digits"),
            (json!({"map": [[1]]}), "a list of pairs"),
            (json!({"map": [[1, 2], [1.0, 3]]}), "a key twice"),
            (json!({"map": [[[], 2]]}), "a key that is no number and no text"),
            (json!([{"ext": [200, ""]}]), "a kind and digits"),
            (json!({"ext": [-1, "00"]}), "a date that is none"),
            (json!({"float": "1"}), "\"nan\", \"inf\" or \"-inf\""),
        ] {
            let why = from_json(form.clone()).unwrap_err();
            assert!(why.contains(said), "{form}: {why}");
        }
    }

    #[test]
    fn for_people_on_a_line_and_a_terminal_obeys_nothing() {
        let values = [json!("a\tb\u{1b}[2J\u{9b}"), json!({"bin": "00"}), json!(7), json!({"a": ["\u{7f}"]})];
        assert_eq!(shown(&values), "a\\tb\\u{1b}[2J\\u{9b}  0x00  7  {\"a\":[\"\\u{7f}\"]}");
    }

    #[test]
    fn what_does_not_fit_in_a_line_is_not_told() {
        let text = |octets: usize| [Value::Str("x".repeat(octets).into())];
        assert!(told(&text(LONGEST - 4)).is_some() && told(&text(LONGEST - 3)).is_none());
        assert!(told(&[Value::Str("\0".repeat(LONGEST / 6 + 1).into())]).is_none(), "escaped it is longer");
    }
}
