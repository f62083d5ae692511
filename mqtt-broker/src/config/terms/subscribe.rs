//! What clients of a listener are subscribed to without asking.

use mqtt_codec::{QoS, RetainHandling, SubscriptionOptions, TopicFilterRef};
use thiserror::Error;

use crate::core::access::{Pattern, PatternError};

/// A subscription that clients of a listener have without asking: for devices that only know how to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoSubscription {
    /// The filter, in which `%c` and `%u` stand for the client's identifier and user name. Who has no such name, or one
    /// with `/`, `+` or `#`, is not subscribed.
    pub filter: Pattern,
    /// QoS and the rest.
    pub options: SubscriptionOptions,
}

/// Why a text is no filter of an [`AutoSubscription`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AutoSubscriptionError {
    /// It is no Topic Filter.
    #[error(transparent)]
    Filter(#[from] PatternError),
    /// It is no Shared Subscription although it begins like one.
    #[error("a shared subscription is $share/NAME/FILTER, with a name without + and #")]
    Share,
}

impl AutoSubscription {
    /// A subscription at `qos` that gets retained messages when it is made.
    ///
    /// # Errors
    /// If the text is no Topic Filter.
    pub fn new(filter: &str, qos: QoS) -> Result<Self, AutoSubscriptionError> {
        let pattern = Pattern::new(filter)?;
        let share = TopicFilterRef::new(filter).map(|filter| filter.share().is_ok());
        if share != Ok(true) {
            return Err(AutoSubscriptionError::Share);
        }
        let options = SubscriptionOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::OnSubscribe,
        };
        Ok(Self { filter: pattern, options })
    }
}
