//! `mqtt-broker init`: a configuration to start from, with a user and certificates for trying TLS.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use data_encoding::BASE32_NOPAD;
use mqtt_broker::auth::password::Users;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::failure::Failure;

/// What is to be made.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The directory, which is made if it is not there. What is in it already is never written over.
    directory: PathBuf,

    /// A name or address by which clients reach this machine, for the certificate; may be repeated and adds to localhost and its addresses.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,

    /// The name of the first user, who gets a random password.
    #[arg(long, default_value = "admin")]
    user: String,
}

const CONFIGURATION: &str = "mqtt-broker.toml";

impl Init {
    /// Makes everything, and says what to try next.
    pub(crate) fn run(&self) -> Result<String, Failure> {
        let failed = |error| Failure::Write { path: self.directory.clone(), error };
        fs::create_dir_all(&self.directory).map_err(failed)?;
        // paths in the configuration hold from wherever the broker is started
        let directory = fs::canonicalize(&self.directory).map_err(failed)?;
        let password = random::<10>().map(|bytes| BASE32_NOPAD.encode(&bytes).to_lowercase());
        let password = password.map_err(Failure::System)?;
        let users =
            Users::with_password("", &self.user, password.as_bytes(), random().map_err(Failure::System)?);
        let users = users.map_err(|error| Failure::Passwd(error.into()))?;
        let [ca, certificate, key] = self.certificates().map_err(|error| failed(io::Error::other(error)))?;
        let files = [
            (CONFIGURATION, configuration(&directory), false),
            ("users", users, true),
            ("ca.pem", ca, false),
            ("server.pem", certificate, false),
            ("server.key", key, true),
        ];
        for (name, ..) in &files {
            let path = directory.join(name);
            if path.exists() {
                let error = io::Error::new(io::ErrorKind::AlreadyExists, "it is there and is left as it is");
                return Err(Failure::Write { path, error });
            }
        }
        for (name, text, is_secret) in &files {
            let path = directory.join(name);
            create(&path, text, *is_secret).map_err(|error| Failure::Write { path, error })?;
        }
        Ok(next(&directory, &self.user, &password))
    }

    /// A CA whose key nobody keeps, and what it has signed for the broker.
    fn certificates(&self) -> Result<[String; 3], rcgen::Error> {
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, "mqtt-broker: a CA for trying");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let names: Vec<String> = names.into_iter().chain(self.host.iter().cloned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "mqtt-broker");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &ca)?;
        Ok([ca.pem(), certificate.pem(), key.serialize_pem()])
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Writes a file that is not there; a secret one is for its owner alone.
fn create(path: &Path, text: &str, is_secret: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if is_secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = is_secret;
    options.open(path)?.write_all(text.as_bytes())
}

fn configuration(directory: &Path) -> String {
    let path = |name: &str| toml::Value::from(directory.join(name).display().to_string()).to_string();
    format!(
        "# `mqtt-broker --print-config` has every setting with its default and its reason.

# Programs on this machine, without TLS.
[[listener]]
address = \"tcp://127.0.0.1:1883\"

# Everybody else, with TLS. The certificate is for trying: replace both files by those of a CA that your clients trust.
[[listener]]
address = \"tls://0.0.0.0:8883\"
certificate = {}
key = {}

# MQTT over WebSocket, for browsers on this machine. Others need wss:// with the same two files.
[[listener]]
address = \"ws://127.0.0.1:8080\"

# Who may connect: `mqtt-broker passwd {} NAME` adds a user, and SIGHUP makes the broker read the file again.
[auth]
password_file = {}

# Where sessions and messages are kept. What the broker acknowledges is there before.
[store]
directory = {}
",
        path("server.pem"),
        path("server.key"),
        directory.join("users").display(),
        path("users"),
        path("data"),
    )
}

/// The three commands to try.
fn next(directory: &Path, user: &str, password: &str) -> String {
    let path = |name: &str| directory.join(name).display().to_string();
    format!(
        "Made {}, with the user {user} whose password is {password} (shown only now).
Try it, each line in a terminal of its own:
  mqtt-broker --config {}
  mosquitto_sub -h localhost -p 8883 --cafile {} -u {user} -P {password} -t '#' -v
  mosquitto_pub -h localhost -p 1883 -u {user} -P {password} -t greetings/world -m hello",
        directory.display(),
        path(CONFIGURATION),
        path("ca.pem"),
    )
}
