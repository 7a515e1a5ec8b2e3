//! The lines of a control socket, as both of its ends have them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Octets of a request's id, which is kept until the answer.
const ID: usize = 64;
/// Commas in a request's line: as many as the longest payload may have.
const VALUES: usize = 66_000;

/// What a client asks for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The client's name for it, which the answer repeats.
    #[serde(default)]
    pub id: Value,
    /// What to do: `protocol.verb`.
    #[serde(rename = "do")]
    pub action: String,
    /// With what; null if left out.
    #[serde(default)]
    pub with: Value,
}

/// Why a line is no request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// More values than any request has.
    #[error("a request has at most {VALUES} values")]
    Values,
    /// JSON of another kind.
    #[error("a request is an object")]
    NoObject,
    /// No JSON, or not the fields of a request.
    #[error("{0}")]
    Fields(#[from] serde_json::Error),
    /// An id that could not be repeated as it was.
    #[error("an id is a whole number of 64 bits, or a text of at most {ID} octets")]
    Id,
}

impl Request {
    /// Reads a line, which has lost its end. It takes no more memory than some dozens of times the line's length, and at
    /// most about 10 MiB.
    ///
    /// # Errors
    /// The line is no request within its bounds.
    pub fn read(line: &[u8]) -> Result<Self, RequestError> {
        // Each value in memory takes as much as some dozens of octets of the line.
        if memchr::memchr_iter(b',', line).count() > VALUES {
            return Err(RequestError::Values);
        }
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(RequestError::NoObject);
        }
        let request: Request = serde_json::from_slice(line)?;
        if is_repeatable(&request.id) { Ok(request) } else { Err(RequestError::Id) }
    }
}

/// Whether an id is kept as it was given: other numbers become the nearest that a float can be.
fn is_repeatable(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(id) => id.is_u64() || id.is_i64(),
        Value::String(id) => id.len() <= ID,
        _ => false,
    }
}

/// What a node answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The request's name; null where the line or the connection is refused.
    #[serde(default)]
    pub id: Value,
    /// The answer.
    #[serde(flatten)]
    pub body: Body,
}

/// An answer's content: the key says which.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// Done; what was asked for.
    Ok(Value),
    /// Not done.
    Error(Refusal),
    /// Something that happened, ahead of the answer.
    Event(Value),
}

/// Why a node did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs: one of [`codes`](super::codes), or one of the node's own.
    pub code: Cow<'static, str>,
    /// For people: one sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Refusal { code: code.into(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_written_as_they_are_read() {
        for (line, body) in [
            (r#"{"id":1,"ok":{"a":[1,null]}}"#, Body::Ok(json!({"a": [1, null]}))),
            (r#"{"id":1,"event":"x"}"#, Body::Event(json!("x"))),
            (
                r#"{"id":1,"error":{"code":"busy","message":"no"}}"#,
                Body::Error(Refusal::new(super::super::codes::BUSY, "no")),
            ),
        ] {
            let answer = Answer { id: json!(1), body };
            assert_eq!(serde_json::to_string(&answer).unwrap(), line);
            assert_eq!(serde_json::from_str::<Answer>(line).unwrap(), answer);
        }
        let line = r#"{"id":"a","do":"hello.peers","with":{}}"#;
        let request = Request::read(line.as_bytes()).unwrap();
        assert_eq!(request, Request { id: json!("a"), action: "hello.peers".into(), with: json!({}) });
        assert_eq!(serde_json::to_string(&request).unwrap(), line);
    }
}
