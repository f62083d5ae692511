//! Looking through the bytes of a string eight at a time, for what most strings do not have.
//!
//! A word is eight bytes of the string in their order, the lowest byte first. Strings of MQTT are short: one loop
//! over words and one word for what is left, which overlaps the one before it if there is one.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// What `+` and `#` become when the one bit in which they differ is set.
const WILDCARDS: u64 = ONES * (b'+' | DIFFERENCE) as u64;
const DIFFERENCE: u8 = b'+' ^ b'#';

/// Whether all of `bytes` are ASCII and none is U+0000.
#[inline]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    !any(bytes, |word| (word | word.wrapping_sub(ONES)) & HIGHS != 0)
}

/// Whether all of `bytes` are ASCII, and none is U+0000, `+` or `#`.
#[inline]
pub(crate) fn is_plain_name(bytes: &[u8]) -> bool {
    !any(bytes, |word| (word | word.wrapping_sub(ONES) | to_wildcards(word).wrapping_sub(ONES)) & HIGHS != 0)
}

/// Whether `bytes` are a Topic Filter of plain ASCII: not empty, `+` and `#` alone in their levels, `#` last.
///
/// Each byte is looked at together with its neighbours, sixteen at a time: a loop over an array, which compilers turn
/// into a few instructions. The last sixteen may overlap those before.
#[inline]
pub(crate) fn is_plain_filter(bytes: &[u8]) -> bool {
    const SIXTEEN_AND_NEIGHBOURS: usize = 18;
    let ([first, second, ..], [.., before, last]) = (bytes, bytes) else {
        return matches!(bytes, [1..=0x7F]);
    };
    let good_first = matches!(first, 1..=0x7F) && *first != b'#' && (*first != b'+' || *second == b'/');
    let good_last = matches!(last, 1..=0x7F) && (!matches!(last, b'+' | b'#') || *before == b'/');
    let mut rest = bytes;
    while let Some(part) = rest.first_chunk::<SIXTEEN_AND_NEIGHBOURS>() {
        if !is_plain_inside(part) {
            return false;
        }
        rest = rest.get(SIXTEEN_AND_NEIGHBOURS - 2..).unwrap_or_default();
    }
    let last_inside = match bytes.last_chunk::<SIXTEEN_AND_NEIGHBOURS>() {
        Some(part) => is_plain_inside(part),
        None => is_plain_inside(bytes),
    };
    good_first && good_last && last_inside
}

/// Whether no byte of `bytes` but the first and the last is one that may not stand inside a plain Topic Filter.
#[inline(always)]
fn is_plain_inside(bytes: &[u8]) -> bool {
    let wrong = bytes.windows(3).fold(0, |wrong, window| {
        let [before, byte, behind] = window else { return wrong };
        let alone = u8::from(*before == b'/') & u8::from(*behind == b'/');
        let unusual = u8::from(*byte >= 0x80) | u8::from(*byte == 0) | u8::from(*byte == b'#');
        wrong | unusual | u8::from(*byte == b'+') & (alone ^ 1)
    });
    wrong == 0
}

/// Whether one of `bytes` is `+` or `#`.
#[inline]
pub(crate) fn has_wildcard(bytes: &[u8]) -> bool {
    any(bytes, |word| zeros(to_wildcards(word)) != 0)
}

/// Whether one of `bytes` is 0.
#[inline]
pub(crate) fn has_zero(bytes: &[u8]) -> bool {
    any(bytes, |word| zeros(word) != 0)
}

/// Calls `visit` with the place of every `+` and `#` until one of them is refused. A place may be visited twice.
#[inline]
pub(crate) fn wildcards<E>(bytes: &[u8], mut visit: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
    let mut found = |mut places: u64, start: usize| {
        while places != 0 {
            visit(start + places.trailing_zeros() as usize / 8)?;
            places &= places - 1;
        }
        Ok(())
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        found(zeros(to_wildcards(u64::from_le_bytes(*word))), 8 * index)?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    let (word, start) = last(bytes);
    found(zeros(to_wildcards(word)), start)
}

/// Whether `wanted` holds for a word of `bytes`.
#[inline]
fn any(bytes: &[u8], wanted: impl Fn(u64) -> bool) -> bool {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().any(|word| wanted(u64::from_le_bytes(*word))) || wanted(last(bytes).0)
}

/// The last word of `bytes` and where it begins. What is missing of a short one is filled with a letter or with
/// bytes that it has.
#[inline]
fn last(bytes: &[u8]) -> (u64, usize) {
    if let Some(word) = bytes.last_chunk::<8>() {
        return (u64::from_le_bytes(*word), bytes.len() - 8);
    }
    if let (Some(low), Some(high)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (low, high) = (u64::from(u32::from_le_bytes(*low)), u64::from(u32::from_le_bytes(*high)));
        let shift = 8 * (bytes.len() - 4);
        return (low | high << shift | LETTERS << (32 + shift), 0);
    }
    let word = bytes.iter().rev().fold(LETTERS, |word, byte| word << 8 | u64::from(*byte));
    (word, 0)
}

/// What stands in the place of missing bytes.
const LETTERS: u64 = ONES * b'a' as u64;

/// A word in which the places of `+` and `#` are 0.
#[inline]
const fn to_wildcards(word: u64) -> u64 {
    (word | (ONES * DIFFERENCE as u64)) ^ WILDCARDS
}

/// The highest bit of each byte that is 0.
#[inline]
const fn zeros(word: u64) -> u64 {
    !((word & !HIGHS).wrapping_add(!HIGHS) | word) & HIGHS
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    /// Every length up to three words, with one byte of each kind in every place.
    #[test]
    fn one_byte_is_seen_in_every_place_of_every_length() {
        for len in 0..26 {
            let plain = vec![b'x'; len];
            assert!(is_plain(&plain) && is_plain_name(&plain) && !has_wildcard(&plain) && !has_zero(&plain));
            for place in 0..len {
                for byte in 0..=u8::MAX {
                    let mut bytes = plain.clone();
                    bytes[place] = byte;
                    let (zero, wildcard) = (byte == 0, byte == b'+' || byte == b'#');
                    assert_eq!(is_plain(&bytes), byte.is_ascii() && !zero, "{bytes:?}");
                    assert_eq!(is_plain_name(&bytes), byte.is_ascii() && !zero && !wildcard, "{bytes:?}");
                    assert_eq!(has_wildcard(&bytes), wildcard, "{bytes:?}");
                    assert_eq!(has_zero(&bytes), zero, "{bytes:?}");
                }
            }
        }
    }

    /// Every string of seven kinds of bytes up to a length, and each behind a level that fills a word or does not.
    #[test]
    fn a_plain_filter_is_one_by_every_rule() {
        for len in 0..6 {
            for number in 0..7_usize.pow(len) {
                let kinds = (0..len).map(|place| b"a/+#\0\x7F\x80"[number / 7_usize.pow(place) % 7]);
                let end: Vec<_> = kinds.collect();
                for before in
                    [&b""[..], b"a/", b"abcdefgh/", b"abcdefghijklmn/", b"abcdefghijklmnop/abcdefghijkl/"]
                {
                    let bytes = [before, &end].concat();
                    let plain = bytes.is_ascii() && !bytes.contains(&0);
                    let expected = plain && crate::topic::check_filter(&bytes).is_ok();
                    assert_eq!(is_plain_filter(&bytes), expected, "{bytes:?}");
                    let behind = [&end[..], b"/", before].concat();
                    let plain = behind.is_ascii() && !behind.contains(&0);
                    let expected = plain && crate::topic::check_filter(&behind).is_ok();
                    assert_eq!(is_plain_filter(&behind), expected, "{behind:?}");
                }
            }
        }
    }

    #[test]
    fn all_wildcards_are_visited_in_their_order() {
        for len in 0..26 {
            for first in 0..len {
                for second in first..len {
                    let mut bytes = vec![0xAB; len];
                    (bytes[first], bytes[second]) = (b'#', b'+');
                    let mut places = Vec::new();
                    let visited = wildcards(&bytes, |place| {
                        places.push(place);
                        Ok::<(), ()>(())
                    });
                    places.sort_unstable();
                    places.dedup();
                    let mut expected = vec![first, second];
                    expected.dedup();
                    assert_eq!((visited, places), (Ok(()), expected), "{bytes:?}");
                }
            }
        }
    }
}
