//! Reading back what was kept in an earlier run.

use bytes::Bytes;
use serde::Serialize;

use super::{Record, Shelf, Taken};
use crate::kernel::Scanned;

/// Reads everything back, page by page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Loader {
    after: Option<Bytes>,
    read: Loaded,
}

/// A page to ask for: [`Output::Scan`](crate::kernel::Output::Scan).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScanFrom {
    /// What keys begin with.
    pub prefix: Bytes,
    /// Only greater keys.
    pub after: Option<Bytes>,
}

/// What has been read so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Loaded {
    /// Records that are on the shelf now.
    pub records: usize,
    /// Entries that are no records, or others than their names say. They stay where they are.
    pub damaged: usize,
    /// Records for which the shelf has no room, or that it has as new already.
    pub left_out: usize,
    /// The store could not be read; what else there is is unknown.
    pub is_failed: bool,
}

impl Loader {
    /// The page to ask for first, and after each that was not the last.
    pub fn scan(&self) -> ScanFrom {
        ScanFrom { prefix: Bytes::from_static(Record::PREFIX), after: self.after.clone() }
    }

    /// Puts a page on the shelf: [`Input::Scanned`](crate::kernel::Input::Scanned). Says what was read once that is all;
    /// until then [`scan`](Self::scan) has the next page.
    pub fn scanned(&mut self, page: Scanned<'_>, shelf: &mut Shelf) -> Option<Loaded> {
        let Scanned::Page { entries, more } = page else {
            self.read.is_failed = true;
            return Some(self.read);
        };
        let mut last = None;
        for (key, octets) in entries {
            self.put(key, octets, shelf);
            last = Some(key);
        }
        // Without an entry nothing could ever follow.
        let goes_on = more && last.is_some();
        self.after = last.map(Bytes::copy_from_slice);
        (!goes_on).then_some(self.read)
    }

    fn put(&mut self, key: &[u8], octets: &[u8], shelf: &mut Shelf) {
        let count = match Record::from_log(key, octets).map(|record| shelf.take(record)) {
            Ok(Taken::Newer(_)) => &mut self.read.records,
            Ok(Taken::Older | Taken::Full) => &mut self.read.left_out,
            Err(_) => &mut self.read.damaged,
        };
        *count += 1;
    }
}
