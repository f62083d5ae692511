//! Certificates of clients.

use std::collections::BTreeMap;

/// Who a client with a certificate is. Only listeners with a `client_ca` ask for one, and TLS has verified it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSettings {
    /// Which name in the certificate counts. It has to be there exactly once. Default: the common name of the subject.
    pub name: CertificateName,
    /// What the user name is made of: `{name}` stands for the name in the certificate. None: only names in `user_names`
    /// may connect. Default `{name}`.
    pub user_name: Option<String>,
    /// User names of certain certificates, by the name in the certificate.
    pub user_names: BTreeMap<String, String>,
    /// Whether User Name of CONNECT, if there is one, has to be that of the certificate. Default false: it is not looked
    /// at, nor is a password, since the certificate says more.
    pub match_user_name: bool,
}

/// A name in a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateName {
    /// The common name (CN) of the subject.
    #[default]
    CommonName,
    /// The whole subject as RFC 4514 writes it: `CN=thermometer,O=Example`.
    Subject,
    /// The host name among the subject's alternative names.
    Dns,
    /// The mail address among the subject's alternative names.
    Email,
    /// The URI among the subject's alternative names, as SPIFFE has it.
    Uri,
}

impl Default for CertificateSettings {
    fn default() -> Self {
        Self {
            name: CertificateName::default(),
            user_name: Some(Self::NAME.to_owned()),
            user_names: BTreeMap::new(),
            match_user_name: false,
        }
    }
}

impl CertificateSettings {
    /// What stands for the name in the certificate.
    pub const NAME: &'static str = "{name}";
}
