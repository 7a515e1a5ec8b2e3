//! The rows of an addr, in each shape that programs of either dialect send.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::message::{NodeId, Row};

/// What an ncpoc node says of a connection that it accepted: the address is the dialler's own end, where nobody listens.
const ACCEPTED: &str = r#""LISTENER""#;

/// The rows that name where somebody listens: `["ip:port", nodeid]`, `[nodeid, "ip:port", kind, time]`, these columns
/// swapped or cut short, and a bare `"ip:port"`. A row is skipped for its text and refused for its shape.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Row>, D::Error> {
    let slots = Vec::<Slot>::deserialize(deserializer)?;
    Ok(slots.into_iter().filter_map(|slot| slot.0).collect())
}

/// A place in an addr's list: a row, or what could be one but for its text.
struct Slot(Option<Row>);

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SlotVisitor)
    }
}

struct SlotVisitor;

impl<'de> Visitor<'de> for SlotVisitor {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"ip:port\", [\"ip:port\", nodeid] or [nodeid, \"ip:port\", kind, time]")
    }

    fn visit_str<E>(self, addr: &str) -> Result<Slot, E> {
        Ok(Slot(row(addr, None)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Slot, A::Error> {
        let Text(first) = seq.next_element()?.ok_or_else(|| Error::invalid_length(0, &self))?;
        let second: Option<Option<Text<'_>>> = seq.next_element()?;
        let kind: Option<&RawValue> = seq.next_element()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        let listens = kind.is_none_or(|kind| kind.get() != ACCEPTED);
        Ok(Slot(columns(&first, second.flatten()).filter(|_| listens)))
    }
}

/// The address stands in one of the first two columns, and the id in the other.
fn columns(first: &str, second: Option<Text<'_>>) -> Option<Row> {
    let Some(Text(second)) = second else { return row(first, None) };
    row(first, Some(&second)).or_else(|| row(&second, Some(first)))
}

fn row(addr: &str, id: Option<&str>) -> Option<Row> {
    let addr = addr.parse().ok()?;
    match id.map(NodeId::new) {
        Some(None) => None,
        id => Some(Row { addr, id: id.flatten() }),
    }
}

/// A text, borrowed from the line where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Rows(#[serde(deserialize_with = "read")] Vec<Row>);

    fn rows(text: &str) -> Result<Vec<Row>, serde_json::Error> {
        serde_json::from_str(text).map(|Rows(rows)| rows)
    }

    #[test]
    fn each_shape_names_the_same_address() {
        let id = NodeId::new("0a1b").unwrap();
        let row = |id| Row { addr: "127.0.0.1:5998".parse().unwrap(), id };
        for text in [
            r#"["127.0.0.1:5998", "0a1b"]"#,
            r#"["0a1b", "127.0.0.1:5998"]"#,
            r#"["0a1b", "127.0.0.1:5998", "SPEAKER", 1795237629.577267]"#,
            r#"["127.0.0.1:5998", "0a1b", "SPEAKER", 1795237629.577267, {"more": []}]"#,
            r#"["0a1b", "127.0.0.1:5998", 5, "yesterday"]"#,
            r#"["0a1b", "127.0.0.1:5998", null]"#,
        ] {
            assert_eq!(rows(&alloc::format!("[{text}]")).unwrap(), [row(Some(id.clone()))], "{text}");
        }
        for text in [r#""127.0.0.1:5998""#, r#"["127.0.0.1:5998"]"#, r#"["127.0.0.1:5998", null, 7]"#] {
            assert_eq!(rows(&alloc::format!("[{text}]")).unwrap(), [row(None)], "{text}");
        }
    }

    #[test]
    fn where_nobody_listens_is_no_address() {
        assert_eq!(rows(r#"[["0a1b", "127.0.0.1:33518", "LISTENER", 1795237629.5]]"#).unwrap(), []);
        assert_eq!(rows(r#"[["127.0.0.1:33518", "0a1b", "LISTENER", 1795237629.5]]"#).unwrap(), []);
    }

    #[test]
    fn rows_are_skipped_for_their_text_and_refused_for_their_shape() {
        let skipped = r#"[["localhost:1","a"],"x",["1.2.3.4:5",""],["1.2.3.4:5","a b"],["a","b"],["a"]]"#;
        assert_eq!(rows(skipped).unwrap(), []);
        for text in
            ["5", "[5]", "[[]]", "[[5]]", r#"[["1.2.3.4:5",5]]"#, "null", "{}", r#"["1.2.3.4:5",[5]]"#]
        {
            assert!(rows(text).is_err(), "{text}");
        }
    }
}
