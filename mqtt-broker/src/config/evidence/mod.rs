//! By which evidence clients are told from each other.

mod certificate;
mod http;
mod jwt;

pub use certificate::{CertificateName, CertificateSettings};
pub use http::HttpSettings;
pub use jwt::JwtSettings;
