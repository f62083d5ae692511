//! The header of the PROXY protocol.

use mqtt_broker::proxy::read;

/// Bytes after which nobody waits for the rest of a header.
const LIMIT: usize = 4 << 10;

/// Finds headers that mean something else when they come in pieces or with something behind them, and headers that are
/// waited for too long.
pub fn proxy(data: &[u8]) {
    let whole = read(data);
    match &whole {
        Ok(Some(header)) => {
            assert!(header.len <= data.len());
            assert_eq!(read(&data[..header.len]), whole, "what is behind a header is no part of it");
        }
        Ok(None) => assert!(data.len() < LIMIT, "{} bytes are no header", data.len()),
        Err(_) => {}
    }
    for cut in (0..data.len()).rev().take(200) {
        match read(&data[..cut]) {
            Ok(None) => {}
            known => assert_eq!(known, whole, "{cut} bytes are enough"),
        }
    }
}
