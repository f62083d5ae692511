//! What only 5.0 lets a client say when it connects, and what only a server of 5.0 may ask of it.

use std::time::Duration;

use mqtt_codec::{Connect, Seconds};
use mqtt_session::{CleanStart, ClientConfig};

use super::{ConnectOptions, seconds, text};
use crate::error::ConnectionError;

#[derive(Clone, Debug)]
pub(crate) struct V5Options {
    pub(super) session_expiry: Option<Duration>,
    pub(super) topic_aliases: u16,
    pub(super) topic_alias_maximum: u16,
    pub(crate) redirects: u32,
    response_information: bool,
    problem_information: bool,
    user_properties: Vec<(String, String)>,
}

impl Default for V5Options {
    fn default() -> Self {
        Self {
            session_expiry: None,
            topic_aliases: 0,
            topic_alias_maximum: ClientConfig::default().topic_alias_maximum,
            redirects: 0,
            response_information: false,
            problem_information: true,
            user_properties: Vec::new(),
        }
    }
}

/// What only 5.0 has.
impl ConnectOptions {
    /// How long the server keeps the session without a connection. 5.0 only.
    ///
    /// Default: not at all with a clean start on every connection, else for ever, as in 3.1.1.
    pub const fn session_expiry(mut self, session_expiry: Duration) -> Self {
        self.v5.session_expiry = Some(session_expiry);
        self
    }

    /// Topic Aliases used towards the server, as far as it allows. Default 0. 5.0 only.
    pub const fn topic_aliases(mut self, maximum: u16) -> Self {
        self.v5.topic_aliases = maximum;
        self
    }

    /// Adds a User Property to CONNECT. 5.0 only.
    pub fn user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.v5.user_properties.push((name.into(), value.into()));
        self
    }

    /// Topic Alias Maximum: aliases that the server may use. Default 32; each keeps a topic in memory. 5.0 only.
    pub const fn topic_alias_maximum(mut self, maximum: u16) -> Self {
        self.v5.topic_alias_maximum = maximum;
        self
    }

    /// Asks the server for Response Information, which it need not give: [`Status::Connected`](crate::Status::Connected)
    /// has what it said. Default false. 5.0 only.
    pub const fn request_response_information(mut self, request: bool) -> Self {
        self.v5.response_information = request;
        self
    }

    /// Whether the server may explain its codes with Reason Strings and User Properties. Default true. 5.0 only.
    ///
    /// Told not to, a server that does it all the same in an acknowledgement ends the connection by that.
    pub const fn request_problem_information(mut self, request: bool) -> Self {
        self.v5.problem_information = request;
        self
    }

    /// How many times in a row the client follows a server that names another one: Use another server, or Server moved,
    /// with a Server Reference. Default 0: the connection ends with an error that has the reference. 5.0 only.
    ///
    /// The first server of the reference is tried, over the same transport, with the same certificates' rules and the
    /// same credentials: follow only whom you would give these. With Server moved it takes the first one's place; with
    /// Use another server the client goes back to the first one after the next pause. The session does not move with
    /// the client: what the other server does not know is sent, and subscribed to, again.
    pub const fn redirects(mut self, most: u32) -> Self {
        self.v5.redirects = most;
        self
    }
}

impl V5Options {
    /// The name of an option that was set and that other versions do not have.
    pub(super) const fn first_given(&self) -> Option<&'static str> {
        if self.session_expiry.is_some() {
            Some("session_expiry")
        } else if !self.user_properties.is_empty() {
            Some("user_property")
        } else if self.response_information {
            Some("request_response_information")
        } else if !self.problem_information {
            Some("request_problem_information")
        } else if self.redirects > 0 {
            Some("redirects")
        } else {
            None
        }
    }

    pub(super) fn fill_in(
        &self,
        connect: &mut Connect,
        clean_start: CleanStart,
    ) -> Result<(), ConnectionError> {
        let properties = &mut connect.properties;
        properties.session_expiry = self.session_expiry_seconds(clean_start);
        properties.request_response_information = self.response_information.then_some(true);
        properties.request_problem_information = (!self.problem_information).then_some(false);
        for (name, value) in &self.user_properties {
            let property = (text("user_property", name)?, text("user_property", value)?);
            properties.user_properties.push(property);
        }
        Ok(())
    }

    fn session_expiry_seconds(&self, clean_start: CleanStart) -> Option<Seconds> {
        match (self.session_expiry, clean_start) {
            (Some(span), _) => Some(seconds(span)),
            (None, CleanStart::Always) => None,
            (None, CleanStart::First | CleanStart::Never) => Some(Seconds::NEVER),
        }
    }
}
