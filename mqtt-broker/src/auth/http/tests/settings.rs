//! Where a server is, and how the broker and it know each other.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::*;

/// A file of this process, removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mqtt-broker-http-{}-{name}", std::process::id()));
        fs::write(&path, content).expect("written");
        Self(path)
    }

    fn path(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_url_has_to_be_one_that_can_be_asked() {
    let new = |url: &str| Http::new(&HttpSettings { url: url.to_owned(), ..HttpSettings::default() });
    for url in ["http://localhost", "http://127.0.0.1:1/a?b=c", "http://[::1]:80/", "HTTP://example"] {
        assert!(new(url).is_ok(), "{url}");
    }
    for url in
        ["", "/", "localhost", "localhost:80", "ftp://localhost", "http://", "http:///a", "http://a b/"]
    {
        assert!(matches!(new(url), Err(HttpError::Url { .. })), "{url}");
    }
    let error = new("http://alice:pencil@localhost/").expect_err("a password in a URL");
    assert!(!error.to_string().contains("pencil"), "{error}");
}

#[test]
fn the_broker_shows_a_token_and_nobody_else_sees_it() {
    let token = File::new("token", "abc.def\n");
    let server = Server::start(|_| Reply::Answer("200 OK", ALLOW));
    let http = http(&HttpSettings { bearer_token: token.path(), ..settings(&server) });
    assert_eq!(decide(&http, 1), [alice()]);
    assert!(server.questions()[0].contains("authorization: Bearer abc.def\r\n"));
    assert!(!format!("{http:?}").contains("abc.def"));
}

#[test]
fn a_file_that_is_of_no_use_has_a_name() {
    let new = |change: fn(&mut HttpSettings, Option<PathBuf>), path| {
        let mut settings = HttpSettings { url: "https://localhost".to_owned(), ..HttpSettings::default() };
        change(&mut settings, path);
        Http::new(&settings).expect_err("a file of no use")
    };
    let ca = |settings: &mut HttpSettings, path| settings.ca = path;
    let token = |settings: &mut HttpSettings, path| settings.bearer_token = path;
    let empty = File::new("empty", "\n");
    let lines = File::new("lines", "a\nb");
    let nowhere = || Some("/nowhere/file".into());
    assert!(matches!(new(ca, nowhere()), HttpError::Read { option: "ca", .. }));
    assert!(matches!(new(token, nowhere()), HttpError::Read { option: "bearer_token", .. }));
    assert!(matches!(new(ca, empty.path()), HttpError::Ca { .. }));
    let damaged = File::new("damaged", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(matches!(new(ca, damaged.path()), HttpError::Ca { .. }));
    assert!(matches!(new(token, empty.path()), HttpError::Token { .. }));
    assert!(matches!(new(token, lines.path()), HttpError::Token { .. }));
}

#[test]
fn only_a_server_that_is_trusted_is_asked() {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
    let provider = Arc::new(crate::auth::cryptography::provider());
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a certificate");
    let server = Server::start_over(Some(Arc::new(tls)), |_| Reply::Answer("200 OK", ALLOW));
    let url = format!("https://{}/", server.address);
    let trusted = File::new("trusted", &certificate.pem());
    let with = |ca| HttpSettings { url: url.clone(), ca, cache: 0, ..HttpSettings::default() };
    assert_eq!(decide(&http(&with(trusted.path())), 2), [alice(), alice()]);

    let key = KeyPair::generate().expect("a key");
    let other =
        CertificateParams::new(Vec::new()).expect("no names").self_signed(&key).expect("a certificate");
    let other = File::new("other", &other.pem());
    assert_eq!(decide(&http(&with(other.path())), 1), [UNAVAILABLE]);
    assert_eq!(server.questions().len(), 2, "the password was not told to a stranger");
}
