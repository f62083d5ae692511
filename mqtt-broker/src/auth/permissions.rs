//! What evidence itself allows.

use mqtt_codec::TopicFilter;

/// What a client may do at most, as its evidence says. Rules of the broker hold besides.
///
/// A filter with more than [`Pattern::LEVELS`](crate::core::access::Pattern::LEVELS) levels allows nothing.
///
/// Written in JSON it is `{"publish": ["a/#"], "subscribe": ["b/+"]}`. Anything else in it could be meant as a restriction and
/// is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "net", derive(serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Permissions {
    /// Topics to which it may publish, its Will among them.
    #[cfg_attr(feature = "net", serde(deserialize_with = "filters"))]
    pub publish: Vec<TopicFilter>,
    /// Topics whose messages it may get.
    #[cfg_attr(feature = "net", serde(deserialize_with = "filters"))]
    pub subscribe: Vec<TopicFilter>,
}

#[cfg(feature = "net")]
fn filters<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<TopicFilter>, D::Error> {
    let texts = <Vec<String> as serde::Deserialize>::deserialize(input)?;
    texts.iter().map(|text| TopicFilter::new(text).map_err(serde::de::Error::custom)).collect()
}
