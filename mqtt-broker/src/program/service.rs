//! What a service manager is told, and the sockets that it has opened.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// What the service manager should know. Nothing happens where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Ready,
    Reloading,
    Stopping,
    Alive,
}

/// Tells the service manager, if one wants to know.
pub(super) fn tell(state: State) {
    #[cfg(unix)]
    {
        use sd_notify::NotifyState;
        let told = match state {
            State::Ready => sd_notify::notify(&[NotifyState::Ready]),
            State::Reloading => NotifyState::monotonic_usec_now()
                .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
            State::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
            State::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        };
        if let Err(error) = told {
            tracing::warn!("the service manager does not hear: {error}");
        }
    }
    #[cfg(not(unix))]
    let _ = state;
}

/// How often to look whether the broker is alive: four times in the time that the service manager waits to hear it.
pub(super) fn watchdog() -> Option<Duration> {
    #[cfg(unix)]
    return sd_notify::watchdog_enabled().map(|limit| limit / 4);
    #[cfg(not(unix))]
    None
}

/// The sockets that were opened for the program before it started.
#[cfg(unix)]
pub(super) fn sockets() -> io::Result<Vec<TcpListener>> {
    let mut given = listenfd::ListenFd::from_env();
    (0..given.len()).filter_map(|index| given.take_tcp_listener(index).transpose()).collect()
}

/// Nobody opens sockets for others here.
#[cfg(not(unix))]
pub(super) fn sockets() -> io::Result<Vec<TcpListener>> {
    Ok(Vec::new())
}
