//! The driver: connects, carries bytes between session and transport, connects again.
//!
//! ```text
//!        +--> attempt: dial, CONNECT, CONNACK --> carry until the end --+
//!        |         \__ refused for good: Err        \__ told to: Ok     |
//!        +---------------- pause, longer each time <--------------------+
//! ```

mod attempt;
mod carry;
mod dial;
mod link;
mod output;

use std::sync::Arc;
use std::time::Duration;

use mqtt_codec::{Connect, ReasonCode};
use mqtt_session::{Backoff, CloseReason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::core::Core;
use crate::credentials::Provider;
use crate::error::ConnectionError;
use crate::options::ConnectOptions;
use crate::random;
use crate::status::Status;
use crate::transport::Network;

pub use dial::{Dial, Redirect};
pub(crate) use output::Output;

use link::Link;

/// Connections in a row that ended early, before another client of the same identifier is suspected. 3.x servers
/// do not say why they end a connection.
const SUSPICIOUS_ENDS: u32 = 3;

/// The driver of a [`Client`](crate::Client), for those who start it themselves.
///
/// Nothing happens unless [`Connection::run`] is awaited. Dropping the connection ends the client.
pub struct Connection<D: Dial = Network> {
    core: Core,
    dialer: D,
    connect: Connect,
    login: Login,
    connect_timeout: Duration,
    link: Option<Link<D::Stream>>,
    reconnect: Reconnect,
    redirects: Redirects,
}

/// How often servers may send the client elsewhere, and have, since the last pause.
struct Redirects {
    most: u32,
    followed: u32,
}

/// Who the client says it is.
struct Login {
    /// Whom to ask before each attempt.
    provider: Option<Provider>,
    /// Whether everybody on the way can read it, as far as that is known.
    is_plain: bool,
    was_warned: bool,
}

/// When to connect again.
struct Reconnect {
    /// `None` for never.
    backoff: Option<Backoff>,
    /// A connection that has held for longer is no reason to wait.
    good_after: Duration,
    connected_at: Option<Instant>,
    /// Whether the server has accepted this client before.
    accepted: bool,
    early_ends: u32,
}

impl<D: Dial> Connection<D> {
    /// `is_plain` if everybody on the way to the server can read what is sent.
    pub(crate) fn new(
        core: Core,
        dialer: D,
        connect: Connect,
        options: &ConnectOptions,
        is_plain: bool,
    ) -> Self {
        let (first, longest) = (options.reconnect_first, options.reconnect_longest);
        let backoff = (!first.is_zero()).then(|| Backoff::new(first, longest.max(first)));
        let reconnect =
            Reconnect { backoff, good_after: longest, connected_at: None, accepted: false, early_ends: 0 };
        let login = Login { provider: options.transport.provider.clone(), is_plain, was_warned: false };
        let connect_timeout = options.connect_timeout;
        let redirects = Redirects { most: options.v5.redirects, followed: 0 };
        Self { core, dialer, connect, login, connect_timeout, link: None, reconnect, redirects }
    }

    /// Makes one attempt to connect, and returns once the server has accepted it. Optional: [`Connection::run`]
    /// connects as well, but keeps trying.
    ///
    /// Cancel safety: a cancelled attempt is given up, another one may follow.
    ///
    /// # Errors
    /// Why there is no connection. The client lives on: `open` and `run` may be called again.
    pub async fn open(&mut self) -> Result<(), ConnectionError> {
        self.link = None;
        self.core.handle_disconnected();
        self.link = loop {
            match self.attempt().await {
                Ok(link) => break link,
                Err(error) if self.follow(&error) => {}
                Err(error) => {
                    self.come_back();
                    return Err(error);
                }
            }
        };
        self.reconnect.connected();
        Ok(())
    }

    /// Serves the client until it is told to disconnect, all its handles are gone, or the connection has ended and
    /// may not be made again.
    ///
    /// Cancel safety: cancelling it ends the client; nothing that was published before is sent any more.
    ///
    /// # Errors
    /// What ended the client other than the application: a first attempt that was refused for good, or the end of the
    /// connection when reconnecting is switched off.
    pub async fn run(mut self) -> Result<(), Arc<ConnectionError>> {
        let result = self.serve().await;
        self.core.finish(result.as_ref().err().cloned());
        result
    }

    async fn serve(&mut self) -> Result<(), Arc<ConnectionError>> {
        loop {
            let cause = match self.connected_link().await {
                Ok(None) => return Ok(()),
                Ok(Some(mut link)) => {
                    let reason = link.carry(&mut self.core).await;
                    let error = link.error.take();
                    drop(link);
                    self.core.handle_disconnected();
                    match (self.core.authenticator.take_failure(), reason, error) {
                        (Some(failure), ..) => ConnectionError::Authentication(failure),
                        (None, CloseReason::Transport, Some(error)) => ConnectionError::Lost(error),
                        (None, CloseReason::Peer(reason), _) => {
                            ConnectionError::Disconnected(self.core.take_said(reason))
                        }
                        (None, reason, _) => ConnectionError::Closed(reason),
                    }
                }
                Err(error) => error,
            };
            if self.core.is_over() {
                return Ok(());
            }
            if self.follow(&cause) {
                continue;
            }
            self.come_back();
            let cause = Arc::new(cause);
            let Some(pause) = self.reconnect.pause(&cause) else { return Err(cause) };
            self.core.shared.status.send_replace(Status::Disconnected { cause, pause });
            if self.core.wait(tokio::time::sleep(pause)).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Turns to the server that this one has named, if the client may.
    fn follow(&mut self, cause: &ConnectionError) -> bool {
        let (ConnectionError::Refused(said) | ConnectionError::Disconnected(said)) = cause else {
            return false;
        };
        let Some((reference, for_good)) = said.redirect() else { return false };
        if self.redirects.followed >= self.redirects.most {
            return false;
        }
        let redirect = if for_good { Redirect::ForGood(reference) } else { Redirect::ForNow(reference) };
        let turned = self.dialer.redirect(redirect);
        if turned {
            self.redirects.followed += 1;
            tracing::info!(%cause, "another server is tried");
        } else {
            tracing::warn!(%cause, "the server names no other one that can be used");
        }
        turned
    }

    /// Turns to the first server again, unless that has moved.
    fn come_back(&mut self) {
        if self.redirects.followed > 0 {
            self.redirects.followed = 0;
            self.dialer.redirect(Redirect::Back);
        }
    }

    /// The link that `open` has made, or one of a new attempt; `None` if the client has ended meanwhile.
    async fn connected_link(&mut self) -> Result<Option<Link<D::Stream>>, ConnectionError> {
        if let Some(link) = self.link.take() {
            return Ok(Some(link));
        }
        let link = self.attempt().await?;
        if link.is_some() {
            self.reconnect.connected();
        }
        Ok(link)
    }
}

impl<D: Dial> std::fmt::Debug for Connection<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("connect", &self.connect).finish_non_exhaustive()
    }
}

impl Reconnect {
    fn connected(&mut self) {
        self.connected_at = Some(Instant::now());
        self.accepted = true;
    }

    /// How long to wait before the next attempt; `None` if there shall be none.
    fn pause(&mut self, cause: &ConnectionError) -> Option<Duration> {
        let held = self.connected_at.take().map(|at| at.elapsed());
        if cause.is_permanent() && !self.accepted {
            return None;
        }
        let backoff = self.backoff.as_mut()?;
        match held {
            Some(held) if held > self.good_after => {
                backoff.reset();
                self.early_ends = 0;
            }
            Some(_) => self.early_ends += 1,
            None => {}
        }
        let taken_over = matches!(cause, ConnectionError::Disconnected(said) if said.reason == ReasonCode::SessionTakenOver);
        let pause = backoff.next(random::random() as u32);
        if taken_over {
            tracing::warn!(?pause, "another client with the same identifier has taken over the session");
        } else if self.early_ends == SUSPICIOUS_ENDS {
            tracing::warn!(
                %cause, ?pause,
                "connections keep ending early; does another client use the same identifier?"
            );
        } else {
            tracing::info!(%cause, ?pause, "not connected");
        }
        Some(pause)
    }
}

/// What a transport is: any reliable, ordered stream of bytes.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}
