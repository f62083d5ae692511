//! By which evidence clients are told from each other.

mod certificate;
mod jwt;

pub use certificate::{CertificateName, CertificateSettings};
pub use jwt::JwtSettings;
