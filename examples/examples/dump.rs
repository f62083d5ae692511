//! Prints captured MQTT packet by packet, and explains the first bytes that are no packet.
//!
//! `cargo run -p mqtt-examples --example dump -- [client|server] [3.1|3.1.1|5.0] < CAPTURE`

use std::io::{Read, stdin};

use mqtt_codec::{DecodeError, FixedHeader, PacketRef, Role, Rules, Version};

const USAGE: &str = "usage: dump [client|server] [3.1|3.1.1|5.0] < CAPTURE\n\
    who sent the bytes (client), in which version if no CONNECT tells (3.1.1); binary, or hex such as C0 00,\n\
    which `xxd -p FILE` or `tshark -r FILE -T fields -e tcp.payload` makes";

fn main() {
    if let Err(message) = read().and_then(|(capture, rules)| dump(&capture, rules)) {
        eprintln!("{message}");
        std::process::exit(1);
    }
}

fn read() -> Result<(Vec<u8>, Rules), String> {
    let (mut input, mut rules) = (Vec::new(), Rules::new(Version::V3_1_1, Role::Server));
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), Version::ALL.iter().find(|version| version.to_string() == argument)) {
            ("client", _) => rules.role = Role::Server,
            ("server", _) => rules.role = Role::Client,
            (_, Some(version)) => rules.version = *version,
            _ => return Err(format!("{argument:?} is neither a side nor a version\n{USAGE}")),
        }
    }
    stdin().read_to_end(&mut input).map_err(|error| format!("standard input: {error}"))?;
    let is_text = input.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let capture = if is_text { hex(&String::from_utf8_lossy(&input))? } else { input };
    if capture.is_empty() { Err(format!("nothing was captured\n{USAGE}")) } else { Ok((capture, rules)) }
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.replace("0x", "").replace(|c: char| c.is_whitespace() || ":,-".contains(c), "");
    if let Some(other) = digits.chars().find(|digit| !digit.is_ascii_hexdigit()) {
        return Err(format!("the capture is text but no hex: it holds {other:?}\n{USAGE}"));
    }
    let pair = |at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<_> = (0..digits.len()).step_by(2).map(pair).collect();
    bytes.ok_or_else(|| format!("the hex ends with half a byte, after {} bytes", digits.len() / 2))
}

fn dump(capture: &[u8], mut rules: Rules) -> Result<(), String> {
    let mut at = 0;
    while let rest @ [_, ..] = &capture[at..] {
        let explain = |error| explain(at, rest, error, rules.role);
        let len = FixedHeader::parse(rest, &rules).map_err(explain)?.map(|header| header.packet_len());
        let Some(frame) = len.and_then(|len| rest.get(..len)) else {
            let of = len.map_or(String::new(), |len| format!(" of {len}"));
            return Err(format!("{at:6} the capture ends within a packet, after {}{of} bytes", rest.len()));
        };
        let packet = PacketRef::decode(frame, &rules).map_err(explain)?;
        if let PacketRef::Connect(connect) = packet {
            rules.version = connect.version;
        }
        println!("{at:6} {:6} bytes  {:?}", frame.len(), packet.to_packet());
        at += frame.len();
    }
    Ok(())
}

/// The error itself says packet, field, offset and rule; this adds the bytes around it, and what to send.
fn explain(at: usize, bytes: &[u8], error: DecodeError, reader: Role) -> String {
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X} ")).collect::<String>();
    let fault = bytes.len().min(error.offset as usize);
    let before = digits(&bytes[fault.saturating_sub(12)..fault]);
    let after = digits(&bytes[fault..bytes.len().min(fault + 12)]);
    let mut answer = Vec::new();
    let send = match error.answer(reader).map(|packet| packet.encode(error.version, &mut answer)) {
        Some(Ok(())) => format!("send {}({}) and close", digits(&answer), error.reason_code()),
        _ => format!("close, for MQTT {} has no packet to say why", error.version),
    };
    let tls = if bytes.starts_with(&[0x16, 3]) { "; this is TLS: what is in it is needed" } else { "" };
    let at_fault = at + fault;
    format!("{at:6} {error}{tls}\n       {before}> {after}  byte {at_fault} of the capture\n       {send}")
}
