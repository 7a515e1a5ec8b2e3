//! Ages: milliseconds since the decision that a record tells of. They saturate, and no honest relay ever lowers one. No
//! hash covers them, so that of several copies of a record the lowest age is believed.

use core::time::Duration;

use crate::kernel::Time;

/// `age` after so much longer, in whole milliseconds.
pub fn after(age: u32, longer: Duration) -> u32 {
    age.saturating_add(u32::try_from(longer.as_millis()).unwrap_or(u32::MAX))
}

/// The least age that a record has at `now` which was there at `then`, in whole milliseconds, rounded up.
pub fn since(then: Time, now: Time) -> u32 {
    u32::try_from(now.since(then).as_micros().div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// The age of a record that arrived over a link: half of the link's last in-band echo is added, rounded up, and at
/// least a millisecond. So every link a record takes makes it older, and no copy goes round for ever. `echo` is `None`
/// where there was none yet.
pub fn arrived(age: u32, echo: Option<Duration>) -> u32 {
    let micros = echo.unwrap_or_default().as_micros();
    age.saturating_add(u32::try_from(micros.div_ceil(2_000).max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_an_echo_is_rounded_up() {
        let micros = Duration::from_micros;
        for (echo, adds) in [(0, 1), (1, 1), (2_000, 1), (2_001, 2), (70_000, 35)] {
            assert_eq!(arrived(5, Some(micros(echo))), 5 + adds, "{echo}");
        }
        assert_eq!(arrived(5, None), 6);
        assert_eq!(after(5, micros(1_999)), 6);
        let (then, later) = (Time::from_secs(1), Time::from_micros(1_001_001));
        assert_eq!((since(then, then), since(then, later), since(later, then)), (0, 2, 0));
    }

    proptest! {
        #[test]
        fn ages_only_grow_and_saturate(age in prop_oneof![any::<u32>(), Just(0), Just(u32::MAX)], micros in prop_oneof![any::<u64>(), 0u64..1_000_000]) {
            let longer = Duration::from_micros(micros);
            prop_assert!(after(age, longer) >= age);
            prop_assert!(arrived(age, Some(longer)) > age || age == u32::MAX);
            let exact = u128::from(age) + u128::from(micros / 1_000);
            prop_assert_eq!(u128::from(after(age, longer)), exact.min(u128::from(u32::MAX)));
        }
    }
}
