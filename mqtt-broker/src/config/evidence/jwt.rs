//! Tokens as passwords.

use std::path::PathBuf;
use std::time::Duration;

/// Which JSON Web Tokens (RFC 7519) are believed, and what is taken from them. The token is the password.
///
/// At least one key is needed. Every key is for one algorithm: a secret for HS256, a public key for RS256, ES256 or EdDSA,
/// by its kind. A token that names another algorithm than that of the key is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// File with the secret of HS256, 32 bytes or more. A line break at its end is no part of it.
    pub secret: Option<PathBuf>,
    /// PEM file with public keys for RS256, ES256 (P-256) and EdDSA (Ed25519).
    pub public_keys: Option<PathBuf>,
    /// File with a JSON Web Key Set (RFC 7517). The `kid` of a token chooses the key; without one, all keys of the token's
    /// algorithm are tried.
    pub key_set: Option<PathBuf>,
    /// Who may have issued a token (`iss`). Default: anybody with a key.
    pub issuers: Vec<String>,
    /// For whom a token may be made (`aud`). Default: only for nobody in particular, as RFC 7519 demands of somebody whom
    /// the claim does not name.
    pub audiences: Vec<String>,
    /// Whether a token has to expire (`exp`). Default true: one that does not is a password that nobody can change.
    pub require_expiry: bool,
    /// By how much clocks may differ: a token holds this much longer, and begins this much earlier. Default 30 s.
    pub leeway: Duration,
    /// The claim with the user name. Default `sub`. Here and below, dots lead into objects: `realm_access.roles`.
    pub user_name_claim: String,
    /// Whether User Name of CONNECT has to be that of the token. Default false: it is not looked at, since many clients have
    /// to say something there.
    pub match_user_name: bool,
    /// A claim that the client identifier has to be equal to. Default: none, any client identifier will do.
    pub client_id_claim: Option<String>,
    /// The claim with groups: a text or an array of texts. Default `groups`; nothing if a token does not have it.
    pub groups_claim: String,
    /// The claim with what the client may do: `{"publish": [filters], "subscribe": [filters]}`. Default `acl`; nothing if a
    /// token does not have it.
    pub acl_claim: String,
    /// The longest token in bytes. Default 8 KiB: tokens with many groups and a long RSA signature have some 4 KiB.
    pub token_size: usize,
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            secret: None,
            public_keys: None,
            key_set: None,
            issuers: Vec::new(),
            audiences: Vec::new(),
            require_expiry: true,
            leeway: Duration::from_secs(30),
            user_name_claim: "sub".to_owned(),
            match_user_name: false,
            client_id_claim: None,
            groups_claim: "groups".to_owned(),
            acl_claim: "acl".to_owned(),
            token_size: 8 << 10,
        }
    }
}
