//! Arithmetic, and whose a key is.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::mesh::chord::ring::{Position, Range, Space};

type Octets = [u8; Position::OCTETS];

/// `a - b` modulo 2^384, as it is done on paper.
fn minus(a: &Octets, b: &Octets) -> Octets {
    let (mut difference, mut borrow) = ([0; Position::OCTETS], 0);
    for at in (0..Position::OCTETS).rev() {
        let digit = i32::from(a[at]) - i32::from(b[at]) - borrow;
        borrow = i32::from(digit < 0);
        difference[at] = digit.rem_euclid(256).to_le_bytes()[0];
    }
    difference
}

/// Integers that differ anywhere, often in their last octets alone.
fn integer() -> impl Strategy<Value = Octets> {
    let digit = prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()];
    vec(digit, Position::OCTETS).prop_map(|octets| octets.try_into().expect("as many"))
}

fn small() -> impl Strategy<Value = Octets> {
    (integer(), any::<u8>()).prop_map(|(_, last)| {
        let mut octets = [0; Position::OCTETS];
        octets[Position::OCTETS - 1] = last;
        octets
    })
}

proptest! {
    #[test]
    fn the_nearest_at_or_before_is_the_successor_of_what_is_mirrored(
        ids in vec(prop_oneof![integer(), small()], 1..20),
        key in prop_oneof![integer(), small()],
    ) {
        // py2p's rule, on integers as they are.
        let owner = ids.iter().min_by_key(|id| minus(&key, id)).expect("some");
        // Chord's, on positions.
        let position = Position::of(&key);
        let successor = ids.iter().map(|id| Position::of(id)).min_by_key(|node| position.distance(*node));
        prop_assert_eq!(successor.expect("some").integer(), *owner);
    }

    #[test]
    fn distances_are_differences(a in integer(), b in integer()) {
        let (here, there) = (Position::of(&a), Position::of(&b));
        // Mirrored: the way from one to the other is that from the other to the one.
        prop_assert_eq!(here.distance(there), Position::of(&minus(&b, &a)));
        prop_assert_eq!(here.integer(), a);
    }

    #[test]
    fn positions_of_other_lengths_are_taken_modulo_their_number(a in integer(), more in vec(any::<u8>(), 0..20), zeros in 0..48_usize) {
        prop_assert_eq!(Position::of(&[&more[..], &a[..]].concat()), Position::of(&a));
        let mut low = a;
        low[..zeros].fill(0);
        prop_assert_eq!(Position::of(&a[zeros..]), Position::of(&low));
    }

    #[test]
    fn two_steps_of_a_power_are_one_of_the_next(a in integer(), bit in 0..383_u32) {
        let here = Position::of(&a);
        prop_assert_eq!(here.ahead(bit).ahead(bit), here.ahead(bit + 1));
        prop_assert_eq!(here.distance(here.ahead(bit)).bits(), bit + 1);
        prop_assert_eq!(here.distance(here).bits(), 0);
    }
}

#[test]
fn between_is_what_one_comes_by() {
    for (after, before) in
        (0..=255_u8).step_by(5).flat_map(|after| (0..=255).step_by(3).map(move |before| (after, before)))
    {
        let mut inside = [false; 256];
        let mut at = after.wrapping_add(1);
        while at != before && at != after {
            inside[usize::from(at)] = true;
            at = at.wrapping_add(1);
        }
        for x in 0..=255 {
            assert_eq!(x.between(after, before), inside[usize::from(x)], "{after} {x} {before}");
            let owned = Range { after, to: before }.contains(x);
            assert_eq!(
                owned,
                inside[usize::from(x)] || x == before || after == before,
                "{after} {x} {before}"
            );
        }
    }
}
