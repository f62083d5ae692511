//! By which evidence clients are told from each other.

mod certificate;
mod http;
mod jwt;
mod scram;

pub use certificate::{CertificateName, CertificateSettings};
pub use http::HttpSettings;
pub use jwt::JwtSettings;
pub use scram::ScramSettings;
