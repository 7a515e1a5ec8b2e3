//! LNK: who may be a neighbour, and which of two crossing connections stays.

use core::net::SocketAddr;
use core::time::Duration;

use super::calling::Purpose;
use super::refusing::refused_for;
use super::streams::{Kind, no_fault, peer_fault};
use super::{Overlay, Timer};
use crate::kernel::{Class, CloseHow, ConnId};
use crate::overlay::database::{Entry, LinkMode};
use crate::overlay::event::Event;
use crate::overlay::link::{Beats, Channels, Floor, Link, Mine, Progress, Theirs, Traffic, Width};
use crate::overlay::names::{NodeId, Token};
use crate::overlay::wire::{
    Alternatives, Capabilities, Greeting, LINKS_LIMIT, LNK, NodeName, Packet, Reason, Role, VERSION,
};

impl Overlay {
    /// Says LNK.
    pub(super) fn greet(&mut self, conn: ConnId, role: Role, token: Token) {
        let Some(me) = self.me() else { return };
        let greeting = Greeting {
            version: VERSION,
            network: self.config.network.clone(),
            node: self.my_name(me),
            role,
            token,
            caps: Capabilities {
                start: Some(me.incarnation),
                rides: self.rides.clone(),
                ..Capabilities::default()
            },
        };
        self.send_packet(conn, Class::Urgent, &Packet::Lnk(greeting));
    }

    /// A stranger says LNK.
    pub(super) fn greeted(&mut self, conn: ConnId, greeting: Greeting) {
        match self.admissible(conn, &greeting) {
            Ok(id) => self.admit(conn, id, greeting),
            Err(reason) => self.refuse_link(conn, reason),
        }
    }

    fn refuse_link(&mut self, conn: ConnId, reason: Reason) {
        let nodes = if reason == Reason::Full { self.alternatives() } else { Alternatives::default() };
        self.refuse(conn, LNK, reason, nodes);
    }

    fn admissible(&mut self, conn: ConnId, greeting: &Greeting) -> Result<NodeId, Reason> {
        let me = self.me().filter(|_| self.is_running()).ok_or(Reason::Leaving)?;
        let id = greeting.node.id.ok_or(Reason::Nameless)?;
        if greeting.version != VERSION {
            return Err(Reason::Version);
        }
        if greeting.network != self.config.network {
            return Err(Reason::Network);
        }
        if let Some(reason) = self.has_my_id(greeting.node) {
            return Err(reason);
        }
        let now = self.timers.now();
        if self.conns.get_mut(&conn).is_some_and(|state| !state.meter.is_welcome(now)) {
            return Err(Reason::Busy);
        }
        if self.config.is_watcher() {
            return Err(Reason::Bootstrap);
        }
        if self.narrow.has(id) {
            return Err(Reason::Narrow);
        }
        if self.open_link_stays(id) {
            return Err(Reason::Duplicate);
        }
        if self.dials_suit(id) && me.id < id {
            return Err(Reason::Crossing);
        }
        Ok(id)
    }

    /// Against an open link a new one wins only if the old one is mute: it has missed two beats, or is suspected, or nothing
    /// at all came over it. That its node has started again since is what anybody can say.
    fn open_link_stays(&self, id: NodeId) -> bool {
        self.links.get(&id).is_some_and(|link| {
            let said = self.conns.get(&link.conn).is_some_and(|state| state.said > 1);
            let mute = !said && link.beats.heard_at().is_none();
            !mute && link.live() && !link.beats.missed_two(self.timers.now())
        })
    }

    fn admit(&mut self, conn: ConnId, id: NodeId, greeting: Greeting) {
        let theirs = match self.admission(id, greeting.role) {
            Ok(theirs) => theirs,
            Err(reason) => return self.refuse_link(conn, reason),
        };
        let mine = self.replace_link(id);
        let token = self.token();
        let crossed = self.choosing.courts(id);
        let role = if crossed || mine != Mine::No { Role::Chooser } else { Role::Chosen };
        self.becomes_link(conn, id);
        self.greet(conn, role, token);
        self.link_up(conn, id, greeting, token, mine, theirs);
        if crossed {
            self.abandon_dial(id);
            self.suit_succeeded(id);
        }
    }

    /// The link to `id`, if there is one, goes for a newer connection. Whether this node had chosen it.
    fn replace_link(&mut self, id: NodeId) -> Mine {
        let Some((old, mine)) = self.links.get(&id).map(|link| (link.conn, link.mine)) else {
            return Mine::No;
        };
        let why = no_fault("a newer connection took its place");
        self.drop_link(id, why);
        self.hang_up(old, CloseHow::Abort, why);
        mine
    }

    /// What `id`, who greets as `role`, becomes to us, a link to it aside.
    fn admission(&self, id: NodeId, role: Role) -> Result<Theirs, Reason> {
        let others = || self.links.values().filter(|link| link.peer != id);
        match role {
            Role::Chosen => Err(Reason::Role),
            Role::Watcher => {
                let watching = others().filter(|l| l.theirs == Theirs::Watching).count();
                if watching < self.config.bounds.watchers {
                    Ok(Theirs::Watching)
                } else {
                    Err(Reason::Watchers)
                }
            }
            Role::Chooser | Role::Guest if !self.has_room_for(id) => Err(Reason::Full),
            Role::Chooser | Role::Guest if self.slots_below_cap(Some(id)) != Some(0) => Ok(Theirs::Chosen),
            Role::Chooser => Err(Reason::Full),
            Role::Guest => {
                let guests = others().filter(|l| matches!(l.theirs, Theirs::Guest { .. })).count();
                let until = self.timers.now() + self.config.periods.rewiring;
                if guests < self.config.bounds.guests {
                    Ok(Theirs::Guest { until })
                } else {
                    Err(Reason::Full)
                }
            }
        }
    }

    /// How many more may choose this node; `None` for any number.
    pub(super) fn free_slots(&self) -> Option<usize> {
        if self.listed_beside(None) >= LINKS_LIMIT { Some(0) } else { self.slots_below_cap(None) }
    }

    /// Whether this node's record has room for a link to `id`.
    pub(super) fn has_room_for(&self, id: NodeId) -> bool {
        self.listed_beside(Some(id)) < LINKS_LIMIT
    }

    /// How many links this node's record lists or may come to list, one aside: those that an end chose, and those under
    /// way.
    fn listed_beside(&self, aside: Option<NodeId>) -> usize {
        let chosen = |id: &NodeId| self.links.get(id).is_some_and(|link| !link.idle());
        let there = self.links.keys().filter(|id| chosen(id));
        let courted = self.choosing.suits.keys().filter(|id| !chosen(id));
        there.chain(courted).filter(|id| Some(**id) != aside).count()
    }

    /// How many more may choose this node by its cap, one aside.
    fn slots_below_cap(&self, aside: Option<NodeId>) -> Option<usize> {
        let taken = self.links.values().filter(|l| l.theirs == Theirs::Chosen && Some(l.peer) != aside);
        let taken = taken.count();
        self.config.in_degree_cap().map(|cap| cap.saturating_sub(taken))
    }

    /// Neighbours that say they have room.
    fn alternatives(&self) -> Alternatives {
        let others = self
            .links
            .values()
            .filter(|link| link.live())
            .filter(|link| self.database.get(link.peer).is_some_and(|entry| entry.free() != Some(0)))
            .map(|link| self.database.get(link.peer).map_or_else(|| link.name.into(), Entry::contact));
        Alternatives::first(others)
    }

    /// Somebody answers our LNK.
    pub(super) fn greeting_answer(&mut self, conn: ConnId, packet: Packet) {
        let Some(Kind::Greeting { to, token }) = self.conns.get(&conn).map(|c| c.kind) else { return };
        match packet {
            Packet::Lnk(greeting) => self.answered(conn, to, token, greeting),
            Packet::Nack(nack) => {
                self.hang_up(conn, CloseHow::Flush, refused_for(nack.reason.as_ref()));
                if to.id == self.id() {
                    return self.challenge_refused(to.addr, &nack);
                }
                self.told_refusal(to.addr, &nack);
                if nack.reason != Some(Reason::Crossing) {
                    self.learn_names(&nack.nodes);
                    self.refused_at(to, nack.reason.as_ref());
                }
            }
            _ => self.misbehaved(conn, peer_fault("a greeting answered with something else")),
        }
    }

    fn answered(&mut self, conn: ConnId, to: NodeName, token: Token, greeting: Greeting) {
        let Some(id) = greeting.node.id else {
            return self.misbehaved(conn, peer_fault("a greeting without an id"));
        };
        if let Some(why) = self.unfit_answer(to, &greeting) {
            return self.lose(conn, why);
        }
        let theirs = match greeting.role {
            Role::Chooser | Role::Guest => Theirs::Chosen,
            Role::Chosen | Role::Watcher => Theirs::No,
        };
        self.becomes_link(conn, id);
        self.probes.led(id, to.addr);
        self.link_up(conn, id, greeting, token, Mine::No, theirs);
        self.suit_succeeded(id);
    }

    fn link_up(
        &mut self,
        conn: ConnId,
        id: NodeId,
        greeting: Greeting,
        my_token: Token,
        mine: Mine,
        theirs: Theirs,
    ) {
        let rtt = self.probes.get(id).and_then(|p| p.rtt);
        let link = Link {
            peer: id,
            name: greeting.node,
            conn,
            since: self.timers.now(),
            mine,
            theirs,
            my_token,
            their_token: greeting.token,
            endpoint: self.first_endpoint(conn, greeting.node),
            beats: Beats::new(self.timers.now(), self.config.periods.heartbeat),
            width: Width::new(self.timers.now()),
            floor: Floor::new(self.timers.now()),
            progress: Progress::default(),
            echo: rtt.map_or(Duration::ZERO, |rtt| rtt.mean()),
            rtt,
            decided: self.timers.now(),
            announce_at: self.timers.now(),
            announced: None,
            datagrams: Traffic::default(),
            watching: self.config.is_watcher(),
            channels: Channels::both(&self.rides, &greeting.caps.rides),
        };
        if let Theirs::Guest { until } = theirs {
            self.timers.set(Timer::Guest(id), until);
        }
        self.tokens.insert(my_token, id);
        self.links.insert(id, link);
        self.choosing.stirred = true;
        self.emit(Event::LinkUp { peer: id, address: greeting.node.addr });
        self.channels_up(id);
        self.forget_name(id);
        if theirs != Theirs::Watching {
            self.remember_if_proven(id);
            self.probes.learn(self.timers.now(), id);
        }
        self.beat(id);
        self.compare(id);
        self.start_measuring();
        self.origin.touch();
    }

    /// Where a new neighbour hears datagrams: at the one of its addresses that its connection leads to, or where its
    /// connection comes from with the port of its name.
    fn first_endpoint(&self, conn: ConnId, name: NodeName) -> SocketAddr {
        let Some(remote) = self.conns.get(&conn).map(|state| state.remote) else { return name.addr };
        let addresses = name.id.map(|id| self.addresses_of(id)).unwrap_or_default();
        let dialled = addresses.iter().find(|addr| *addr == remote);
        let there = || addresses.iter().find(|addr| addr.ip() == remote.ip());
        dialled.or_else(there).unwrap_or(SocketAddr::new(remote.ip(), name.addr.port()))
    }

    /// A neighbour says LNK again: its role has changed, or it answers that ours has.
    pub(super) fn greeted_again(&mut self, conn: ConnId, id: NodeId, greeting: &Greeting) {
        let Some(link) = self.links.get(&id) else { return };
        let known = match greeting.role {
            Role::Chooser | Role::Guest => link.chosen_by_peer(),
            Role::Watcher => link.theirs == Theirs::Watching,
            Role::Chosen => true,
        };
        if known {
            if greeting.role != Role::Watcher {
                self.role_confirmed(id);
            }
            return;
        }
        match self.admission(id, greeting.role) {
            Ok(theirs) => {
                let mine = link.mine;
                let (role, token) =
                    (if mine == Mine::No { Role::Chosen } else { Role::Chooser }, link.my_token);
                if let Some(link) = self.links.get_mut(&id) {
                    link.theirs = theirs;
                }
                if let Theirs::Guest { until } = theirs {
                    self.timers.set(Timer::Guest(id), until);
                }
                self.greet(conn, role, token);
                self.start_measuring();
                self.origin.touch();
            }
            Err(reason) => {
                let nodes = self.alternatives();
                self.nack(conn, LNK, reason, nodes);
            }
        }
    }

    /// We choose (or choose again) a neighbour to whom a link is open.
    pub(super) fn ask_role(&mut self, id: NodeId) {
        if let Some((conn, token)) = self.links.get(&id).map(|l| (l.conn, l.my_token)) {
            self.greet(conn, Role::Chooser, token);
        }
    }

    /// A guest's epoch is over: it has a regular place by now, or has to go.
    pub(super) fn guest_over(&mut self, id: NodeId) {
        let room = self.free_slots() != Some(0);
        let lonely = self.database.get(id).is_none_or(|entry| entry.links().len() <= 1);
        let next = self.timers.now() + self.config.periods.rewiring;
        let Some(link) = self.links.get_mut(&id) else { return };
        let Theirs::Guest { until } = link.theirs else { return };
        // Where this node chose the guest, the link stays anyway; one with no other link has a second epoch to find one.
        let stays = link.mine != Mine::No || (lonely && until <= link.since + self.config.periods.rewiring);
        if room {
            link.theirs = Theirs::Chosen;
        } else if stays {
            link.theirs = Theirs::Guest { until: next };
            self.timers.set(Timer::Guest(id), next);
        } else {
            link.theirs = Theirs::No;
            self.teardown(id, Reason::Guest);
        }
        self.origin.touch();
    }

    fn abandon_dial(&mut self, id: NodeId) {
        self.call_ended(id, Purpose::Link);
        let crossing =
            self.conns.iter().find(|(_, c)| matches!(c.kind, Kind::Greeting { to, .. } if to.id == Some(id)));
        if let Some(conn) = crossing.map(|(conn, _)| *conn) {
            self.hang_up(conn, CloseHow::Flush, no_fault("the other's connection stays"));
        }
    }

    /// Whether links are used only from who chose.
    pub(super) fn directed(&self) -> bool {
        self.config.links == LinkMode::Directed
    }
}
