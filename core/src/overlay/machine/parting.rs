//! How links end in good order: neither side chooses the other any more, and each says all that it has for it.

use super::streams::{Conn, Kind, no_fault};
use super::{Overlay, Timer};
use crate::kernel::{Class, CloseHow, ConnId, Why};
use crate::overlay::event::Event;
use crate::overlay::link::{Link, Mine, Theirs};
use crate::overlay::names::NodeId;
use crate::overlay::wire::{Packet, Reason, Teardown};

/// Connections whose links are over and that still carry what was said before; the oldest of more is closed.
const PARTINGS: usize = 1_024;

const ALL_SAID: Why = no_fault("both ends have said all");

impl Overlay {
    /// Gives up our side of a link, which ends once neither side chooses it.
    pub(super) fn teardown(&mut self, id: NodeId, reason: Reason) {
        self.renounce(id, reason);
        if self.links.get(&id).is_some_and(Link::useless) {
            self.part(id, no_fault("neither side chooses it"));
        }
    }

    /// TRD: we do not choose `id` any more.
    pub(super) fn renounce(&mut self, id: NodeId, reason: Reason) {
        self.set_mine(id, Mine::No);
        self.give_back_place(id);
        if let Some(conn) = self.links.get(&id).map(|link| link.conn) {
            self.say_teardown(conn, Class::Urgent, reason);
        }
        self.origin.touch();
    }

    fn say_teardown(&mut self, conn: ConnId, class: Class, reason: Reason) {
        let Some(me) = self.me() else { return };
        let teardown = Teardown { node: self.my_name(me), reason: Some(reason) };
        self.send_packet(conn, class, &Packet::Trd(teardown));
    }

    /// A neighbour gives up its choice of us. If it leaves, or has said its last word, it is over whomever we chose.
    pub(super) fn torn_down(&mut self, conn: ConnId, id: NodeId, reason: Option<&Reason>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.theirs = Theirs::No;
        self.timers.cancel(Timer::Guest(id));
        self.origin.touch();
        if reason == Some(&Reason::Leaving) {
            self.part(id, no_fault("the peer leaves"));
        } else if link.useless() || reason == Some(&Reason::Last) {
            self.part(id, no_fault("neither side chooses it"));
        }
        self.torn_down_again(conn, reason);
    }

    /// TRD on a connection whose link is over: with the last word nothing more comes.
    pub(super) fn torn_down_again(&mut self, conn: ConnId, reason: Option<&Reason>) {
        if reason == Some(&Reason::Last) {
            self.hang_up(conn, CloseHow::Flush, ALL_SAID);
        }
    }

    /// Ends a link in good order. Its connection stays until both ends have said all: payloads that wait in either queue,
    /// or are under way, still arrive. The last word goes behind them.
    pub(super) fn part(&mut self, id: NodeId, why: Why) {
        let Some(conn) = self.links.get(&id).map(|link| link.conn) else { return };
        self.say_teardown(conn, Class::Bulk, Reason::Last);
        self.becomes_parting(conn, id);
        self.suitor_lost(id, why);
    }

    /// The last words have taken too long: what waits is told of, what the driver has may still arrive.
    pub(super) fn parted_late(&mut self, conn: ConnId) {
        let said = self.conns.get(&conn).is_some_and(|state| state.outbox.is_empty());
        let how = if said { CloseHow::Flush } else { CloseHow::Abort };
        self.hang_up(conn, how, no_fault("no last word in time"));
    }

    fn becomes_parting(&mut self, conn: ConnId, id: NodeId) {
        let Some(state) = self.conns.get_mut(&conn) else { return };
        state.kind = Kind::Parting(id);
        self.forwarding.strand(&mut state.reports);
        self.timers.after(Timer::Overdue(conn), self.config.periods.greeting);
        let parting =
            |(conn, state): (&ConnId, &Conn)| matches!(state.kind, Kind::Parting(_)).then_some(*conn);
        let mut partings = self.conns.iter().filter_map(parting);
        if let Some(oldest) = partings.next()
            && partings.count() >= PARTINGS
        {
            self.hang_up(oldest, CloseHow::Flush, ALL_SAID);
        }
    }

    /// A link's connection is gone.
    pub(super) fn link_lost(&mut self, id: NodeId, conn: ConnId, why: Why) {
        if self.links.get(&id).is_some_and(|link| link.conn == conn) {
            self.suitor_lost(id, why);
        }
    }

    /// A link is gone that we may have chosen, or were about to.
    fn suitor_lost(&mut self, id: NodeId, why: Why) {
        let mine = self.drop_link(id, why);
        self.place_lost(id, mine);
        self.ask_elsewhere(id);
    }

    /// Forgets a link; whether it was one that we chose.
    pub(super) fn drop_link(&mut self, id: NodeId, why: Why) -> Mine {
        self.channels_down(id, why);
        let Some(link) = self.links.remove(&id) else { return Mine::No };
        self.choosing.stirred = true;
        self.tokens.remove(&link.my_token);
        if let Some(at) = link.beats.heard_at() {
            self.probes.heard(at, id, link.rtt.filter(|_| link.live()));
        }
        self.forget_if_unknown(id);
        for timer in [Timer::Silence(id), Timer::Remove(id), Timer::Guest(id)] {
            self.timers.cancel(timer);
        }
        if link.announced.is_some() {
            self.origin.withdraw(id);
        }
        self.emit(Event::LinkDown { peer: id, why });
        self.origin.touch();
        self.join_if_alone();
        link.mine
    }
}
