//! Whole numbers in base 58, as py2p writes hashes.
//!
//! Not the Base58 of Bitcoin: the octets are one big-endian number, so that leading zero octets leave no mark, and 0 is `1`.

use alloc::string::String;
use alloc::vec::Vec;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// A text that is no number of so many octets in base 58.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Base58Error {
    /// It has no digits.
    #[error("a number in base 58 has no digits")]
    Empty,
    /// It has an octet that is no digit.
    #[error("octet {0:#04x} is no digit in base 58")]
    Digit(u8),
    /// It says more than fits.
    #[error("a number in base 58 is too large")]
    TooLarge,
}

/// The number that these octets are, big-endian, without leading zeros.
///
/// ```
/// use egoist_core::mesh::wire::encode;
/// assert_eq!([encode(&[]), encode(&[0, 57]), encode(&[58])], ["1", "z", "21"]);
/// ```
pub fn encode(octets: &[u8]) -> String {
    // Digits, the lowest first.
    let mut digits: Vec<u8> = Vec::with_capacity(octets.len() * 138 / 100 + 1);
    for octet in octets {
        let mut carry = u32::from(*octet);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = low(carry % 58);
            carry /= 58;
        }
        while carry > 0 {
            digits.push(low(carry % 58));
            carry /= 58;
        }
    }
    if digits.is_empty() {
        digits.push(0);
    }
    digits.iter().rev().map(|digit| char::from(ALPHABET[usize::from(*digit)])).collect()
}

/// The number of `N` octets, big-endian, that a text says. Leading `1`s, which are zeros, are let pass as py2p does.
///
/// # Errors
/// The text is none, or its number needs more octets.
pub fn decode<const N: usize>(text: &[u8]) -> Result<[u8; N], Base58Error> {
    // A digit is more than 5 bits: what is longer than this has leading zeros or is too large.
    if text.len() > N * 8 / 5 + 1 {
        return Err(Base58Error::TooLarge);
    }
    if text.is_empty() {
        return Err(Base58Error::Empty);
    }
    let mut number = [0; N];
    for octet in text {
        add(&mut number, digit(*octet)?)?;
    }
    Ok(number)
}

/// 58 times the number, and a digit.
fn add(number: &mut [u8], digit: u8) -> Result<(), Base58Error> {
    let mut carry = u32::from(digit);
    for octet in number.iter_mut().rev() {
        carry += u32::from(*octet) * 58;
        *octet = low(carry);
        carry >>= 8;
    }
    if carry == 0 { Ok(()) } else { Err(Base58Error::TooLarge) }
}

fn digit(octet: u8) -> Result<u8, Base58Error> {
    let place = ALPHABET.iter().zip(0..).find(|(letter, _)| **letter == octet);
    place.map(|(_, digit)| digit).ok_or(Base58Error::Digit(octet))
}

/// The lowest octet.
const fn low(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Digit by digit in machine words.
    fn simple(mut number: u128) -> String {
        let mut digits = Vec::new();
        while number > 0 || digits.is_empty() {
            digits.push(ALPHABET[usize::try_from(number % 58).unwrap()]);
            number /= 58;
        }
        digits.reverse();
        String::from_utf8(digits).unwrap()
    }

    #[test]
    fn bounds_are_exact() {
        let most = encode(&[0xff; 48]);
        assert_eq!(decode(most.as_bytes()), Ok([0xff; 48]));
        let mut above = [0; 49];
        above[0] = 1;
        assert_eq!(decode::<48>(encode(&above).as_bytes()), Err(Base58Error::TooLarge));
        assert_eq!(decode::<48>(&[b'1'; 1_000]), Err(Base58Error::TooLarge));
        assert_eq!(decode::<48>(b""), Err(Base58Error::Empty));
        for wrong in *b"0OIl \xff" {
            assert_eq!(decode::<48>(&[b'z', wrong]), Err(Base58Error::Digit(wrong)));
        }
    }

    proptest! {
        #[test]
        fn it_is_the_number_in_base_58(number: u128) {
            prop_assert_eq!(encode(&number.to_be_bytes()), simple(number));
        }

        #[test]
        fn what_is_written_is_read(zeros in 0usize..48, octets: [u8; 48]) {
            let mut octets = octets;
            octets[..zeros].fill(0);
            prop_assert_eq!(decode(encode(&octets).as_bytes()), Ok(octets));
        }

        #[test]
        fn any_text_is_a_number_or_refused(text in prop::collection::vec(prop::sample::select(b"1229zzAl0".to_vec()), 0..90)) {
            if let Ok(number) = decode::<48>(&text) {
                let digits = text.iter().skip_while(|digit| **digit == b'1').copied().collect::<Vec<_>>();
                let canonical = if digits.is_empty() { b"1".to_vec() } else { digits };
                prop_assert_eq!(encode(&number).into_bytes(), canonical);
            }
        }
    }
}
