//! The text that nodes exchange: read, checked, written, cut into pieces.
//!
//! [`read`] takes one line and answers a [`Packet`] or a [`WireError`], whatever the octets; what the packet keeps are
//! slices of the line. [`read_datagram`] does so for UDP. Each part of a packet that could break its line or a bound has a
//! type that is built valid or not at all ([`Others`], [`Links`], [`Bounded`] and so on), in release as in debug builds, so
//! that [`Packet::emit`] cannot fail. Each meaning has one text, so that **whatever is accepted is emitted as the same
//! octets**: numbers have no leading zeros, hexadecimal digits are small, addresses are in their canonical form, known
//! attributes stand first and in one order, and attributes that this version does not know are kept as they were written.
//!
//! UPT is read in two steps, because most of what a flood brings is known already: [`read`] checks the fields, then
//! [`Upt::verify`] the hash, then [`Upt::parse_body`] the body, all or none of it.
//!
//! ```
//! use bytes::Bytes;
//! use egoist_core::overlay::wire::{Packet, WireError, read};
//!
//! let line = Bytes::from("TRD@10.0.0.1:4000@better");
//! let Packet::Trd(teardown) = read(&line)? else { panic!("not TRD") };
//! assert_eq!(teardown.node.to_string(), "10.0.0.1:4000");
//! assert_eq!(Packet::Trd(teardown).emit(), "TRD@10.0.0.1:4000@better\r\n");
//! assert!(read(&Bytes::from("TRD@10.0.0.1:04000")).is_err());
//! # Ok::<(), WireError>(())
//! ```
//!
//! # Grammar (RFC 5234; octets in quotes are case-sensitive)
//!
//! ```text
//! line       = packet CRLF                   ; packet of at most PKT_LIMIT octets; a line up to MAX_LENGTH is read
//! packet     = lnk / reg / net / over / upt / rmv / trd / nack / seg / sum / ask / ping / pong / hb / dat
//!            / chn / crd / end / unknown
//!
//! lnk        = "LNK@" version "@" network "@" named "@" role "@" token "@" [ caps ]
//! reg        = "REG@" contact "@" k [ "@" ext ]
//! net        = "NET@" [ contact *( "|" contact ) ]               ; at most NODES_LIMIT
//! over       = "OVER@" [ record *( "#" record ) ]                ; at most NODES_LIMIT
//! upt        = "UPT@" hash "@" key "@" named "@" age "@" body    ; hash over key "@" named "@" body
//! rmv        = "RMV@" hash "@" key "@" named "@" claim           ; hash over key "@" named "@" claim
//! trd        = "TRD@" node [ "@" reason ]
//! nack       = "NACK@" refused [ "@" reason ] / "NACK@" refused "@" [ reason ] "@" contact *3( "|" contact )
//! seg        = "SEG@" number "@" index "@" count "@" chunk       ; index below count
//! sum        = "SUM@" [ range "@" ] number "@" 32HEX             ; how many records, and their digest
//! ask        = "ASK@" [ range "@" ] [ have *( "|" have ) ]       ; ids ascending, at most NODES_LIMIT
//! ping       = "PING@" token "@" id [ "@" padding ]              ; who is meant
//! pong       = "PONG@" token "@" id             ; the token of the PING, and who answers
//! hb         = "HB@" token "@" long "@" long "@" long            ; number from 1, last heard, microseconds held
//!              "@" hears "@" long "@" [ long ] [ "@" padding ]   ; last heard padded, octets of the link read
//! dat        = "DAT@" ttl "@" way "@" flow "@" id "@" id "@" len [ "@" token ]   ; then CRLF, len octets, CRLF;
//!                                                                ; the link's token in a datagram, and only there
//! chn        = "CHN@" channel "@" octets         ; then CRLF, so many octets, CRLF
//! crd        = "CRD@" channel "@" octets         ; so many more may come
//! end        = "END@" channel                    ; nothing more comes on it
//! unknown    = word [ "@" *inline ]                              ; any other word: counted and ignored
//!
//! body       = update *7( "**" update )                          ; each of another metric
//! update     = attributes *( "|" link )                          ; at most LINKS_LIMIT, no node twice, not the source
//! attributes = known and unknown items joined by ","             ; may be empty; in this order, each at most once:
//!              "life=" number, "free=" number, "k=" number, "metric=" 1*16plain, *8( "addr=" address ), "left", *other
//! link       = id "," cost "," ( "o" / "i" / "b" ) [ ",bye" ] *( "," other )
//! record     = named "," key "," age *( "|" link )
//! claim      = id "," key                                        ; the victim, and its newest record known
//! have       = id "," key
//! caps       = "start=" number / "ride=" rides / other, joined by ","    ; in this order
//! ext        = "net=" network / "all" / "over" / other, joined by "," ; in this order
//! other      = 1*16lower [ "=" *text ]                           ; no name that is known in its place; at most
//!                                                                ; OTHER_LIMIT octets in one place, commas included
//!
//! node       = address [ "~" id ]
//! named      = address "~" id
//! contact    = node *8( "," address )       ; where else it listens
//! address    = IPv4address ":" port / "[" IPv6address "]" ":" port   ; IPv6 as RFC 5952 has it, without a zone
//! id         = 32HEX
//! hash       = 32HEX                        ; the first 128 bits of SHA-256
//! token      = 16HEX
//! range      = id "-" id                    ; the first not above the second
//! key        = number "." number            ; incarnation and sequence, neither 0
//! hears      = "u" / "t" / "n"              ; by datagrams, by the link alone, nothing
//! padding    = 1*1200"."                    ; so that a way which carries no long packets is found out
//! way        = "l" / "g"                                         ; over links, or as datagrams
//! flow       = ( "d" / "m" / "e" / "r" / report ) 1*16HEX        ; without leading zeros
//! report     = "a" / "u" / "x" / "b" / "c"                       ; over links, and len is 0; the first id is that of
//!                                                                ; the destination that it is about
//! role       = "o" / "g" / "w" / "i"
//! network    = 1*32lower
//! word       = 1*16( A-Z / DIGIT )          ; a letter first
//! refused    = 1*16plain                    ; the word refused, or what stood in its place
//! reason     = 1*64plain
//! version, k, age = number                  ; age in milliseconds since the decision
//! number     = 1*10DIGIT                    ; below 2^32, no leading zeros
//! long       = 1*20DIGIT                    ; below 2^64, no leading zeros
//! cost       = number                       ; 1 to 2^27 - 1 microseconds
//! port       = number                       ; up to 65535
//! ttl        = 2HEX                         ; up to TTL_LIMIT
//! len        = number                       ; up to PAYLOAD_LIMIT
//! rides      = channel *3( "+" channel )    ; ascending
//! channel    = 1*16lower
//! octets     = number                       ; 1 to WINDOW
//! index, count = number                     ; up to PIECES_LIMIT
//! chunk      = 1*inline
//! HEX        = DIGIT / a-f
//! lower      = a-z / DIGIT / "-"
//! plain      = ALPHA / DIGIT / "-"
//! text       = %x21-7E except "@" "#" "|" "," "*"
//! inline     = any octet but CR and LF
//! ```
//!
//! No field but the last may hold `@`, and no text a delimiter, so nothing is escaped. A UDP datagram is one packet; its
//! last CRLF may be missing unless it is DAT. Tokens are secrets of the two ends of a link: who knows the one that a node
//! gave is taken for the other end.
//!
//! # Channels
//!
//! What other protocols say to a neighbour goes over the link in frames of their channel, one hop far. A channel is open
//! on a link from its beginning if both ends name it in `ride`, and nothing is said on it otherwise. Each way at most
//! [`WINDOW`] octets are said that the other end has not let in again by CRD, which it does as they are taken; who says more,
//! or lets in more than was said, breaks a rule. Who has said END says nothing more on the channel and hears nothing more of
//! it, and the other end answers END at once. After both each end may open it anew: a CRD of the whole window offers that,
//! and once both ends have, it is open.
//!
//! # The seed's constants
//!
//! | Constant | Value | Here |
//! |---|---|---|
//! | `BOOTSTRAP_PORT` | 61223 | [`BOOTSTRAP_PORT`], the default port of a bootstrap |
//! | `PKT_LIMIT` | 8190 | [`PKT_LIMIT`]: 8192 with CRLF; a longer packet goes in SEG pieces ([`frames`]) |
//! | `MAX_LENGTH` | 16384 | [`MAX_LENGTH`]: a longer line closes the connection |
//! | `delimiter` | CRLF | the end of a line, nothing else is |
//! | `PACKET_TYPE`, `UPDATE_HASH`, `UPDATE_ID`, `UPDATE_SRC` | 0, 1, 2, 3 | [`PACKET_TYPE`], [`UPDATE_HASH`], [`UPDATE_ID`], [`UPDATE_SRC`]: fields of UPT, and of RMV |
//! | `PACK_DELIMITER` | `@` | [`PACK_DELIMITER`], between fields |
//! | `OVERLAY_DELIMITER` | `#` | [`OVERLAY_DELIMITER`], between the records of OVER |
//! | `NEIGHBOR_DELIMITER` | `\|` | [`NEIGHBOR_DELIMITER`], between links, and between nodes in a list |
//! | `UPDT_DELIMITER` | `**` | [`UPDT_DELIMITER`], between the updates of a body |
//! | `PORT_DELIMITER` | `:` | [`PORT_DELIMITER`], before a port |
//! | `NET_PACKET`, `OVERLAY_PACKET` | NET, OVER | [`NET_PACKET`], [`OVERLAY_PACKET`]: the two answers to a registration |
//! | `REGISTER`, `REMOVE`, `UPDATE`, `TEARDOWN`, `SEG`, `NACK` | REG, RMV, UPT, TRD, SEG, NACK | [`REGISTER`], [`REMOVE`], [`UPDATE`], [`TEARDOWN`], [`SEG`], [`NACK`] |
//! | `HUGE_DELAY`, `maxint`, `MIL` | 2147482647, 2147483647, 1000 | none: "unmeasured" is no number, costs are microseconds up to [`Cost::MAX`](super::Cost::MAX) |
//! | `PING_TIMEOUT` | 3 s | [`SEG_TIMEOUT`] is ten times that; the probe's own is configuration |
//! | `PKT_IDS_LIMIT` | 5000 | the bound of the flood's duplicate cache ([`SeenCache`](crate::kernel::SeenCache)), not of a number on the wire |
//! | `ERASE_HASH` | 300 s | how long that cache keeps an entry |
//! | `BOOT_DELAY`, `PING_PERIOD`, `REMOVE_PERIOD`, `REWIRING_PERIOD` | 500, 35, 50, 60 | periods in the configuration of a node; nothing on the wire |
//! | `NBR_CONNECTOR`, `NBR_FACTORY`, `NBR_IP`, `NBR_PORT`, `PING_FACTORY`, `PING_RESULTS` | names | none: they are keys of dictionaries, where there are typed fields here |
//!
//! The other bounds ([`LINKS_LIMIT`], [`MESSAGE_LIMIT`] and so on) are ours; each says its reason. A NET that asks for more
//! than [`MESSAGE_LIMIT`] octets, about 19,000 nodes with an IPv4 address and 12,700 with the longest IPv6 address, and
//! an OVER that does, are split by whoever sends them: both words may be said several times.

mod attributes;
mod body;
mod bounded;
mod channel;
#[cfg(any(test, feature = "sim"))]
pub mod checks;
#[cfg(test)]
mod construction;
mod datagram;
mod emit;
mod error;
mod lexis;
mod limits;
mod name;
mod part;
mod pen;
mod plain;
mod read;
mod record;
mod segment;

#[cfg(feature = "serde")]
mod serial;
#[cfg(any(test, feature = "strategies"))]
pub mod strategies;
#[cfg(test)]
mod tests;
mod texts;
mod value;

pub use body::Links;
pub use bounded::{Bounded, Full};
pub use channel::{
    ChannelName, ChannelNameError, ChannelNames, ChannelNamesError, ChannelOctets, channel_size, put_channel,
    read_channel,
};
pub use datagram::{Datagram, read_datagram};
pub use emit::{
    data_size, emit_beat, emit_data, emit_datagram, emit_padded_beat, emit_padded_ping, emit_ping, emit_pong,
    put_data, set_ttl,
};
pub use error::WireError;
pub use limits::*;
pub use name::NetworkError;
pub use part::{Have, Range};
pub use plain::{Metric, OtherReason, Plain, PlainError, Reason, Word};
pub use read::{read, read_data, read_reassembled};
pub use segment::{Reassembly, SegError, cut, frames};
pub use texts::{BodyText, Others, UnknownLine};
pub use value::{
    Alternatives, Ask, Attributes, Beat, Body, Capabilities, Contact, Count, DataHead, Digest, Flow,
    Greeting, Hash, Hears, LinkAttributes, Listed, ListedRole, MoreAddresses, Nack, Network, NodeName, Nodes,
    Packet, Ping, Pong, Record, Records, Registration, Removal, Role, Segment, Sum, Teardown, Update, Upt,
    Way,
};
