//! Modules of this host, at their listener.

use alloc::vec::Vec;

use super::cache::Standing;
use super::config::Mode;
use super::interface::Reply;
use super::machine::Gossip;
use super::peer::{Due, Side, module_mut};
use super::wire::{Announce, Message};
use crate::kernel::{Class, ConnId};

impl Gossip {
    pub(super) fn heard_of_module(&mut self, conn: ConnId, message: Message) {
        match message {
            Message::Announce(announce) => self.announced(conn, announce),
            Message::Notify { data_type } => self.register(conn, data_type),
            Message::Validation { id, valid } => self.heard_verdict(conn, id, valid),
            _ => self.counters.ignored += 1,
        }
    }

    fn announced(&mut self, conn: ConnId, announce: Announce) {
        if let Some(module) = module_mut(&mut self.conns, conn) {
            module.announced += 1;
        }
        self.announce(announce, Some(conn));
        if self.is_crowded() {
            self.hold_module(conn);
        }
    }

    /// The peers take less than it announces: it is not read from.
    fn hold_module(&mut self, conn: ConnId) {
        let Some(module) = module_mut(&mut self.conns, conn) else { return };
        module.is_held = true;
        self.conns.pause(&mut self.out, conn);
        self.deadlines.set_earlier(Due::Room, self.deadlines.now() + self.config.stalled_after);
    }

    pub(super) fn release_module(&mut self, conn: ConnId) {
        let Some(module) = module_mut(&mut self.conns, conn) else { return };
        module.is_held = false;
        self.conns.resume(&mut self.out, conn);
    }

    /// 501: it is told of all that is here, of each type that it wants to hear of, as the original does.
    fn register(&mut self, conn: ConnId, data_type: u16) {
        let head = self.cache.last_arrival();
        let Some(module) = module_mut(&mut self.conns, conn) else { return };
        if module.types.len() >= self.config.max_types && !module.types.contains(&data_type) {
            return self.misbehaved(conn, "wants to hear of more types than are allowed");
        }
        module.types.insert(data_type);
        (module.cursor, module.replayed) = (0, head);
        self.registrations.register(conn, data_type);
        self.pump_module(conn);
    }

    /// 503: whoever does not want to hear of a message has no say in it.
    fn heard_verdict(&mut self, conn: ConnId, id: u16, valid: bool) {
        let data_type = self.cache.get(id).map(|entry| entry.announce.data_type);
        let Some(module) = module_mut(&mut self.conns, conn) else { return };
        if data_type.is_some_and(|data_type| module.types.contains(&data_type)) {
            // A verdict on what has one already is counted there.
            let _ = self.validate(id, valid);
        } else {
            self.counters.idle_verdicts += 1;
        }
    }

    /// The application wants to hear of a type, and of what is here of it.
    pub(super) fn subscribe(&mut self, data_type: u16) -> Reply {
        if self.registrations.register_own(data_type) {
            let there = self.cache.iter().filter(|entry| entry.announce.data_type == data_type);
            for id in there.map(|entry| entry.id).collect::<Vec<_>>() {
                self.ask(id);
                self.tell_application(id);
            }
        }
        Reply::Done
    }

    pub(super) fn unsubscribe(&mut self, data_type: u16) -> Reply {
        self.registrations.unregister_own(data_type);
        Reply::Done
    }
}

/// What modules are told. A module has a place in the order in which messages arrived, as a peer has in that of the valid.
impl Gossip {
    /// Tells all who want to hear of a type.
    pub(super) fn tell_modules(&mut self, data_type: u16) {
        for conn in self.registrations.modules(data_type).collect::<Vec<_>>() {
            self.pump_module(conn);
        }
    }

    /// Tells a module as much as it takes.
    pub(super) fn pump_module(&mut self, conn: ConnId) {
        while self.conns.outbox(conn).is_some_and(crate::kernel::Outbox::is_empty) {
            let Some((id, frame)) = self.next_notification(conn) else { return };
            self.ask(id);
            if let Err(ended) = self.conns.send(&mut self.out, conn, Class::Bulk, frame) {
                return self.gone(ended);
            }
        }
    }

    fn next_notification(&mut self, conn: ConnId) -> Option<(u16, bytes::Bytes)> {
        let Side::Module(module) = &mut self.conns.get_mut(conn)?.state else { return None };
        let mode = self.config.mode;
        while let Some((place, entry)) = self.cache.arrived_after(module.cursor) {
            module.cursor = place;
            // What came with a ttl of 1 the original tells to who asks, and to nobody else.
            let is_silent = mode == Mode::Compatible && entry.onward.is_none();
            let is_for_who_asks = is_silent || entry.by == Some(conn);
            if module.types.contains(&entry.announce.data_type)
                && (!is_for_who_asks || place <= module.replayed)
            {
                module.told += 1;
                return Some((entry.id, entry.notification_frame()));
            }
        }
        module.cursor = self.cache.last_arrival();
        None
    }
}

/// Whether a message is told of as one that waits.
impl Standing {
    /// Whether a verdict is awaited.
    pub const fn waits(self) -> bool {
        matches!(self, Standing::Waiting)
    }
}
