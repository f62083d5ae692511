//! One attempt to connect, from dialling to CONNACK.

use std::future::Future;
use std::pin::pin;

use mqtt_codec::Connect;
use mqtt_session::CloseReason;
use tokio::time::{Instant, timeout_at};

use super::{Connection, Dial, Link, Login};
use crate::core::Core;
use crate::error::{ConnectionError, OptionProblem, Speaks, Step};
use crate::options::{invalid, log_in};
use crate::status::Status;
#[cfg(feature = "tls")]
use crate::transport::tls::TlsError;

impl<D: Dial> Connection<D> {
    /// The link once the server has accepted it; `None` if the client was told to end meanwhile.
    pub(super) async fn attempt(&mut self) -> Result<Option<Link<D::Stream>>, ConnectionError> {
        self.core.shared.status.send_replace(Status::Connecting);
        let deadline = Instant::now() + self.connect_timeout;
        let connect = self.login.fill_in(&self.connect, &mut self.dialer);
        let connect = timeout_at(deadline, connect);
        let Some(connect) = self.core.wait(connect).await else { return Ok(None) };
        let mut connect = connect.map_err(|_| ConnectionError::Timeout(Step::Credentials))??;
        if let Some(work) = self.core.authenticator.start() {
            let Some(begun) = self.core.wait(timeout_at(deadline, work)).await else { return Ok(None) };
            let begun = begun.map_err(|_| ConnectionError::Timeout(Step::Authentication))?;
            self.core.authenticator.fill_in(&mut connect, begun)?;
        }
        let dial = timeout_at(deadline, self.dialer.dial(deadline));
        let Some(dialled) = self.core.wait(dial).await else { return Ok(None) };
        let stream = dialled.map_err(|_| ConnectionError::Timeout(Step::Transport))??;
        let mut link = Link::new(stream, &self.core);
        self.core.session.handle_connected(self.core.now(), connect);
        let accepted = timeout_at(deadline, link.handshake(&mut self.core)).await;
        let error = match accepted {
            Ok(None) => return Ok(Some(link)),
            Ok(Some(CloseReason::Refused(reason))) => ConnectionError::Refused(self.core.take_said(reason)),
            Err(_) | Ok(Some(CloseReason::ConnectTimeout)) => ConnectionError::Timeout(Step::ConnAck),
            Ok(Some(reason)) => match self.core.authenticator.take_failure() {
                Some(failure) => ConnectionError::Authentication(failure),
                None => link.failure(reason, &mut self.core),
            },
        };
        self.core.handle_disconnected();
        if self.core.is_over() { Ok(None) } else { Err(error) }
    }
}

impl Login {
    /// The CONNECT of an attempt, with what a provider says.
    async fn fill_in(
        &mut self,
        connect: &Connect,
        dialer: &mut impl Dial,
    ) -> Result<Connect, ConnectionError> {
        let mut connect = connect.clone();
        if let Some(provider) = &self.provider {
            let credentials = provider.ask().await?;
            dialer.use_credentials(&credentials);
            log_in(&mut connect, credentials.user_name.as_deref(), credentials.password)?;
            if connect.password.is_some() && connect.user_name.is_none() && !connect.version.is_v5() {
                return Err(invalid("credentials", OptionProblem::PasswordWithoutUserName));
            }
        }
        if self.is_plain && connect.password.is_some() && !self.was_warned {
            self.was_warned = true;
            tracing::warn!(
                "the password is sent without TLS: everybody on the way to the server can read it"
            );
        }
        Ok(connect)
    }
}

impl<S> Link<S> {
    /// What an end before CONNACK was.
    fn failure(&mut self, reason: CloseReason, core: &mut Core) -> ConnectionError {
        match reason {
            CloseReason::Malformed(_) if self.beginning == *b"HTTP/" => {
                ConnectionError::NotMqtt(Speaks::Http)
            }
            // an alert of TLS 1.x, which servers send when what comes is not TLS
            CloseReason::Malformed(_) if self.beginning.starts_with(&[21, 3]) => {
                ConnectionError::NotMqtt(Speaks::Tls)
            }
            CloseReason::Transport => {
                // TLS 1.3 servers look at the client's certificate after the handshake
                #[cfg(feature = "tls")]
                if let Some(error) = self.error.as_ref().and_then(TlsError::inside) {
                    return ConnectionError::Tls(error);
                }
                ConnectionError::NoConnAck(self.error.take())
            }
            CloseReason::Peer(reason) => ConnectionError::Disconnected(core.take_said(reason)),
            reason => ConnectionError::Closed(reason),
        }
    }
}

impl Core {
    /// Waits for `work` without a connection, and serves the handles meanwhile; `None` if the client was told to end.
    pub(crate) async fn wait<F: Future>(&mut self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        loop {
            self.settle(self.now());
            if self.is_over() {
                return None;
            }
            tokio::select! {
                output = &mut work => return Some(output),
                input = self.next_input() => {
                    let now = self.now();
                    self.handle_input(now, input);
                }
            }
        }
    }
}
