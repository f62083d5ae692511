//! By which evidence clients are told from each other.

mod jwt;

pub use jwt::JwtSettings;
