//! State that lives as long as its driver.

use bytes::Bytes;
use egoist_core::kernel::{Page, StoreOp, scan};

use super::{StateError, Store, Values, set};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub(super) struct Memory(Values);

impl Store for Memory {
    fn open(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    fn write(&mut self, batches: &[Vec<StoreOp>]) -> Result<(), StateError> {
        batches.iter().flatten().for_each(|op| _ = set(&mut self.0, &op.key, op.value.as_deref()));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, StateError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&mut self, prefix: &Bytes, after: Option<&Bytes>) -> Result<Page, StateError> {
        Ok(Page::of(scan(&self.0, prefix, after)))
    }
}
