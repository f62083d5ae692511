//! From a configuration to the end of the program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use mqtt_broker::Broker;
use mqtt_broker::config::{Config, Listener};

use super::failure::Failure;
use super::signals::Signals;

/// Runs until a signal. A second one during the clean end is taken at its word.
pub(super) async fn serve(config: Config) -> Result<ExitCode, Failure> {
    // Before the line that says that all is ready: whoever reads it may send a signal.
    let mut signals = Signals::new().map_err(Failure::System)?;
    let mut handle = Broker::builder().config(config).start().await?;
    super::say(&greeting(handle.addresses()));
    tokio::select! {
        () = signals.next() => {}
        end = handle.ended() => return end.map(|()| ExitCode::SUCCESS).map_err(Failure::Ended),
    }
    tokio::select! {
        () = handle.shutdown() => Ok(ExitCode::SUCCESS),
        () = signals.next() => std::process::exit(130),
    }
}

fn greeting(addresses: &[SocketAddr]) -> String {
    let urls: Vec<String> = addresses.iter().map(|&address| Listener { address }.to_string()).collect();
    let mut line = format!("Serving MQTT 3.1, 3.1.1 and 5.0 on {}", urls.join(", "));
    if let Some(address) = addresses.first() {
        let host = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        line += &format!("; try: mosquitto_sub -h {host} -p {} -t '#' -v", address.port());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_try_works_on_this_machine() {
        for (addresses, line) in [
            (
                &["127.0.0.1:1883"][..],
                "tcp://127.0.0.1:1883; try: mosquitto_sub -h 127.0.0.1 -p 1883 -t '#' -v",
            ),
            (&["[::]:99"], "tcp://[::]:99; try: mosquitto_sub -h ::1 -p 99 -t '#' -v"),
            (
                &["0.0.0.0:1884", "[::1]:1885"],
                "tcp://0.0.0.0:1884, tcp://[::1]:1885; try: mosquitto_sub -h 127.0.0.1 -p 1884 -t '#' -v",
            ),
        ] {
            let addresses: Vec<SocketAddr> =
                addresses.iter().map(|address| address.parse().expect("an address")).collect();
            assert_eq!(greeting(&addresses), format!("Serving MQTT 3.1, 3.1.1 and 5.0 on {line}"));
        }
    }
}
