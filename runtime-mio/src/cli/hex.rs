//! Octets as hexadecimal digits, two for each.

use std::fmt::Write as _;

/// The digits of these octets.
pub(crate) fn digits(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut digits, octet| {
        let _ = write!(digits, "{octet:02x}");
        digits
    })
}

/// The octets of these digits; none if they are no such.
pub(crate) fn octets(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| if let [high, low] = pair { Some(nibble(*high)? << 4 | nibble(*low)?) } else { None })
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_back() {
        assert_eq!(digits(&[0, 255, 16]), "00ff10");
        for given in [vec![], vec![0, 255, 16]] {
            assert_eq!(octets(&digits(&given)), Some(given));
        }
        for bad in ["f", "0g", "+1", "ä"] {
            assert_eq!(octets(bad), None, "{bad}");
        }
    }
}
