//! Durations and sizes as people write them.

use std::time::Duration;

use thiserror::Error;

/// A number of bytes: `65536`, `64KiB`, `1 MiB`, `20MB`.
///
/// # Errors
/// If the text is none, or the number does not fit.
pub fn size(text: &str) -> Result<u64, QuantityError> {
    let bytes = split(text).and_then(|(number, unit)| {
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(factor)
    });
    bytes.ok_or_else(|| QuantityError::Size { text: text.to_owned() })
}

/// A duration: `10` (seconds), `500ms`, `10s`, `5min`, `1h`, `7d`.
///
/// # Errors
/// If the text is none, or the number does not fit.
pub fn duration(text: &str) -> Result<Duration, QuantityError> {
    let milliseconds = split(text).and_then(|(number, unit)| {
        let factor = match unit.to_ascii_lowercase().as_str() {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(factor)
    });
    milliseconds.map(Duration::from_millis).ok_or_else(|| QuantityError::Duration { text: text.to_owned() })
}

/// A number, which may be grouped by underscores, and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number = digits.replace('_', "").parse().ok()?;
    Some((number, unit.trim_start()))
}

/// Why a text is no duration or size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// It cannot be read as a duration.
    #[error("{text:?} is no duration: write for example 500ms, 10s, 5min, 1h or 7d")]
    Duration {
        /// What was given.
        text: String,
    },
    /// It has a fraction of a second where MQTT counts seconds.
    #[error("{text:?} is not a whole number of seconds")]
    Seconds {
        /// What was given.
        text: String,
    },
    /// It cannot be read as a size.
    #[error("{text:?} is no size: write for example 65536, 64KiB, 1MiB or 20MB")]
    Size {
        /// What was given.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("65_536 B", 65_536),
            ("3kB", 3_000),
            ("20MB", 20_000_000),
            ("1 GB", 1_000_000_000),
            (" 64KiB ", 65_536),
            ("1mib", 1_048_576),
            ("2GiB", 2_147_483_648),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "1 M", "1MiB2", "20000000000GiB", "99999999999999999999"] {
            assert_eq!(size(text), Err(QuantityError::Size { text: text.to_owned() }));
        }
    }

    #[test]
    fn durations_have_units_from_milliseconds_to_days() {
        for (text, milliseconds) in [
            ("0", 0),
            ("10", 10_000),
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("5 min", 300_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1s", "1.5s", "1 year", "1s2", "999999999999999999d"] {
            assert_eq!(duration(text), Err(QuantityError::Duration { text: text.to_owned() }));
        }
    }
}
