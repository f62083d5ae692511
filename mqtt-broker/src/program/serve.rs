//! From a configuration to the end of the program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mqtt_broker::config::{Address, Listener};
use mqtt_broker::{Broker, BrokerHandle};

use super::failure::Failure;
use super::options::Settings;
use super::service::{self, State};
use super::signals::{Signals, Wish};

/// Runs until a signal. A second one during the clean end is taken at its word.
pub(super) async fn serve(settings: Settings) -> Result<ExitCode, Failure> {
    let config = settings.config()?;
    let data = config.store.directory.clone();
    let lets_in =
        config.listeners.iter().map(|listener| config.lets_in_unasked(listener)).collect::<Vec<_>>();
    // Before the line that says that all is ready: whoever reads it may send a signal.
    let mut signals = Signals::new().map_err(Failure::System)?;
    let sockets = service::sockets().map_err(Failure::System)?;
    let builder =
        sockets.into_iter().fold(Broker::builder().config(config), |builder, socket| builder.inherit(socket));
    #[cfg(feature = "disk")]
    if let (Some(data), Ok(program)) = (&data, std::env::current_exe()) {
        super::probe::probe(&program, data)?;
    }
    let started = builder.start().await;
    let mut handle = started.map_err(|error| settings.located(error))?;
    service::tell(State::Ready);
    super::say(&greeting(handle.listeners(), &lets_in, data.as_deref()));
    let mut alive = service::watchdog().map(tokio::time::interval);
    loop {
        tokio::select! {
            () = tick(&mut alive) => if handle.has_worked() {
                service::tell(State::Alive);
            },
            wish = signals.next() => match wish {
                Wish::Stop => break,
                Wish::Reload => {
                    service::tell(State::Reloading);
                    reload(&handle, &settings);
                    service::tell(State::Ready);
                }
            },
            end = handle.ended() => return end.map(|()| ExitCode::SUCCESS).map_err(Failure::Ended),
        }
    }
    service::tell(State::Stopping);
    tokio::select! {
        () = handle.shutdown() => Ok(ExitCode::SUCCESS),
        () = signals.stop() => std::process::exit(130),
    }
}

/// The next time to say that the broker is alive; never if nobody asks.
async fn tick(alive: &mut Option<tokio::time::Interval>) {
    match alive {
        Some(alive) => _ = alive.tick().await,
        None => std::future::pending().await,
    }
}

/// Reads the configuration again; with a mistake in it the broker goes on as it was.
fn reload(handle: &BrokerHandle, settings: &Settings) {
    let reloaded =
        settings.config().and_then(|config| handle.reload(config).map_err(|error| settings.located(error)));
    match reloaded {
        Ok(waiting) if waiting.is_empty() => super::say(&"Reloaded the configuration and its files"),
        Ok(waiting) => super::say(&format_args!(
            "Reloaded the configuration and its files; what waits for the next start: {}",
            waiting.join(", ")
        )),
        Err(failure) => tracing::error!("not reloaded, everything stays as it was: {failure}"),
    }
}

/// What is served, where it is kept, and a command to try if it needs no more than is known here. `lets_in` says of each
/// listener whether it asks nobody who they are.
fn greeting(listeners: &[Listener], lets_in: &[bool], data: Option<&Path>) -> String {
    let urls: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    let place = data.map_or_else(
        || "all in memory".to_owned(),
        |data| format!("sessions and messages in {}", shown(data).display()),
    );
    let line = format!("Serving MQTT 3.1, 3.1.1 and 5.0 on {}; {place}", urls.join(", "));
    // what the command speaks with no further options
    let plain = |(listener, _): &(&Listener, &bool)| matches!(listener.address, Address::Tcp(_));
    let mut plain: Vec<_> = listeners.iter().zip(lets_in).filter(plain).collect();
    plain.sort_by_key(|(_, lets_in)| !**lets_in);
    let Some((listener, lets_in)) = plain.first() else { return line };
    let Some(address) = listener.address.socket() else { return line };
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let user = if **lets_in { "" } else { " -u USER -P PASSWORD" };
    format!("{line}; try: mosquitto_sub -h {host} -p {}{user} -t '#' -v", address.port())
}

/// A relative path such that it looks like one.
fn shown(path: &Path) -> PathBuf {
    if path.is_absolute() || path.starts_with(".") || path.starts_with("..") {
        path.to_owned()
    } else {
        Path::new(".").join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_data_can_be_pasted() {
        for (data, place) in [
            (None, "all in memory"),
            (Some("mqtt-data"), "sessions and messages in ./mqtt-data"),
            (Some("../mqtt"), "sessions and messages in ../mqtt"),
            (Some("/var/lib/mqtt"), "sessions and messages in /var/lib/mqtt"),
        ] {
            let line = greeting(&[Listener::loopback()], &[true], data.map(Path::new));
            assert!(line.contains(&format!("tcp://127.0.0.1:1883; {place}; try: ")), "{line}");
        }
    }

    #[test]
    fn the_command_to_try_works_on_this_machine() {
        for (urls, asking, line) in [
            (
                &["tcp://127.0.0.1:1883"][..],
                "",
                "tcp://127.0.0.1:1883; all in memory; try: mosquitto_sub -h 127.0.0.1 -p 1883 -t '#' -v",
            ),
            (
                &["tcp://[::]:99"],
                "",
                "tcp://[::]:99; all in memory; try: mosquitto_sub -h ::1 -p 99 -t '#' -v",
            ),
            (
                &["tls://127.0.0.1", "tcp://0.0.0.0:1884", "tcp://[::1]:1885"],
                "",
                "tls://127.0.0.1:8883, tcp://0.0.0.0:1884, tcp://[::1]:1885; all in memory; try: mosquitto_sub -h 127.0.0.1 -p 1884 -t '#' -v",
            ),
            (
                &["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"],
                "tcp://127.0.0.1:1",
                "tcp://127.0.0.1:1, tcp://127.0.0.1:2; all in memory; try: mosquitto_sub -h 127.0.0.1 -p 2 -t '#' -v",
            ),
            (
                &["tcp://127.0.0.1:1"],
                "tcp://127.0.0.1:1",
                "tcp://127.0.0.1:1; all in memory; try: mosquitto_sub -h 127.0.0.1 -p 1 -u USER -P PASSWORD -t '#' -v",
            ),
            (
                &["ws://127.0.0.1:8080", "unix:///run/s"],
                "",
                "ws://127.0.0.1:8080/mqtt, unix:///run/s; all in memory",
            ),
        ] {
            let listeners: Vec<Listener> = urls.iter().map(|url| url.parse().expect("a URL")).collect();
            let lets_in: Vec<bool> = urls.iter().map(|url| *url != asking).collect();
            assert_eq!(
                greeting(&listeners, &lets_in, None),
                format!("Serving MQTT 3.1, 3.1.1 and 5.0 on {line}")
            );
        }
    }
}
