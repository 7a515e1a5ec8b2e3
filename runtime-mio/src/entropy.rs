//! What nobody can guess.

use std::io;

use egoist_core::kernel::Seed;

/// A seed for a node on a real network: 256 bits from the operating system.
///
/// # Errors
/// The operating system gives none.
pub fn seed() -> io::Result<Seed> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    Ok(Seed(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        assert!(seed().unwrap() != seed().unwrap());
    }
}
