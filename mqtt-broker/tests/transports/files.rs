//! Files of a listener that are not as they should be: each is told by name, with what to do.

use std::process::Command;

use mqtt_broker::Broker;
use mqtt_broker::config::{Config, Listener};
use rcgen::date_time_ymd;

use crate::authority::{Authority, Leaf};

fn refused(listener: Listener) -> String {
    let config = Config { listeners: vec![listener], ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Broker::builder().config(config).start()).err().expect("refused").to_string()
}

/// Exit code, standard output and standard error of `check` with these arguments.
fn check(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    let done = command.arg("check").args(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_program_looks_at_the_files_before_it_is_needed() {
    let authority = Authority::new();
    let serving = |name: &str, leaf: &Leaf| {
        let (certificate, key) = authority.write_leaf(name, leaf);
        let [certificate, key] = [certificate, key].map(|path| path.to_str().expect("text").to_owned());
        ["--listen", "tls://127.0.0.1:1", "--certificate", &certificate, "--key", &key].map(str::to_owned)
    };
    let run = |arguments: &[String]| check(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let good = serving("good", &authority.leaf(|_| {}));
    let valid = "The configuration is valid and serves tls://127.0.0.1:1.\n".to_owned();
    assert_eq!(run(&good), (Some(0), valid.clone(), String::new()));

    let expired = serving("expired", &authority.leaf(|leaf| leaf.not_after = date_time_ymd(2020, 1, 1)));
    let (code, output, warning) = run(&expired);
    assert_eq!((code, output), (Some(0), valid));
    assert!(warning.contains("expired.pem is expired: clients will refuse it"), "{warning}");

    let missing = [&good[..5], &["/nowhere/key".to_owned()]].concat();
    let sentence = "mqtt-broker: tls://127.0.0.1:1: cannot read key /nowhere/key: No such file";
    let (code, _, error) = run(&missing);
    assert!(code == Some(2) && error.starts_with(sentence) && error.lines().count() == 1, "{error}");

    let (code, _, error) = run(&good[..2]);
    let sentence =
        "mqtt-broker: tls://127.0.0.1:1: TLS needs a certificate and its key: set certificate and key";
    assert!(code == Some(2) && error.starts_with(sentence), "{error}");
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
    let text = std::fs::read_to_string(good.key.as_ref().unwrap()).unwrap();
    let joined = authority.write("joined.key", &text.replace('\n', ""));
    let cut = authority.write("cut.key", &text[..text.len() / 2]);
    let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_certificate = authority.write("none.pem", block);
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
        (
            Listener { key: Some(cut.clone()), ..good.clone() },
            format!("key {} is no PEM file: a block has no END line", cut.display()),
        ),
        (
            Listener { key: Some(joined.clone()), ..good.clone() },
            format!("key {} is no PEM file: a block has no END line", joined.display()),
        ),
        (
            Listener { certificate: Some(no_certificate.clone()), ..good.clone() },
            format!("{} cannot be used: ", no_certificate.display()),
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
        // what is in a file is nobody's business, as bytes neither
        assert!(!problem.contains(['[', '=']), "{error}");
    }
}
