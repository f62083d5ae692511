//! Connects with TLS, a user name and a password, and with a certificate of its own where there is one.
//!
//! `cargo run -p mqtt-examples --example security -- ADDRESS CA.PEM USER PASSWORD [CERTIFICATE.PEM KEY.PEM]`

use std::env;
use std::error::Error;
use std::time::Duration;

use mqtt_client::{ConnectOptions, QoS, Tls, connect};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, ca, user, password, own @ ..] = &arguments[..] else {
        return Err("usage: security ADDRESS CA.PEM USER PASSWORD [CERTIFICATE.PEM KEY.PEM]".into());
    };
    // whom to trust; without this line, whom the system trusts
    let mut tls = Tls::new().ca_file(ca);
    if let [certificate, key] = own {
        tls = tls.certificate_files(certificate, key);
    }
    let options = ConnectOptions::new(address)?.user_name(user).password(password.clone()).tls(tls);
    // a wrong password, an unknown CA, a name that is not in the certificate: each has an error of its own
    let client = match connect(options).await {
        Ok(client) => client,
        Err(error) => {
            println!("not connected: {error}");
            return Ok(());
        }
    };
    client.publish("security", "only those who may read this").qos(QoS::AtLeastOnce).await?;
    println!("connected as {user}, and published");
    client.disconnect(Duration::from_secs(5)).await?;
    Ok(())
}
