//! Where the bytes of an owned packet come from.

use bytes::Bytes;

/// Where the bytes of an owned packet come from.
#[derive(Clone, Copy)]
pub(crate) enum Storage<'f> {
    /// A copy of each part.
    Copied,
    /// Slices that share the frame.
    Shared(&'f Bytes),
}

impl Storage<'_> {
    /// `part` as [`Bytes`]. A part that does not lie in the frame is copied: it may come from somewhere else.
    pub(crate) fn bytes(self, part: &[u8]) -> Bytes {
        let Self::Shared(frame) = self else { return Bytes::copy_from_slice(part) };
        let (start, from) = (frame.as_ptr() as usize, part.as_ptr() as usize);
        if from >= start && from + part.len() <= start + frame.len() {
            frame.slice_ref(part)
        } else {
            Bytes::copy_from_slice(part)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_frame_shares_its_storage() {
        let whole = Bytes::from_static(b"0123456789");
        let frame = whole.slice(2..6);
        let shared = Storage::Shared(&frame);
        for (range, shares) in [(2..6, true), (5..6, true), (6..8, false), (1..3, false)] {
            let part = whole.get(range).unwrap_or_default();
            let bytes = shared.bytes(part);
            assert_eq!(bytes, part);
            assert_eq!(bytes.as_ptr() == part.as_ptr(), shares, "{part:?}");
        }
    }
}
