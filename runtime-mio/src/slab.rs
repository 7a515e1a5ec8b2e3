//! Sockets by token: an index and a generation that is never used again.

use crate::net::Token;

/// The low bits of a token are an index, the rest a generation: 16 million sockets at a time, a million million in all.
const INDEX_BITS: u32 = 24;

pub(crate) struct Slab<T> {
    slots: Vec<Option<(Token, T)>>,
    free: Vec<usize>,
    generation: u64,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Slab { slots: Vec::new(), free: Vec::new(), generation: 0 }
    }

    /// The token that the next `insert` gives.
    pub(crate) fn upcoming(&self) -> Token {
        let index = self.free.last().copied().unwrap_or(self.slots.len());
        assert!(index < 1 << INDEX_BITS, "more sockets than a token can name");
        Token(self.generation << INDEX_BITS | index as u64)
    }

    pub(crate) fn insert(&mut self, value: T) -> Token {
        let token = self.upcoming();
        self.generation += 1;
        match self.free.pop() {
            Some(index) => self.slots[index] = Some((token, value)),
            None => self.slots.push(Some((token, value))),
        }
        token
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        match self.slots.get_mut(index(token)) {
            Some(Some((holder, value))) if *holder == token => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get(&self, token: Token) -> Option<&T> {
        match self.slots.get(index(token)) {
            Some(Some((holder, value))) if *holder == token => Some(value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        self.get(token)?;
        self.free.push(index(token));
        self.slots[index(token)].take().map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = (Token, &T)> {
        self.slots.iter().flatten().map(|(token, value)| (*token, value))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "cut to INDEX_BITS")]
const fn index(token: Token) -> usize {
    (token.0 & ((1 << INDEX_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_given_twice() {
        let mut slab = Slab::new();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_ne!(first, second);
        assert_eq!(index(first), index(second));
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&'b'));
        assert_eq!(slab.len(), 1);
    }
}
