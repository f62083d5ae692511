//! A tunnel by the method CONNECT of HTTP/1.1 [RFC 9110, 9.3.6].

use std::fmt::Write;
use std::io;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::address::HostAndPort;
use crate::error::ProxyError;

/// Bytes that a proxy may answer with.
const ANSWER: usize = 8 << 10;

const HEADERS: usize = 64;

pub(super) async fn tunnel(
    mut stream: TcpStream,
    host: &str,
    port: u16,
    login: Option<&(String, String)>,
) -> Result<TcpStream, ProxyError> {
    let place = HostAndPort(host, port);
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some((name, password)) = login {
        let login = BASE64.encode(format!("{name}:{password}").as_bytes());
        let _ = write!(request, "Proxy-Authorization: Basic {login}\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(ProxyError::Io)?;
    match status(&mut stream).await? {
        200..=299 => Ok(stream),
        407 if login.is_some() => Err(ProxyError::LoginRefused),
        407 => Err(ProxyError::LoginRequired),
        403 => Err(ProxyError::Forbidden),
        status => Err(ProxyError::Status(status)),
    }
}

/// Reads the answer. No server behind a tunnel speaks first, so nothing but the answer comes.
async fn status(stream: &mut TcpStream) -> Result<u16, ProxyError> {
    let mut answer = Vec::with_capacity(1 << 10);
    loop {
        match stream.read_buf(&mut answer).await {
            Ok(0) => return Err(ProxyError::Closed),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(ProxyError::Closed),
            Err(error) => return Err(ProxyError::Io(error)),
        }
        if !answer.iter().zip(b"HTTP/").all(|(found, expected)| found == expected) {
            return Err(ProxyError::NotAProxy);
        }
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match (response.parse(&answer), response.code) {
            // a refusal may have a body, which nobody reads
            (Ok(httparse::Status::Complete(end)), Some(code)) if end == answer.len() || code >= 300 => {
                return Ok(code);
            }
            (Ok(httparse::Status::Partial), _) if answer.len() < ANSWER => {}
            _ => return Err(ProxyError::NotAProxy),
        }
    }
}
