//! Finding where frames end.

mod length;
mod line;
mod payload;

pub use length::{BadLength, LengthFrame, LengthPrefix};
pub use line::{Line, LineScanner, LineTooLong, Terminator};
pub use payload::{NoTerminator, Payload};
