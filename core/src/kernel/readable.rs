//! Octets and lengths of time in events, as formats for people have them; others have serde's own. Fields name these
//! functions: `#[serde(serialize_with = "egoist_core::kernel::readable::octets")]`.

use alloc::string::String;
use core::fmt::Write as _;
use core::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};

/// Writes two hexadecimal digits for each octet.
///
/// # Errors
/// Those of the serializer.
pub fn octets<S: Serializer>(octets: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    if !serializer.is_human_readable() {
        return octets.serialize(serializer);
    }
    let mut digits = String::with_capacity(octets.len() * 2);
    for octet in octets {
        let _ = write!(digits, "{octet:02x}");
    }
    serializer.serialize_str(&digits)
}

/// Writes milliseconds.
///
/// # Errors
/// Those of the serializer.
pub fn millis<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.serialize_f64(length.as_secs_f64() * 1000.0)
    } else {
        length.serialize(serializer)
    }
}
