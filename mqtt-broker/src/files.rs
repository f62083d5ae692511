//! Files that the configuration names.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a file: those of a million users, or of as many rules.
const LIMIT: u64 = 256 << 20;

/// Opens a file, unless it is a pipe: a reload would wait until somebody writes into it, and a broker that waits hears no
/// signal to stop.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if is_pipe(path) {
        return Err(io::Error::other("it is a pipe, in which nothing may ever come: name a file"));
    }
    File::open(path)
}

/// Reads all of a file, unless it never ends.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::other(format!("it has more than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}

/// The same of a file that is a text.
pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| {
        let bytes = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = 1 + bytes.filter(|&&byte| byte == b'\n').count();
        io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is no UTF-8 text"))
    })
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_none_is_told_with_its_line() {
        let path = std::env::temp_dir().join(format!("mqtt-broker-files-{}", std::process::id()));
        fs::write(&path, b"a\nb\n\xFF\n").expect("written");
        let error = read_to_string(&path).expect_err("no text").to_string();
        fs::remove_file(&path).expect("it was written");
        assert_eq!(error, "line 3 is no UTF-8 text");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_never_ends_is_not_read_to_its_end() {
        let error = read(Path::new("/dev/zero")).expect_err("it has no end").to_string();
        assert_eq!(error, "it has more than 256 MiB");
        assert!(read(Path::new("/dev/null")).expect("an empty one").is_empty());
    }
}
