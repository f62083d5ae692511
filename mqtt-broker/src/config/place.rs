//! Where in a configuration somebody has to look.

use std::borrow::Cow;

use super::Address;

/// A setting that a mistake is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// By its tables and its name, as `auth.http.url`.
    Setting(Cow<'static, str>),
    /// That of a listener.
    Listener {
        /// The listener.
        address: Address,
        /// The setting in its table.
        setting: &'static str,
    },
}

impl Place {
    pub(crate) const fn setting(name: &'static str) -> Self {
        Self::Setting(Cow::Borrowed(name))
    }

    pub(super) fn listener(address: &Address, setting: &'static str) -> Self {
        Self::Listener { address: address.clone(), setting }
    }
}
