//! Data that a command is given: a text, a file, or standard input.

use std::fmt::Display;
use std::io::Read;

use super::failure::{Failure, Outcome};

/// Reads all of a source, which is called `place`, if that is no more than `longest` octets of `what`.
///
/// # Errors
/// It cannot be read, or is longer.
pub(crate) fn at_most(
    longest: usize,
    what: &str,
    place: impl Display,
    source: impl Read,
) -> Outcome<Vec<u8>> {
    let mut octets = Vec::new();
    let read = source.take(longest as u64 + 1).read_to_end(&mut octets);
    read.map_err(|e| Failure::io(&format!("cannot read the {what}"), &place, &e))?;
    if octets.len() > longest {
        return Err(Failure::new(format!("the {what} has more than {longest} octets"))
            .at(place)
            .try_this("send it in pieces"));
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn what_is_read_has_a_bound() {
        assert_eq!(at_most(70, "payload", "x", &[7; 70][..]).unwrap().len(), 70);
        let error = at_most(70, "payload", "x", io::repeat(7)).unwrap_err().to_string();
        assert_eq!(error, "egoist: the payload has more than 70 octets: x: send it in pieces");
    }
}
