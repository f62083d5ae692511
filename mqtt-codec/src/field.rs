//! The names of fields, for errors.

use core::fmt;

macro_rules! fields {
    ($($name:ident $text:literal)*) => {
        /// A field of a packet, as an error names it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = $text] $name,)*
        }

        impl fmt::Display for Field {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                })
            }
        }
    };
}

fields! {
    AcknowledgeFlags "acknowledge flags"
    AssignedClientId "assigned client identifier"
    Auth "AUTH"
    AuthenticationData "authentication data"
    AuthenticationMethod "authentication method"
    Body "body"
    ClientId "client identifier"
    ConnectFlags "connect flags"
    ContentType "content type"
    CorrelationData "correlation data"
    Flags "fixed header flags"
    KeepAlive "keep alive"
    MaximumPacketSize "maximum packet size"
    MaximumQoS "maximum QoS"
    MessageExpiry "message expiry interval"
    PacketId "packet identifier"
    PacketType "packet type"
    Password "password"
    Payload "payload"
    PayloadFormat "payload format indicator"
    Properties "properties"
    PropertyId "property identifier"
    PropertyLength "property length"
    ProtocolLevel "protocol level"
    ProtocolName "protocol name"
    ReasonCode "reason code"
    ReasonString "reason string"
    ReceiveMaximum "receive maximum"
    RemainingLength "remaining length"
    RequestProblemInformation "request problem information"
    RequestResponseInformation "request response information"
    ResponseInformation "response information"
    ResponseTopic "response topic"
    RetainAvailable "retain available"
    ServerKeepAlive "server keep alive"
    ServerReference "server reference"
    SessionExpiry "session expiry interval"
    SharedSubscriptionAvailable "shared subscription available"
    SubscriptionId "subscription identifier"
    SubscriptionIdAvailable "subscription identifier available"
    SubscriptionOptions "subscription options"
    Topic "topic name"
    TopicAlias "topic alias"
    TopicAliasMaximum "topic alias maximum"
    TopicFilter "topic filter"
    UserName "user name"
    UserProperty "user property"
    WildcardSubscriptionAvailable "wildcard subscription available"
    WillDelay "will delay interval"
    WillPayload "will payload"
    WillQoS "will QoS"
    WillRetain "will retain"
    WillTopic "will topic"
}
