//! Time spans as systemd writes them: `90`, `1min 30s`, `500ms`, `infinity` (systemd.time(7); systemd
//! `src/basic/time-util.c`, `parse_time`).

use std::time::Duration;

/// How long something is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeSpan {
    /// That long.
    Finite(Duration),
    /// Without end.
    Infinite,
}

/// The units, in seconds; the first that fits counts, so longer names come first.
const UNITS: [(&str, f64); 28] = [
    ("seconds", 1.0),
    ("second", 1.0),
    ("sec", 1.0),
    ("minutes", 60.0),
    ("minute", 60.0),
    ("min", 60.0),
    ("months", 2_629_800.0),
    ("month", 2_629_800.0),
    ("msec", 1e-3),
    ("ms", 1e-3),
    ("m", 60.0),
    ("M", 2_629_800.0),
    ("hours", 3600.0),
    ("hour", 3600.0),
    ("hr", 3600.0),
    ("h", 3600.0),
    ("days", 86_400.0),
    ("day", 86_400.0),
    ("d", 86_400.0),
    ("weeks", 604_800.0),
    ("week", 604_800.0),
    ("w", 604_800.0),
    ("years", 31_557_600.0),
    ("year", 31_557_600.0),
    ("y", 31_557_600.0),
    ("usec", 1e-6),
    ("us", 1e-6),
    ("s", 1.0),
];

/// Seconds that are as good as without end: a hundred years.
const LONGEST: f64 = 3.2e9;

/// Reads a time span; a number without a unit counts seconds. None if it is none.
#[must_use]
pub fn parse(text: &str) -> Option<TimeSpan> {
    let text = text.trim();
    if text == "infinity" {
        return Some(TimeSpan::Infinite);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(end)?;
        let after = after.trim_start();
        let unit = UNITS.iter().find(|(name, _)| after.starts_with(name));
        let (after, factor) = match unit {
            Some((name, factor)) => (after.get(name.len()..)?, *factor),
            None => (after, 1.0),
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = after.trim_start();
    }
    if text.is_empty() || seconds >= LONGEST {
        return (!text.is_empty()).then_some(TimeSpan::Infinite);
    }
    Duration::try_from_secs_f64(seconds).ok().map(TimeSpan::Finite)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_add_up() {
        let seconds = |text: &str| match parse(text)? {
            TimeSpan::Finite(duration) => Some(duration.as_secs_f64()),
            TimeSpan::Infinite => Some(f64::INFINITY),
        };
        assert_eq!(seconds("90"), Some(90.0));
        assert_eq!(seconds(" 1min 30s "), Some(90.0));
        assert_eq!(seconds("2m5"), Some(125.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("1.5h"), Some(5400.0));
        assert_eq!(seconds("infinity"), Some(f64::INFINITY));
        for bad in ["", "soon", "5 parsecs", "s"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[ -~]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_number_is_seconds(number in 0u32..1_000_000) {
            prop_assert_eq!(parse(&number.to_string()), Some(TimeSpan::Finite(Duration::from_secs(number.into()))));
        }
    }
}
