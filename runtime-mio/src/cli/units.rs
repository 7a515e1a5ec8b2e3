//! Figures for people: three digits and a unit.

use std::time::Duration;

/// A time given in milliseconds: `0.45 ms`, `12.3 ms`, `1.20 s`.
pub(crate) fn millis(ms: f64) -> String {
    let size = ms.abs();
    if size >= 100_000.0 {
        format!("{:.0} s", ms / 1000.0)
    } else if size >= 10_000.0 {
        format!("{:.1} s", ms / 1000.0)
    } else if size >= 1000.0 {
        format!("{:.2} s", ms / 1000.0)
    } else if size >= 100.0 {
        format!("{ms:.0} ms")
    } else if size >= 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.2} ms")
    }
}

/// A length of time in milliseconds.
pub(crate) fn ms(length: Duration) -> f64 {
    us(u64::try_from(length.as_micros()).unwrap_or(u64::MAX))
}

/// Microseconds in milliseconds.
#[allow(clippy::cast_precision_loss, reason = "shown to people and read as a float")]
pub(crate) fn us(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// A time that may be unknown.
pub(crate) fn millis_or_dash(ms: Option<f64>) -> String {
    ms.map_or_else(dash, millis)
}

/// A share: `0.4 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What stands for something unknown.
pub(crate) fn dash() -> String {
    "-".to_owned()
}

/// A number of octets: `812 B`, `1.2 KiB`, `48.0 MiB`.
#[allow(clippy::cast_precision_loss, reason = "shown with three digits")]
pub(crate) fn octets(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time given in seconds, as a clock tells it: `12 s`, `3 m 05 s`, `2 h 07 m`, `4 d 02 h`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A node's id where a whole one is too long: its first eight digits, which a command takes as well.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0, 0.4512, 9.994, 12.34, 123.4, 1204.0, 12_040.0, 120_400.0].map(millis);
        assert_eq!(
            shown,
            ["0.00 ms", "0.45 ms", "9.99 ms", "12.3 ms", "123 ms", "1.20 s", "12.0 s", "120 s"]
        );
        assert_eq!(
            [0, 1023, 1024, 1_300_000, u64::MAX].map(octets),
            ["0 B", "1023 B", "1.0 KiB", "1.2 MiB", "16384.0 PiB"]
        );
        assert_eq!([0, 59, 65, 7620, 352_800].map(age), ["0 s", "59 s", "1 m 05 s", "2 h 07 m", "4 d 02 h"]);
        assert_eq!(short_id("0123456789abcdef"), "01234567");
        assert_eq!(short_id("0123"), "0123");
        assert_eq!([0.0, 0.004, 0.123].map(percent), ["0.0 %", "0.4 %", "12.3 %"]);
    }
}
