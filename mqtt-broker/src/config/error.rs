//! Values that contradict the standard or each other.

use mqtt_codec::Rules;
use thiserror::Error;

use super::{Address, Config, Listener, Misfit, Place};

/// Values that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Settings of a listener that do not fit together.
    #[error("{address}: {misfit}")]
    Listener {
        /// The listener.
        address: Address,
        /// What does not fit.
        misfit: Misfit,
    },
    /// Other machines could connect, and nobody has said that they may.
    #[error(
        "{address} can be reached from other machines and nothing asks clients who they are: name \
         users in a file (--password-file), or ask for certificates (client_ca), or let everybody in \
         (--allow-anonymous, or in a container MQTT_BROKER__AUTH__ALLOW_ANONYMOUS=true), or listen on {}",
        Listener::loopback()
    )]
    Open {
        /// The first such listener.
        address: Address,
    },
    /// A listener that asks somebody who is not configured.
    #[error(
        "{address}: auth names \"{name}\", which is not configured: configure it in the table [auth], or leave it out"
    )]
    Authenticator {
        /// The listener.
        address: Address,
        /// Who is asked.
        name: String,
    },
    /// A listener at which nothing could tell anybody from strangers, whom it refuses.
    #[error(
        "{address}: allow_anonymous is false and nothing asks clients who they are, so nobody could connect: \
         configure something in the table [auth] that does, or leave out allow_anonymous"
    )]
    NobodyIn {
        /// The listener.
        address: Address,
    },
    /// Evidence that would not be looked at.
    #[error("auth.{kind} is set, and auth.order does not name it: add \"{kind}\" there")]
    Unasked {
        /// What is set.
        kind: &'static str,
    },
    /// A directory to keep things in, and that nothing is to be kept.
    #[error(
        "store.directory says where to keep sessions and messages, and store.memory not to: leave out one of them"
    )]
    MemoryAndDirectory,
    /// A store that this program does not have.
    #[error(
        "store.directory is set, but this program was built without files: build it with the feature disk"
    )]
    NoDisk,
    /// Evidence that this program cannot look at.
    #[error(
        "auth.{kind} is set, but this program was built without it: build it with the features that cargo has by default"
    )]
    NotBuilt {
        /// What is set.
        kind: &'static str,
    },
    /// An order of what there is not, or of something twice.
    #[error(
        "auth.order names \"{name}\", which is no kind of evidence or stands there twice: certificate, jwt, \
         scram, password_file and http are"
    )]
    Order {
        /// What is named.
        name: String,
    },
    /// A listener that asks by certificates alone who a client is, and asks for none.
    #[error(
        "{address}: certificates alone tell who a client is (auth.certificate), and this listener asks for none, so nobody \
         could connect: set its client_ca, or say by auth = [] that nobody is asked"
    )]
    NoCertificates {
        /// The listener.
        address: Address,
    },
    /// Two listeners at one place.
    #[error("{address}: another listener has the same address and port, or path: give each its own")]
    Twice {
        /// The second of them.
        address: Address,
    },
    /// A limit of 0 that would let nobody in.
    #[error("{name} is 0, so nobody could connect: set 1 or more, or leave it out for the default")]
    Zero {
        /// The limit.
        name: &'static str,
    },
    /// More listeners than there are places in an event loop.
    #[error("{count} listeners are too many: a broker has {} at most", Config::LISTENERS)]
    Listeners {
        /// How many were given.
        count: usize,
    },
    /// A size that MQTT does not know.
    #[error(
        "session.maximum_packet_size (--max-packet-size) is {size}, but has to lie between 1 and {}",
        Rules::MAX_PACKET_SIZE
    )]
    PacketSize {
        /// What was set.
        size: u32,
    },
}

impl ConfigError {
    /// The setting to look at.
    pub fn place(&self) -> Place {
        match self {
            Self::Listener { address, .. } | Self::Open { address } | Self::Twice { address } => {
                Place::listener(address, "address")
            }
            Self::Authenticator { address, .. } | Self::NoCertificates { address } => {
                Place::listener(address, "auth")
            }
            Self::NobodyIn { address } => Place::listener(address, "allow_anonymous"),
            Self::Listeners { .. } => Place::setting("listener"),
            Self::NotBuilt { kind } => Place::Setting(format!("auth.{kind}").into()),
            Self::Order { .. } | Self::Unasked { .. } => Place::setting("auth.order"),
            Self::MemoryAndDirectory => Place::setting("store.memory"),
            Self::NoDisk => Place::setting("store.directory"),
            Self::PacketSize { .. } => Place::setting("session.maximum_packet_size"),
            Self::Zero { name } => Place::setting(name),
        }
    }
}
