//! Whose cryptography does the work: that of TLS.

#[cfg(feature = "aws-lc-rs")]
pub(super) use aws_lc_rs::{hmac, rand};
#[cfg(not(feature = "aws-lc-rs"))]
pub(super) use ring::{hmac, rand};

#[cfg(feature = "aws-lc-rs")]
pub(super) use rustls::crypto::aws_lc_rs::default_provider as provider;
#[cfg(not(feature = "aws-lc-rs"))]
pub(super) use rustls::crypto::ring::default_provider as provider;
