//! The seed's constants that concern the wire, under their own names, and the bounds that we add to them.

use core::time::Duration;

/// The most octets of a packet in one piece, CRLF excluded; a longer one goes in SEG pieces. With CRLF it makes 8192.
pub const PKT_LIMIT: usize = 8190;
/// The most octets of a line that is read, CRLF excluded; a longer one closes the connection.
pub const MAX_LENGTH: usize = 16_384;
/// Where a bootstrap listens unless told otherwise.
pub const BOOTSTRAP_PORT: u16 = 61_223;

/// What separates fields.
pub const PACK_DELIMITER: u8 = b'@';
/// What separates the records of OVER.
pub const OVERLAY_DELIMITER: u8 = b'#';
/// What separates neighbours, and nodes in a list.
pub const NEIGHBOR_DELIMITER: u8 = b'|';
/// What separates the updates of a body, one for each metric.
pub const UPDT_DELIMITER: &[u8] = b"**";
/// What separates a host from its port.
pub const PORT_DELIMITER: u8 = b':';

/// The field in which every packet has its word.
pub const PACKET_TYPE: usize = 0;
/// The field in which UPT and RMV have their hash.
pub const UPDATE_HASH: usize = 1;
/// The field in which UPT and RMV have their key.
pub const UPDATE_ID: usize = 2;
/// The field in which UPT and RMV have the node that they come from.
pub const UPDATE_SRC: usize = 3;

/// The word of a registration.
pub const REGISTER: &str = "REG";
/// The word of a list of nodes.
pub const NET_PACKET: &str = "NET";
/// The word of a view of the graph.
pub const OVERLAY_PACKET: &str = "OVER";
/// The word of a flooded record.
pub const UPDATE: &str = "UPT";
/// The word of a removal.
pub const REMOVE: &str = "RMV";
/// The word with which a choice is given up.
pub const TEARDOWN: &str = "TRD";
/// The word of a refusal.
pub const NACK: &str = "NACK";
/// The word of a piece.
pub const SEG: &str = "SEG";
/// The word of a greeting.
pub const LNK: &str = "LNK";
/// The word of a database in short.
pub const SUM: &str = "SUM";
/// The word with which newer records are asked for.
pub const ASK: &str = "ASK";
/// The word of a probe.
pub const PING: &str = "PING";
/// The word of a probe's answer.
pub const PONG: &str = "PONG";
/// The word of a heartbeat.
pub const HB: &str = "HB";
/// The word before a payload.
pub const DAT: &str = "DAT";

/// The word before what rides on a channel.
pub const CHANNEL: &str = "CHN";
/// The word with which a channel's window is opened further.
pub const CREDIT: &str = "CRD";
/// The word that ends a channel.
pub const END: &str = "END";

/// The version of this grammar, LNK's first field.
pub const VERSION: u32 = 1;
/// The most octets of a payload: what the largest UDP datagram holds, rounded up to a power of two.
pub const PAYLOAD_LIMIT: usize = 65_536;
/// Octets of a channel that one end may have said and the other not taken. It is what a link has with its driver, and no
/// less than any frame of gossip.
pub const WINDOW: usize = 65_536;
/// The most channels that a node rides.
pub const CHANNELS_LIMIT: usize = 4;
/// Links that a payload takes at most.
pub const TTL_LIMIT: u8 = 32;
/// The most octets of a whole packet, however many pieces it takes: with what each of its pieces is charged
/// ([`PIECE_CHARGE`]) it just fits [`REASSEMBLY_LIMIT`].
pub const MESSAGE_LIMIT: usize = REASSEMBLY_LIMIT - 16 * 1024;

/// The most links in an update or a record: four times the in-degree of a node that all 256 others of a full mesh chose.
pub const LINKS_LIMIT: usize = 1_024;
/// The most nodes in a NET, keys in an ASK and records in an OVER: the most records that a database holds.
pub const NODES_LIMIT: usize = 16_384;
/// The most updates in a body. One for each metric; the field knows three (delay, load, bandwidth).
pub const UPDATES_LIMIT: usize = 8;
/// The most addresses beside that in the name: some interfaces, times two families.
pub const ADDRESSES_LIMIT: usize = 8;
/// The most nodes that a NACK names.
pub const ALTERNATIVES_LIMIT: usize = 4;
/// The most octets of attributes unknown to this version, in one place: room for some later ones, and below what would
/// make a record of ten links segmented.
pub const OTHER_LIMIT: usize = 256;
/// The most octets of a word, of an attribute's name, of a metric.
pub const NAME_LIMIT: usize = 16;
/// The most octets of a reason.
pub const REASON_LIMIT: usize = 64;
/// The most octets of padding in a heartbeat or a probe: as long as the largest datagram between neighbours.
pub const PADDING_LIMIT: u16 = 1_200;
/// The most octets of a network's name.
pub const NETWORK_LIMIT: usize = 32;

/// The most pieces of a packet: four digits.
pub const PIECES_LIMIT: u16 = 9_999;
/// The most packets of a link that may be incomplete at once: a sender writes one after another, so two is much.
pub const UNFINISHED_LIMIT: usize = 8;
/// The most octets, with [`PIECE_CHARGE`] for each piece, that a link's incomplete packets may hold.
pub const REASSEMBLY_LIMIT: usize = 1024 * 1024;
/// What a piece is charged beside its octets: about what keeping it costs, so that many tiny ones are no way around the
/// limit.
pub const PIECE_CHARGE: usize = 64;
/// How long an incomplete packet is kept: ten times the seed's PING_TIMEOUT.
pub const SEG_TIMEOUT: Duration = Duration::from_secs(30);
