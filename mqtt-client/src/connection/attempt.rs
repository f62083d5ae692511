//! One attempt to connect, from dialling to CONNACK.

use std::future::Future;
use std::pin::pin;

use mqtt_session::CloseReason;
use tokio::time::{Instant, timeout_at};

use super::{Connection, Dial, Link};
use crate::core::Core;
use crate::error::{ConnectionError, Step};
use crate::status::Status;

impl<D: Dial> Connection<D> {
    /// The link once the server has accepted it; `None` if the client was told to end meanwhile.
    pub(super) async fn attempt(&mut self) -> Result<Option<Link<D::Stream>>, ConnectionError> {
        self.core.shared.status.send_replace(Status::Connecting);
        let deadline = Instant::now() + self.connect_timeout;
        let dial = timeout_at(deadline, self.dialer.dial(deadline));
        let Some(dialled) = self.core.wait(dial).await else { return Ok(None) };
        let stream = dialled.map_err(|_| ConnectionError::Timeout(Step::Transport))??;
        let mut link = Link::new(stream, &self.core);
        self.core.session.handle_connected(self.core.now(), self.connect.clone());
        let accepted = timeout_at(deadline, link.handshake(&mut self.core)).await;
        let error = match accepted {
            Ok(None) => return Ok(Some(link)),
            Ok(Some(CloseReason::Refused(reason))) => ConnectionError::Refused(reason),
            Err(_) | Ok(Some(CloseReason::ConnectTimeout)) => ConnectionError::Timeout(Step::ConnAck),
            Ok(Some(reason)) => ConnectionError::Closed(reason),
        };
        self.core.handle_disconnected();
        if self.core.is_over() { Ok(None) } else { Err(error) }
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
