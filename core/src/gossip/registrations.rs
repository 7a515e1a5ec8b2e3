//! Which modules want to hear of what.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::kernel::ConnId;

/// Modules by what they want to hear of. The application around the node is one, without a connection.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    types: BTreeMap<u16, BTreeSet<ConnId>>,
    own: BTreeSet<u16>,
}

impl Registrations {
    pub(super) fn register(&mut self, module: ConnId, data_type: u16) {
        self.types.entry(data_type).or_default().insert(module);
    }

    /// A module has gone; it wanted to hear of these.
    pub(super) fn unregister(&mut self, module: ConnId, types: &BTreeSet<u16>) {
        for data_type in types {
            if let Some(modules) = self.types.get_mut(data_type) {
                modules.remove(&module);
                if modules.is_empty() {
                    self.types.remove(data_type);
                }
            }
        }
    }

    pub(super) fn register_own(&mut self, data_type: u16) -> bool {
        self.own.insert(data_type)
    }

    pub(super) fn unregister_own(&mut self, data_type: u16) -> bool {
        self.own.remove(&data_type)
    }

    /// Whether the application wants to hear of it.
    pub(super) fn is_own(&self, data_type: u16) -> bool {
        self.own.contains(&data_type)
    }

    /// Whether anybody does.
    pub(super) fn has(&self, data_type: u16) -> bool {
        self.own.contains(&data_type) || self.types.contains_key(&data_type)
    }

    /// The modules that do.
    pub(super) fn modules(&self, data_type: u16) -> impl Iterator<Item = ConnId> {
        self.types.get(&data_type).into_iter().flatten().copied()
    }

    /// How many want to hear of each type, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, usize)> {
        let all: BTreeSet<u16> = self.types.keys().chain(&self.own).copied().collect();
        all.into_iter().map(|data_type| {
            let modules = self.types.get(&data_type).map_or(0, BTreeSet::len);
            (data_type, modules + usize::from(self.own.contains(&data_type)))
        })
    }
}
