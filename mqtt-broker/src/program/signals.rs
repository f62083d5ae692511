//! What the system or a person wants of the program.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Ctrl-C or SIGTERM.
    Stop,
    /// SIGHUP: the configuration is to be read again.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such signal"))]
    Reload,
}

/// Ctrl-C, and SIGTERM and SIGHUP where there is such a thing.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    hangup: Signal,
    #[cfg(windows)]
    interrupt: CtrlC,
}

impl Signals {
    /// From now on signals no longer end the program by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            hangup: signal(SignalKind::hangup())?,
            #[cfg(windows)]
            interrupt: ctrl_c()?,
        })
    }

    pub(super) async fn next(&mut self) -> Wish {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
        }
        #[cfg(windows)]
        {
            self.interrupt.recv().await;
            Wish::Stop
        }
    }

    /// The next wish that it stops.
    pub(super) async fn stop(&mut self) {
        while self.next().await != Wish::Stop {}
    }
}
