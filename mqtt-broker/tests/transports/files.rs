//! Files of a listener that are not as they should be: each is told by name, with what to do.

use mqtt_broker::Broker;
use mqtt_broker::config::{Config, Listener};

use crate::authority::Authority;

fn refused(listener: Listener) -> String {
    let config = Config { listeners: vec![listener], ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Broker::builder().config(config).start()).err().expect("refused").to_string()
}

#[test]
fn a_file_that_is_missing_or_is_another_is_named() {
    let authority = Authority::new();
    let good = authority.listener();
    let missing = authority.directory.join("missing.pem");
    let empty = authority.write("empty.pem", "");
    let encrypted = authority.write(
        "encrypted.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let other_key = authority.write("other.key", &authority.leaf(|_| {}).key.serialize_pem());
    let (certificate, key) = (good.certificate.clone(), good.key.clone());
    for (listener, sentence) in [
        (
            Listener { certificate: Some(missing.clone()), ..good.clone() },
            format!("cannot read certificate {}: No such file or directory", missing.display()),
        ),
        (
            Listener { key: Some(missing.clone()), ..good.clone() },
            format!("cannot read key {}: No such file or directory", missing.display()),
        ),
        (
            Listener { client_ca: Some(missing.clone()), ..good.clone() },
            format!("cannot read client_ca {}: No such file or directory", missing.display()),
        ),
        (
            Listener { certificate: Some(empty.clone()), ..good.clone() },
            format!("certificate {} has no block BEGIN CERTIFICATE", empty.display()),
        ),
        (
            Listener { certificate: key, ..good.clone() },
            format!("certificate {} has no block BEGIN CERTIFICATE", good.key.as_ref().unwrap().display()),
        ),
        (
            Listener { key: certificate, ..good.clone() },
            format!("key {} has no block BEGIN PRIVATE KEY", good.certificate.as_ref().unwrap().display()),
        ),
        (Listener { key: Some(encrypted), ..good.clone() }, "the key ".to_owned()),
        (
            Listener { key: Some(other_key.clone()), ..good.clone() },
            format!("the key {} does not belong to the certificate ", other_key.display()),
        ),
        (
            Listener { client_ca: Some(authority.ca()), client_crl: Some(empty.clone()), ..good },
            format!("client_crl {} has no block BEGIN X509 CRL", empty.display()),
        ),
    ] {
        let error = refused(listener);
        let (_, problem) = error.split_once(":0: ").expect("the listener");
        assert!(problem.starts_with(&sentence), "{error}\n{sentence}");
    }
}
