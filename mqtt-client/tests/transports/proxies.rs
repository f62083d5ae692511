//! Proxies that a test can look into.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::servers::Server;

/// A SOCKS5 proxy: whatever it is asked for, it reaches `server`, unless it has a reply other than 0 to give. Sees who
/// asked for what.
pub(crate) async fn socks5(server: SocketAddr, login: Option<&'static str>, reply: u8) -> Server<String> {
    Server::start(move |stream| async move {
        socks5_request(stream, server, login, reply).await.unwrap_or_else(|error| error.to_string())
    })
    .await
}

async fn socks5_request(
    mut stream: TcpStream,
    server: SocketAddr,
    login: Option<&'static str>,
    reply: u8,
) -> io::Result<String> {
    assert_eq!(stream.read_u8().await?, 5);
    let methods = text(&mut stream).await?;
    let method = if login.is_some() { 2 } else { 0 };
    if !methods.as_bytes().contains(&method) {
        stream.write_all(&[5, 0xff]).await?;
        return Ok("no method in common".to_owned());
    }
    stream.write_all(&[5, method]).await?;
    let mut seen = String::new();
    if let Some(login) = login {
        assert_eq!(stream.read_u8().await?, 1);
        seen = format!("{}:{}@", text(&mut stream).await?, text(&mut stream).await?);
        let is_wrong = seen.strip_suffix('@') != Some(login);
        stream.write_all(&[1, u8::from(is_wrong)]).await?;
        if is_wrong {
            return Ok("wrong login".to_owned());
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    assert_eq!(request[..3], [5, 1, 0]);
    let host = match request[3] {
        1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        3 => text(&mut stream).await?,
        kind => panic!("address type {kind}"),
    };
    seen += &format!("{host}:{}", stream.read_u16().await?);
    stream.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if reply == 0 {
        carry(stream, server).await?;
    }
    Ok(seen)
}

/// A text with its length before it.
async fn text(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

/// An HTTP proxy: whatever it is asked for, it answers so, and reaches `server` if the answer says so. Sees the request.
pub(crate) async fn http(server: SocketAddr, answer: &'static str) -> Server<String> {
    Server::start(move |mut stream| async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut request).await.unwrap() > 0);
        }
        let is_whole = answer.ends_with("\r\n\r\n");
        // in pieces, as a network may bring it
        for part in answer.as_bytes().chunks(if is_whole { 7 } else { 1_000 }) {
            stream.write_all(part).await.unwrap();
        }
        if is_whole && answer.starts_with("HTTP/1.1 2") {
            carry(stream, server).await.unwrap();
        }
        String::from_utf8(request).unwrap()
    })
    .await
}

async fn carry(mut stream: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut onward = TcpStream::connect(server).await?;
    copy_bidirectional(&mut stream, &mut onward).await.map(|_| ())
}
