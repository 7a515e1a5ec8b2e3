//! What a scan finds, in one buffer.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;

use super::Scanned;

/// What of `stored` a scan finds: the keys that begin with `prefix`, those after `after`, in order.
pub fn scan<'s>(
    stored: &'s BTreeMap<Bytes, Bytes>,
    prefix: &'s Bytes,
    after: Option<&'s Bytes>,
) -> impl Iterator<Item = (&'s [u8], &'s [u8])> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    let found =
        stored.range::<Bytes, _>((from, Bound::Unbounded)).take_while(|(key, _)| key.starts_with(prefix));
    found.map(|(key, value)| (&key[..], &value[..]))
}

/// Octets of a key's or a value's length.
const LENGTH: usize = 4;

/// Keys and what is stored under them, in order.
///
/// They stand in one buffer, so that they are handed over and written down without being copied one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entries<'a> {
    octets: &'a [u8],
    /// Octets that are left out at the front of each key.
    hidden: usize,
}

impl<'a> Entries<'a> {
    /// The same without the first octets of each key, which are a [`Scope`](super::Scope)'s.
    pub(super) const fn without_prefix(self, octets: usize) -> Self {
        Entries { octets: self.octets, hidden: self.hidden + octets }
    }
}

/// Total, whatever a recording holds in the place of entries: it ends where they cannot be read.
impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = (take(&mut self.octets)?, take(&mut self.octets)?);
        Some((key.get(self.hidden..)?, value))
    }
}

fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first_chunk::<LENGTH>()?;
    let (octets, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *from = rest;
    Some(octets)
}

/// A page of a scan while a driver makes it.
///
/// ```
/// use egoist_core::kernel::{Page, Scanned};
/// let stored = [(&b"peer.a"[..], &b"1"[..]), (b"peer.b", b"2")];
/// let page = Page::of(stored);
/// let Scanned::Page { mut entries, more: false } = page.scanned() else { panic!("both fit") };
/// assert_eq!(entries.next(), Some(stored[0]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Page {
    octets: Vec<u8>,
    weight: usize,
    more: bool,
}

impl Page {
    /// As many entries as a page may have, from the first; `entries` are in the order of their keys.
    ///
    /// # Panics
    /// A key or a value has 4 GiB.
    pub fn of<'e>(entries: impl IntoIterator<Item = (&'e [u8], &'e [u8])>) -> Self {
        let mut page = Page::default();
        for (key, value) in entries {
            let weight = page.weight + key.len() + value.len();
            if weight > Scanned::PAGE && !page.octets.is_empty() {
                page.more = true;
                break;
            }
            page.weight = weight;
            page.put(key);
            page.put(value);
        }
        page
    }

    fn put(&mut self, octets: &[u8]) {
        let length = u32::try_from(octets.len()).expect("a key or a value is shorter than 4 GiB");
        self.octets.extend_from_slice(&length.to_le_bytes());
        self.octets.extend_from_slice(octets);
    }

    /// The page as a machine is given it.
    pub fn scanned(&self) -> Scanned<'_> {
        Scanned::Page { entries: Entries { octets: &self.octets, hidden: 0 }, more: self.more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Found<'a> = Vec<(&'a [u8], &'a [u8])>;

    fn keys_of(page: &Page) -> (Found<'_>, bool) {
        match page.scanned() {
            Scanned::Page { entries, more } => (entries.collect(), more),
            Scanned::Failed => panic!("a page is a page"),
        }
    }

    #[test]
    fn a_page_has_a_bound_and_at_least_one_entry() {
        let long = alloc::vec![0; Scanned::PAGE];
        let page = Page::of([(&b"a"[..], &long[..]), (b"b", b"")]);
        assert_eq!(keys_of(&page), (Vec::from([(&b"a"[..], &long[..])]), true));
        let exact = Page::of([(&b"a"[..], &long[2..]), (b"b", b"")]);
        assert_eq!((keys_of(&exact).0.len(), keys_of(&exact).1), (2, false));
        assert_eq!(keys_of(&Page::default()), (Vec::new(), false));
    }

    #[test]
    fn a_scan_finds_what_begins_with_the_prefix_page_by_page() {
        let stored: BTreeMap<Bytes, Bytes> =
            ["a", "b", "b1", "b2", "c"].map(|key| (Bytes::from(key), Bytes::from("v"))).into();
        let found = |prefix: &'static str, after: Option<&'static str>| {
            let (prefix, after) = (Bytes::from(prefix), after.map(Bytes::from));
            scan(&stored, &prefix, after.as_ref()).map(|(key, _)| key.to_vec()).collect::<Vec<_>>().concat()
        };
        assert_eq!(found("b", None), b"bb1b2");
        assert_eq!(found("b", Some("b")), b"b1b2");
        assert_eq!(found("b", Some("a")), b"bb1b2", "what is before the prefix is no bound");
        assert_eq!(found("b", Some("b2")), b"");
        assert_eq!(found("", None), b"abb1b2c");
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(
            stored in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 0..9), prop::collection::vec(any::<u8>(), 0..9), 0..9)
        ) {
            let stored: BTreeMap<Vec<u8>, Vec<u8>> = stored;
            let page = Page::of(stored.iter().map(|(key, value)| (&key[..], &value[..])));
            let (entries, more) = keys_of(&page);
            prop_assert!(!more);
            prop_assert!(entries.into_iter().eq(stored.iter().map(|(key, value)| (&key[..], &value[..]))));
        }

        #[test]
        fn reading_is_total(octets in prop::collection::vec(prop::sample::select(alloc::vec![0, 1, 2, 255]), 0..60)) {
            let entries = Entries { octets: &octets, hidden: 1 };
            prop_assert!(entries.map(|(key, value)| key.len() + value.len()).sum::<usize>() <= octets.len());
        }
    }
}
