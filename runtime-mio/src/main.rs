//! The `egoist` program.
fn main() {}
