//! What flooding needs to remember and to count: duplicates, rates, freshness, ages and periods.
//!
//! The constants of the seed, and what they are here:
//!
//! | constant | value | here |
//! |---|---|---|
//! | `PKT_IDS_LIMIT` | 5000 | [`PKT_IDS_LIMIT`]: how many hashes [`Duplicates`] remembers |
//! | `ERASE_HASH` | 300 s | [`ERASE_HASH`]: how long it remembers each of them |
//!
//! The seed's counter of updates is [`Sequence`]; it neither wraps nor decides by being "different".

pub mod age;
mod duplicates;
mod origination;
mod refresh;
mod sequence;

pub use duplicates::{
    Duplicates, ERASE_HASH, OLDER_REPLIES, OLDER_REPLY_PERIOD, OlderReplies, PKT_IDS_LIMIT,
};
pub use origination::{BURST, Origination, REFILL, UNLISTED_LIMIT, Urgency};
pub use refresh::{Lifetime, REFRESH_PERIOD, Refresh};
pub use sequence::{CREDIBLE, Sequence, Superseded};
