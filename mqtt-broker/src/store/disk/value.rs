//! How a value is written: a version, fields in a row, and a checksum over its key and itself.
//!
//! The engine checks its own pages only when it is asked to, so nothing that is read back is believed without this.

/// The version that is written. A value of another one is not understood.
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;

/// A value that is being written.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new() -> Self {
        Self(vec![VERSION])
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Bytes with their length before them.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    /// Whether there is something, and if so what `put` writes of it.
    pub(super) fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
        self
    }

    /// Their number, and what `put` writes of each.
    pub(super) fn each<T>(
        &mut self,
        values: impl ExactSizeIterator<Item = T>,
        mut put: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
        values.for_each(|value| put(self, value));
        self
    }

    /// The whole value, for its key.
    pub(super) fn finish(mut self, key: &[u8]) -> Vec<u8> {
        let checksum = checksum(key, &self.0);
        self.u32(checksum);
        self.0
    }
}

/// A value that is being read. Everything is `None` from the first field on that is not there.
pub(super) struct Reader<'v>(&'v [u8]);

impl<'v> Reader<'v> {
    /// `None` if the value is damaged or of another version.
    pub(super) fn new(key: &[u8], value: &'v [u8]) -> Option<Self> {
        let (fields, stored) = value.split_last_chunk::<CHECKSUM>()?;
        let is_intact = u32::from_be_bytes(*stored) == checksum(key, fields);
        let (version, fields) = fields.split_first()?;
        (is_intact && *version == VERSION).then_some(Self(fields))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        self.u8().map(|value| value != 0)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn bytes(&mut self) -> Option<&'v [u8]> {
        let len = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'v str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(super) fn option<T>(&mut self, get: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? { get(self).map(Some) } else { Some(None) }
    }

    pub(super) fn each<T>(&mut self, mut get: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()?;
        (0..count).map(|_| get(self)).collect()
    }
}

fn checksum(key: &[u8], fields: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(fields);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_back_and_no_other_is() {
        let mut writer = Writer::new();
        writer
            .u8(7)
            .u16(8)
            .bytes(b"text")
            .option(Some(9), |w, nine| _ = w.u64(nine))
            .option(None::<u8>, |_, _| {});
        writer.each([1, 2].into_iter(), |w, each| _ = w.u32(each));
        let value = writer.finish(b"key");
        let mut reader = Reader::new(b"key", &value).expect("intact");
        assert_eq!((reader.u8(), reader.u16(), reader.text()), (Some(7), Some(8), Some("text")));
        assert_eq!(reader.option(Reader::u64), Some(Some(9)));
        assert_eq!(reader.option(Reader::u8), Some(None));
        assert_eq!(reader.each(Reader::u32), Some(vec![1, 2]));
        assert_eq!(reader.u8(), None);
        assert!(Reader::new(b"kez", &value).is_none());
        for index in 0..value.len() {
            for bit in 0..8 {
                let mut damaged = value.clone();
                damaged[index] ^= 1 << bit;
                assert!(Reader::new(b"key", &damaged).is_none(), "byte {index}, bit {bit}");
            }
            assert!(Reader::new(b"key", &value[..index]).is_none());
        }
    }
}
