//! Who a client is, as far as permissions go.

use std::sync::Arc;

use bytes::Bytes;
use mqtt_codec::Text;
use mqtt_session::Time;

use crate::auth::Permissions;

/// A user that an authenticator has named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name that permissions go by.
    pub name: Option<Text>,
    /// Groups that the evidence itself has named.
    pub groups: Vec<Text>,
    /// What the evidence itself allows; none if it says nothing of that.
    pub permissions: Option<Permissions>,
}

/// What was found out about a client before it may connect. The default is an anonymous one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Who it is; nobody in particular if there is none.
    pub user: Option<Arc<User>>,
    /// When that ceases to hold: the connection ends then with Not authorized.
    pub expires: Option<Time>,
    /// By what the server proves itself after enhanced authentication: the Authentication Data of CONNACK.
    pub proof: Option<Bytes>,
}

impl Admission {
    /// The user name, if there is one.
    pub fn user_name(&self) -> Option<&Text> {
        self.user.as_ref()?.name.as_ref()
    }
}
