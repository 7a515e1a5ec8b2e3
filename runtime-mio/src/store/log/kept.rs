//! What a log keeps, and how long it would be if it held no more.

use super::super::{Values, set};
use super::entry::{Change, change, cost};

/// The values of a log.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) values: Values,
    /// What their changes take in entries.
    pub(super) octets: u64,
}

impl Kept {
    pub(super) fn set(&mut self, (key, value): Change<'_>) {
        if let Some(old) = set(&mut self.values, key, value) {
            self.octets -= cost(key, &old) as u64;
        }
        if let Some(new) = value {
            self.octets += cost(key, new) as u64;
        }
    }

    /// Makes the changes of an entry.
    ///
    /// # Errors
    /// It is none that was ever written.
    pub(super) fn replay(&mut self, mut payload: &[u8]) -> Result<(), &'static str> {
        while !payload.is_empty() {
            let change = change(&mut payload).ok_or("an entry's changes are longer than the entry")?;
            self.set(change);
        }
        Ok(())
    }
}
