//! Lists with a bound.

use core::iter;
use core::ops::Deref;
use core::slice;

/// A list has more values than it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a list has to have at most {most} values")]
pub struct Full {
    most: usize,
}

/// At most `MOST` values, kept in an `L` and read as a slice.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bounded<L, const MOST: usize>(L);

impl<T, L: Deref<Target = [T]>, const MOST: usize> Bounded<L, MOST> {
    /// A list.
    ///
    /// # Errors
    /// It has more than `MOST` values.
    pub fn new(list: L) -> Result<Self, Full> {
        if list.len() <= MOST { Ok(Bounded(list)) } else { Err(Full { most: MOST }) }
    }

    /// The first `MOST` of some values; whatever comes after them is left out.
    pub fn first(values: impl IntoIterator<Item = T>) -> Self
    where
        L: FromIterator<T>,
    {
        Bounded(values.into_iter().take(MOST).collect())
    }

    /// Adds a value at the end.
    ///
    /// # Errors
    /// There are `MOST` values already.
    pub fn push(&mut self, value: T) -> Result<(), Full>
    where
        L: Extend<T>,
    {
        if self.0.len() == MOST {
            return Err(Full { most: MOST });
        }
        self.0.extend(iter::once(value));
        Ok(())
    }

    /// A list whose length was looked at when it was read.
    pub(super) fn of(list: L) -> Self {
        debug_assert!(list.len() <= MOST, "a list is above its bound");
        Bounded(list)
    }
}

impl<T, L: FromIterator<T>, const N: usize, const MOST: usize> From<[T; N]> for Bounded<L, MOST> {
    /// A list that is written out, whose length is looked at by the compiler.
    fn from(values: [T; N]) -> Self {
        const { assert!(N <= MOST, "a list is above its bound") };
        Bounded(values.into_iter().collect())
    }
}

impl<T, L: Deref<Target = [T]>, const MOST: usize> Deref for Bounded<L, MOST> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<L: IntoIterator, const MOST: usize> IntoIterator for Bounded<L, MOST> {
    type Item = L::Item;
    type IntoIter = L::IntoIter;
    fn into_iter(self) -> L::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T: 'a, L: Deref<Target = [T]>, const MOST: usize> IntoIterator for &'a Bounded<L, MOST> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;
    fn into_iter(self) -> slice::Iter<'a, T> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    type Three = Bounded<Vec<u8>, 3>;

    #[test]
    fn a_list_takes_as_many_as_its_bound() {
        assert!(Three::new(vec![1, 2, 3]).is_ok());
        assert_eq!(Three::new(vec![1, 2, 3, 4]), Err(Full { most: 3 }));
        let mut list = Three::from([1, 2]);
        assert_eq!(list.push(3), Ok(()));
        assert_eq!(list.push(4), Err(Full { most: 3 }));
        assert_eq!(list, Three::first(1..9));
        assert_eq!(list.iter().chain(&Three::default()).copied().collect::<Vec<_>>(), [1, 2, 3]);
    }
}
