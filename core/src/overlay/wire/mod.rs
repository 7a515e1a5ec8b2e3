//! The text that nodes exchange.

mod value;

pub use value::{
    Ask, Attributes, Beat, Body, Capabilities, Count, DataHead, Digest, Flow, Greeting, Hash, LinkAttributes,
    Listed, ListedRole, Nack, Network, NodeName, Packet, Record, Registration, Removal, Role, Segment, Sum,
    Teardown, Update, Upt,
};
