//! Our broker with listeners of every transport, and the certificates that they need.
#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

use mqtt_broker::config::{Address, Config, Listener};
use mqtt_broker::{Broker, BrokerHandle};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A CA, what it has signed for the broker and for a client, and the CA of others.
pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    server: [PathBuf; 2],
    pub(crate) client: [PathBuf; 2],
    pub(crate) strange_ca: PathBuf,
}

impl Files {
    pub(crate) fn make(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).unwrap();
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (ca, strange) = (authority("ours"), authority("another"));
        let sign = |name: &str, purpose| {
            let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &ca).unwrap();
            [
                write(&format!("{name}.pem"), certificate.pem()),
                write(&format!("{name}.key"), key.serialize_pem()),
            ]
        };
        Self {
            server: sign("server", ExtendedKeyUsagePurpose::ServerAuth),
            client: sign("client", ExtendedKeyUsagePurpose::ClientAuth),
            ca: write("ca.pem", ca.pem()),
            strange_ca: write("strange.pem", strange.pem()),
        }
    }

    /// A listener of that URL, with the files if it needs them.
    pub(crate) fn listener(&self, url: &str) -> Listener {
        let mut listener: Listener = url.parse().unwrap();
        if listener.address.has_tls() {
            let [certificate, key] = self.server.clone();
            (listener.certificate, listener.key) = (Some(certificate), Some(key));
        }
        listener
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

pub(crate) async fn broker(listener: Listener) -> BrokerHandle {
    let config = Config { listeners: vec![listener], ..Config::default() };
    Broker::builder().config(config).start().await.unwrap()
}

/// What a client writes to reach a broker.
pub(crate) fn address(broker: &BrokerHandle) -> String {
    match &broker.listeners()[0].address {
        Address::Unix(path) => format!("unix://{}", path.display()),
        // the name in the certificate
        address => address.to_string().replace("127.0.0.1", "localhost"),
    }
}

/// A listener of each transport, on ports that the system chooses and a socket of that name.
pub(crate) fn urls(name: &str) -> Vec<String> {
    let socket = std::env::temp_dir().join(format!("mqtt-{name}-{}.sock", std::process::id()));
    let mut urls: Vec<String> =
        ["tcp", "tls", "ws", "wss"].map(|scheme| format!("{scheme}://127.0.0.1:0")).into();
    if cfg!(unix) {
        urls.push(format!("unix://{}", socket.display()));
    }
    urls
}
