//! Durations as people write them: `250ms`, `3s`, `5m`, `1h`.

use std::time::Duration;

/// Units, largest first, with their length in microseconds.
const UNITS: [(&str, u64); 5] =
    [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

/// The longest duration that can be configured, a year: sums and multiples of it stay far within 64 bits of
/// microseconds.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The shortest period: anything shorter would keep a node busy with itself.
const SHORTEST_PERIOD: Duration = Duration::from_millis(10);

const LOOKS: &str = "write a number and a unit, as in 250ms, 3s, 5m or 1h";

/// Reads a duration, zero included.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let micros = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, micros)| *micros);
    let length = micros.and_then(|micros| scaled(number, micros)).ok_or(LOOKS)?;
    if length > LONGEST { Err(format!("at most a year ({})", show(LONGEST))) } else { Ok(length) }
}

/// Reads a duration that something repeats after.
pub(crate) fn parse_period(text: &str) -> Result<Duration, String> {
    let length = parse(text)?;
    if length < SHORTEST_PERIOD { Err(format!("at least {}", show(SHORTEST_PERIOD))) } else { Ok(length) }
}

/// `number` (digits, perhaps with a point) times `micros`, exact to the microsecond and cut below it.
fn scaled(number: &str, micros: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(micros)?;
    let mut rest = 0;
    let mut place = micros;
    for digit in fraction.bytes() {
        place /= 10;
        rest += u64::from(digit - b'0') * place;
    }
    whole.checked_add(rest).map(Duration::from_micros)
}

/// Writes a duration in the largest unit that keeps it whole, so that it is read back as the same (to the microsecond).
pub(crate) fn show(length: Duration) -> String {
    let micros = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
    if micros == 0 {
        return "0s".to_owned();
    }
    let whole = UNITS.iter().find(|(_, unit)| micros.is_multiple_of(*unit));
    whole.map_or_else(String::new, |(name, unit)| format!("{}{name}", micros / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_written() {
        for (text, micros) in [
            ("250ms", 250_000),
            ("3s", 3_000_000),
            ("5m", 300_000_000),
            ("1h", 3_600_000_000),
            ("7us", 7),
            ("0s", 0),
            ("90s", 90_000_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_micros(micros)), "{text}");
            assert_eq!(show(Duration::from_micros(micros)), text);
        }
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("0.0000019s"), Ok(Duration::from_micros(1)));
        assert_eq!(show(Duration::from_secs(60)), "1m");
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "3",
            "s",
            "3 s",
            "-3s",
            "3S",
            "1.s",
            ".5s",
            "1e3s",
            "3sm",
            "99999999999999999999s",
            "9999999h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("9000h").unwrap_err(), "at most a year (8760h)");
        assert_eq!(parse_period("9ms").unwrap_err(), "at least 10ms");
        assert_eq!(parse_period("10ms"), Ok(Duration::from_millis(10)));
    }
}
