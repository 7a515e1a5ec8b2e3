//! Values as octets, by serde and postcard: what has no name there is short, and what is read back is total.

use bytes::{BufMut, BytesMut};
use postcard::ser_flavors::Flavor;
use postcard::{Result, serialize_with_flavor, take_from_bytes};
use serde::{Deserialize, Serialize};

/// Appends a value.
///
/// # Errors
/// It refuses to be serialised; a part of it may be there.
pub(crate) fn write<T: Serialize + ?Sized>(out: &mut BytesMut, value: &T) -> Result<()> {
    serialize_with_flavor(value, Appending(out))
}

/// Takes a value off the front; `None` if the octets mean none, whatever they are. Nothing is allocated that they merely
/// claim.
pub(crate) fn take<'a, T: Deserialize<'a>>(octets: &mut &'a [u8]) -> Option<T> {
    let (value, rest) = take_from_bytes(octets).ok()?;
    *octets = rest;
    Some(value)
}

/// Reads a value that has all of the octets.
pub(crate) fn read<'a, T: Deserialize<'a>>(mut octets: &'a [u8]) -> Option<T> {
    take(&mut octets).filter(|_| octets.is_empty())
}

struct Appending<'a>(&'a mut BytesMut);

impl Flavor for Appending<'_> {
    type Output = ();

    fn try_push(&mut self, octet: u8) -> Result<()> {
        self.0.put_u8(octet);
        Ok(())
    }

    fn try_extend(&mut self, octets: &[u8]) -> Result<()> {
        self.0.extend_from_slice(octets);
        Ok(())
    }

    fn finalize(self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::fmt;
    use core::net::SocketAddr;

    use proptest::prelude::*;
    use serde::Deserializer;
    use serde::de::{SeqAccess, Visitor};

    use super::*;
    use crate::kernel::address;

    #[derive(PartialEq, Debug, Serialize, Deserialize)]
    struct Some4 {
        number: u64,
        text: String,
        #[serde(with = "address::maybe")]
        one: Option<SocketAddr>,
        #[serde(with = "address::list")]
        all: Vec<SocketAddr>,
    }

    pub(crate) fn any_address() -> impl Strategy<Value = SocketAddr> {
        let v6 = any::<(u128, u16, u32, u32)>();
        prop_oneof![
            any::<(u32, u16)>().prop_map(|(ip, port)| (ip.to_be_bytes(), port).into()),
            v6.prop_map(
                |(ip, port, flow, scope)| core::net::SocketAddrV6::new(ip.into(), port, flow, scope).into()
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_no_cut_of_it(
            number: u64,
            text: String,
            one in prop::option::of(any_address()),
            all in prop::collection::vec(any_address(), 0..9),
        ) {
            let value = Some4 { number, text, one, all };
            let mut out = BytesMut::new();
            write(&mut out, &value).unwrap();
            prop_assert_eq!(read(&out), Some(value));
            for cut in 0..out.len() {
                prop_assert_eq!(read::<Some4>(&out[..cut]), None);
            }
            out.put_u8(0);
            prop_assert_eq!(read::<Some4>(&out), None, "more than the value");
        }

        #[test]
        fn nothing_panics_the_reader(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read::<Some4>(&octets);
        }

        #[test]
        fn no_list_is_believed_longer_than_its_octets(claimed: u64, octets in prop::collection::vec(any::<u8>(), 0..9)) {
            let mut out = BytesMut::new();
            write(&mut out, &claimed).unwrap();
            out.extend_from_slice(&octets);
            if let Some(Hint(hint)) = read(&out) {
                prop_assert!(hint <= octets.len(), "{hint}");
            }
        }
    }

    /// How many elements a list is said to have.
    struct Hint(usize);

    impl<'de> Deserialize<'de> for Hint {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
            struct List;
            impl<'de> Visitor<'de> for List {
                type Value = Hint;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a list")
                }
                fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> core::result::Result<Hint, A::Error> {
                    let hint = all.size_hint().unwrap_or(0);
                    while hint > 0 && all.next_element::<u8>()?.is_some() {}
                    Ok(Hint(hint))
                }
            }
            deserializer.deserialize_seq(List)
        }
    }
}
