//! `mqtt-broker health`: whether a broker answers, for whoever starts it again if not.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use mqtt_broker::config::{Address, Listener};

/// Which broker, and how long it may take.
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// A tcp:// address of the broker.
    #[arg(value_name = "URL", default_value_t = Listener::loopback())]
    address: Listener,

    /// Seconds that an answer may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    timeout: u64,
}

/// CONNECT of MQTT 3.1.1 without an identifier and with a clean session: nothing is left of it.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";
const DISCONNECT: &[u8] = b"\xe0\x00";

impl Health {
    /// Exit code 0 if the broker answers CONNECT, be it with a refusal; it lives then.
    pub(crate) fn run(&self) -> ExitCode {
        let asked = match self.address.address {
            Address::Tcp(address) => self.ask(address),
            _ => Err(io::Error::other("only a tcp:// address can be asked: name a listener on 127.0.0.1")),
        };
        match asked {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("mqtt-broker: {} does not answer: {error}", self.address);
                ExitCode::FAILURE
            }
        }
    }

    fn ask(&self, address: SocketAddr) -> io::Result<()> {
        let limit = Duration::from_secs(self.timeout);
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        stream.write_all(CONNECT)?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        // it may have closed already
        let _ = stream.write_all(DISCONNECT);
        if answer[0] == 0x20 { Ok(()) } else { Err(io::Error::other("what answers is no MQTT broker")) }
    }
}
