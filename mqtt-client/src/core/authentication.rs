//! Enhanced authentication, beside everything else that goes on.
//!
//! ```text
//!            start, step                 AUTH Continue
//!   Busy ------------------> Waiting ---------------------> Busy
//!     ^                         |
//!     | reauthenticate          | CONNACK, AUTH Success
//!     +------- Idle <-----------+
//! ```

use std::future::pending;
use std::mem;

use bytes::Bytes;
use mqtt_codec::{AuthRef, ConnAckRef, Connect, ReasonCode, Text};
use mqtt_session::CloseReason;

use super::Core;
use crate::authentication::{Factory, Method, Work, Worked};
use crate::command::ReauthenticateAnswer;
use crate::error::{AuthenticationError, ConnectionError, OptionProblem, ReauthenticationError};
use crate::options::invalid;

/// The client's part in the authentication of the current connection.
pub(crate) struct Authenticator {
    factory: Option<Factory>,
    state: State,
    /// Whoever asked for the re-authentication that is under way.
    answer: Option<ReauthenticateAnswer>,
    /// Why this side ends the connection.
    failure: Option<AuthenticationError>,
    /// The method of CONNECT.
    method: Option<Text>,
}

enum State {
    Idle,
    /// The method works on what is to be said.
    Busy(Work),
    /// It is the server's turn.
    Waiting(Box<dyn Method>),
}

impl Authenticator {
    pub(super) const fn new(factory: Option<Factory>) -> Self {
        Self { factory, state: State::Idle, answer: None, failure: None, method: None }
    }

    /// What is to be done before CONNECT.
    pub(crate) fn start(&mut self) -> Option<Work> {
        self.failure = None;
        self.factory.as_ref().map(|factory| factory.make().into_start())
    }

    /// Puts into CONNECT what `start` has led to.
    pub(crate) fn fill_in(&mut self, connect: &mut Connect, begun: Worked) -> Result<(), ConnectionError> {
        let Worked { method, said } = begun;
        let data =
            said.map_err(|error| ConnectionError::Authentication(AuthenticationError::Start(error.into())))?;
        if data.as_ref().is_some_and(|data| data.len() > Text::MAX_LEN) {
            return Err(invalid("authentication", OptionProblem::OutOfRange));
        }
        let name = Text::new(method.name()).map_err(|error| invalid("authentication", error.into()))?;
        self.method = Some(name.clone());
        connect.properties.authentication_method = Some(name);
        connect.properties.authentication_data = data;
        self.state = State::Waiting(method);
        Ok(())
    }

    /// Why this side has ended the connection.
    pub(crate) const fn take_failure(&mut self) -> Option<AuthenticationError> {
        self.failure.take()
    }

    /// Waits until the method has something to say. Safe to cancel: the work stays.
    pub(super) async fn worked(&mut self) -> Worked {
        let State::Busy(work) = &mut self.state else { return pending().await };
        let worked = work.await;
        self.state = State::Idle;
        worked
    }

    fn reauthenticate(&mut self, is_connected: bool) -> Result<(), ReauthenticationError> {
        let factory = self.factory.as_ref().ok_or(ReauthenticationError::NoMethod)?;
        if !is_connected {
            return Err(ReauthenticationError::NotConnected);
        }
        if !matches!(self.state, State::Idle) {
            return Err(ReauthenticationError::UnderWay);
        }
        let method = factory.make();
        if self.method.as_deref() != Some(method.name()) {
            return Err(ReauthenticationError::OtherMethod);
        }
        self.state = State::Busy(method.into_start());
        Ok(())
    }

    /// The connection is gone, and what was under way on it.
    pub(super) fn handle_disconnected(&mut self, reason: CloseReason) {
        self.state = State::Idle;
        self.tell(Err(ReauthenticationError::Disconnected(reason)));
    }

    /// The server is satisfied: is the method?
    fn judge(&mut self, data: Option<&[u8]>) -> Result<(), AuthenticationError> {
        match mem::replace(&mut self.state, State::Idle) {
            State::Waiting(mut method) => {
                method.judge(data).map_err(|error| AuthenticationError::Server(error.into()))
            }
            State::Busy(_) => Err(AuthenticationError::NotAwaited),
            State::Idle => Ok(()),
        }
    }

    fn tell(&mut self, outcome: Result<(), ReauthenticationError>) {
        if let Some(answer) = self.answer.take() {
            // whoever has stopped waiting does not want to know
            let _ = answer.send(outcome);
        }
    }
}

impl Core {
    pub(super) fn reauthenticate(&mut self, answer: ReauthenticateAnswer) {
        match self.authenticator.reauthenticate(self.session.is_connected()) {
            Ok(()) => self.authenticator.answer = Some(answer),
            Err(error) => drop(answer.send(Err(error))),
        }
    }

    /// The method has something to say.
    pub(super) fn handle_worked(&mut self, worked: Worked) {
        let Worked { method, said } = worked;
        let begins = !self.session.is_authenticating();
        let said = said.map_err(|error| match begins {
            true => AuthenticationError::Start(error.into()),
            false => AuthenticationError::Step(error.into()),
        });
        let sent = said.and_then(|data| {
            let sent = match begins {
                true => self.session.reauthenticate(data),
                false => self.session.continue_authentication(data),
            };
            sent.map_err(|_| AuthenticationError::PacketTooLarge)
        });
        match sent {
            Ok(()) => self.authenticator.state = State::Waiting(method),
            // the server knows of nothing, and the connection is as good as before
            Err(error) if begins => self.authenticator.tell(Err(ReauthenticationError::Failed(error))),
            Err(error) => self.fail_authentication(error),
        }
    }

    /// AUTH of the server, which the session has found to be in turn.
    pub(crate) fn handle_auth(&mut self, auth: &AuthRef<'_>) {
        if auth.reason == ReasonCode::Success {
            match self.authenticator.judge(auth.data) {
                Ok(()) => self.authenticator.tell(Ok(())),
                Err(error) => self.fail_authentication(error),
            }
        } else if let State::Waiting(method) = mem::replace(&mut self.authenticator.state, State::Idle) {
            let data = auth.data.map(Bytes::copy_from_slice);
            self.authenticator.state = State::Busy(method.into_step(data));
        }
    }

    /// Whether the session may hear of a CONNACK: not before the server that sent it is judged.
    pub(crate) fn handle_connack(&mut self, connack: &ConnAckRef<'_>) -> bool {
        let properties = &connack.properties;
        let method = self.authenticator.method.as_deref();
        // anything but the expected end of the exchange is the session's to refuse
        if self.session.is_connected()
            || connack.reason.is_error()
            || method != properties.authentication_method()
        {
            return true;
        }
        match self.authenticator.judge(properties.authentication_data()) {
            Ok(()) => true,
            Err(error) => {
                self.fail_authentication(error);
                false
            }
        }
    }

    /// Ends the connection. [MQTT-4.12.1-2]
    fn fail_authentication(&mut self, error: AuthenticationError) {
        self.authenticator.state = State::Idle;
        self.authenticator.tell(Err(ReauthenticationError::Failed(error.clone())));
        self.authenticator.failure = Some(error);
        // of the codes that a client may send, none tells more
        self.session.disconnect(ReasonCode::UnspecifiedError);
    }
}
