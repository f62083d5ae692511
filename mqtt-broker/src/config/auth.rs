//! Who may connect.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use super::{CertificateSettings, ConfigError, GuessLimits, HttpSettings, JwtSettings, ScramSettings};

/// How clients are told from each other. A listener may say otherwise for its own clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthSettings {
    /// Whether clients that say neither user name nor password may connect where something asks for these, and whether
    /// listeners that other machines can reach may be open to everybody where nothing does. Default false: such a listener
    /// is refused unless its clients need a certificate. Where nothing asks and only this machine can connect, everybody may.
    pub allow_anonymous: bool,
    /// A file with users and hashes of their passwords, made by `mqtt-broker passwd` or by `mosquitto_passwd`. Default none.
    pub password_file: Option<PathBuf>,
    /// Passwords that are hashed at once, each by a thread of its own that takes a core and the memory that the hash
    /// demands. Default 1: the other cores stay with clients.
    pub workers: NonZeroU16,
    /// Right passwords that are not hashed again for a while. Default 100,000, about 15 MiB.
    pub cache: usize,
    /// How long that holds. Default 10 min: who loses its connection comes back at once, however many do.
    pub cache_time: Duration,
    /// Limits of guessing.
    pub guesses: GuessLimits,
    /// Whether a session belongs to the user who began it: nobody else can go on with it, or end it, by connecting with its
    /// client identifier. Default true. A session that an anonymous client began is anybody's.
    pub sessions_have_owners: bool,
    /// In which order evidence is looked at, of the kinds that are set. Default certificate, JWT, SCRAM, password file, HTTP: what
    /// says most of who a client is comes first, and who has to be asked last.
    pub order: Vec<String>,
    /// Certificates of clients. Default: they let clients in, and say nobody's name.
    pub certificate: Option<CertificateSettings>,
    /// Passwords that are tokens. Default: none are.
    pub jwt: Option<JwtSettings>,
    /// Passwords that are proved and not shown. Default: none are.
    pub scram: Option<ScramSettings>,
    /// A server that is asked. Default: none is.
    pub http: Option<HttpSettings>,
    /// Rules of permission, in TOML or as mosquitto's `acl_file` has them. Default: none; the rules are those of
    /// [`AclSettings`](super::AclSettings), and without any everything is allowed.
    pub acl_file: Option<PathBuf>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            allow_anonymous: false,
            password_file: None,
            workers: NonZeroU16::MIN,
            cache: 100_000,
            cache_time: Duration::from_secs(600),
            guesses: GuessLimits::default(),
            sessions_have_owners: true,
            order: Self::KINDS.map(str::to_owned).to_vec(),
            certificate: None,
            jwt: None,
            scram: None,
            http: None,
            acl_file: None,
        }
    }
}

impl AuthSettings {
    const KINDS: [&'static str; 5] = ["certificate", "jwt", "scram", "password_file", "http"];

    /// Names of what judges clients, in the order in which they are asked.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let named = self.order.iter().filter_map(|name| Self::KINDS.into_iter().find(|kind| kind == name));
        named.filter(|kind| self.has(kind)).collect()
    }

    fn has(&self, kind: &str) -> bool {
        match kind {
            "certificate" => self.certificate.is_some(),
            "jwt" => self.jwt.is_some(),
            "scram" => self.scram.is_some(),
            "password_file" => self.password_file.is_some(),
            "http" => self.http.is_some(),
            _ => false,
        }
    }

    /// Looks for evidence that nobody would look at, and for limits that let nobody in.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (index, name) in self.order.iter().enumerate() {
            if !Self::KINDS.contains(&name.as_str()) || self.order[..index].contains(name) {
                return Err(ConfigError::Order { name: name.clone() });
            }
        }
        for kind in Self::KINDS.into_iter().filter(|kind| self.has(kind)) {
            if !self.order.iter().any(|name| name == kind) {
                return Err(ConfigError::Unasked { kind });
            }
            if !Self::BUILT.contains(&kind) {
                return Err(ConfigError::NotBuilt { kind });
            }
        }
        self.that_serve_nobody().map_or(Ok(()), |name| Err(ConfigError::Zero { name }))
    }

    /// The name of a limit that is 0 although every client needs one of what it limits.
    fn that_serve_nobody(&self) -> Option<&'static str> {
        if self.jwt.as_ref().is_some_and(|jwt| jwt.token_size == 0) {
            return Some("auth.jwt.token_size");
        }
        if self.scram.as_ref().is_some_and(|scram| scram.message_size == 0) {
            return Some("auth.scram.message_size");
        }
        let http = self.http.as_ref()?;
        let needed =
            [("auth.http.timeout", http.timeout.is_zero()), ("auth.http.answer_size", http.answer_size == 0)];
        needed.into_iter().find(|(_, is_zero)| *is_zero).map(|(name, _)| name)
    }

    /// What this program can look at.
    const BUILT: &'static [&'static str] = &[
        #[cfg(feature = "tls")]
        "certificate",
        #[cfg(feature = "jwt")]
        "jwt",
        #[cfg(feature = "scram")]
        "scram",
        "password_file",
        #[cfg(feature = "http-auth")]
        "http",
    ];
}
