//! What peers say.

use super::config::Mode;
use super::machine::Gossip;
use super::wire::{Announce, Message, Spread};
use crate::kernel::ConnId;

impl Gossip {
    pub(super) fn heard_of_peer(&mut self, conn: ConnId, message: Message) {
        self.is_there(conn);
        match message {
            Message::Announce(announce) => self.heard_announce(conn, announce, None),
            Message::PeerRequest(addr) => {
                self.heard_address(conn, addr);
                self.heard_request(conn);
            }
            Message::PeerResponse(all) => self.heard_response(conn, all),
            Message::PeerUpdate(update) => self.heard_update(conn, update),
            Message::PeerInit(addr) => self.heard_address(conn, addr),
            Message::Native(probe) => self.heard_probe(conn, probe),
            _ if self.config.mode == Mode::Compatible => self.counters.ignored += 1,
            Message::Spread(Spread { ttl, origin_ttl, reserved, data_type, data }) => {
                let announce = Announce { ttl: origin_ttl, reserved, data_type, data };
                self.heard_announce(conn, announce, Some(ttl));
            }
            Message::Have(offers) => self.heard_offers(conn, offers),
            Message::Want(hashes) => self.heard_wants(conn, hashes),
            Message::Gone(hashes) => self.heard_gone(conn, hashes),
            _ => self.counters.ignored += 1,
        }
    }
}
