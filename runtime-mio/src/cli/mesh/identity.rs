//! What a node calls itself, kept in its state: a node that starts again is the same node to the others.

use std::path::Path;

use bytes::Bytes;
use egoist_core::kernel::{Seed, StoreOp, Streams};
use egoist_core::mesh::wire::NodeId;
use egoist_mio::StateError;
use egoist_mio::store::{FileStore, Store as _};

use super::super::failure::Outcome;
use super::super::state::unusable;

/// Under which the id is kept, in base 58.
const KEY: &[u8] = b"mesh/id";

/// The id of the node whose state is in this folder. One that has none yet draws it from `seed`, and keeps it.
///
/// # Errors
/// The state cannot be read or written.
pub(crate) fn kept(folder: &Path, seed: Seed) -> Outcome<NodeId> {
    known(folder, seed).map_err(|error| unusable(&error))
}

fn known(folder: &Path, seed: Seed) -> Result<NodeId, StateError> {
    let mut store = FileStore::new(folder);
    store.open()?;
    if let Some(id) = store.load(KEY)? {
        let what = "a mesh node's id is none";
        return NodeId::read(&id).map_err(|_| StateError::Broken { path: folder.join("state"), what });
    }
    let id = NodeId::drawn(&mut Streams::new(seed).named("id"));
    let op = StoreOp { key: Bytes::from_static(KEY), value: Some(id.to_string().into()) };
    store.write(&[vec![op]])?;
    store.sync()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_drawn_once() {
        let folder = tempfile::tempdir().unwrap();
        let id = |number| kept(folder.path(), Seed::from_u64(number)).unwrap();
        assert_eq!(id(1), id(2));
        let other = tempfile::tempdir().unwrap();
        assert_ne!(kept(other.path(), Seed::from_u64(2)).unwrap(), id(1));
    }

    #[test]
    fn what_is_no_id_is_said_to_be_damage() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::new(folder.path());
        store.open().unwrap();
        let op = StoreOp { key: Bytes::from_static(KEY), value: Some(Bytes::from_static(b"0")) };
        store.write(&[vec![op]]).unwrap();
        drop(store);
        let said = kept(folder.path(), Seed::from_u64(1)).unwrap_err().to_string();
        assert!(said.contains("damaged (a mesh node's id is none)") && said.contains("delete it"), "{said}");
    }
}
