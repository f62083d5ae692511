//! A server that is asked.

use mqtt_broker::config::{Config, HttpSettings, JwtSettings};
use mqtt_broker::core::Counter;
use mqtt_codec::{ReasonCode, Version};

use crate::peer::packets::connect;
use crate::peer::{Running, start};
use crate::server::{Reply, Server};
use crate::{ALL, File, answer, named};

fn settings(server: &Server) -> HttpSettings {
    HttpSettings { url: format!("http://{}/mqtt", server.address), ..HttpSettings::default() }
}

fn serve(server: &Server, change: impl FnOnce(&mut Config)) -> Running {
    start(2, |config| {
        config.auth.http = Some(settings(server));
        change(config);
    })
}

#[test]
fn what_the_server_says_is_what_the_client_hears() {
    let server = Server::start(|number| match number % 4 {
        0 => Reply::Answer("200 OK", r#"{"result": "allow"}"#),
        1 => Reply::Answer("200 OK", r#"{"result": "deny"}"#),
        2 => Reply::Answer("403 Forbidden", ""),
        _ => Reply::Answer("500 Oh", ""),
    });
    let broker = serve(&server, |_| {});
    for version in ALL {
        for expected in [
            ReasonCode::Success,
            ReasonCode::BadUserNameOrPassword,
            ReasonCode::NotAuthorized,
            ReasonCode::ServerUnavailable,
        ] {
            // another password each time, so that nothing is known before
            let password = format!("{}", server.questions().len());
            assert_eq!(answer(&broker, named(version, "c", "alice", &password)), expected);
        }
    }
    assert_eq!(broker.handle.count(Counter::RefusedUnavailable), 3);
    broker.shut_down();
}

#[test]
fn who_was_let_in_comes_back_without_a_question_until_the_next_reload() {
    let server = Server::start(|_| Reply::Answer("204 No Content", ""));
    let broker = serve(&server, |_| {});
    let connect = || named(Version::V5, "c", "alice", "pencil");
    for _ in 0..3 {
        assert_eq!(answer(&broker, connect()), ReasonCode::Success);
    }
    assert_eq!(server.questions().len(), 1);
    let mut config = Config::default();
    config.listeners.push(crate::peer::LOOPBACK.into());
    config.auth.http = Some(settings(&server));
    broker.handle.reload(config).expect("a configuration");
    assert_eq!(answer(&broker, connect()), ReasonCode::Success);
    assert_eq!(server.questions().len(), 2);
    broker.shut_down();
}

#[test]
fn the_server_is_asked_about_what_nobody_before_it_knows() {
    let server = Server::start(|_| Reply::Answer("200 OK", r#"{"result": "ignore"}"#));
    let secret = File::new("chain", &[b'7'; 32]);
    let broker = serve(&server, |config| {
        config.auth.jwt = Some(JwtSettings { secret: secret.path(), ..JwtSettings::default() });
        config.auth.allow_anonymous = true;
    });
    // a token is for one who judges tokens, and nobody else needs to see it
    let token = named(Version::V5, "c", "alice", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA");
    assert_eq!(answer(&broker, token), ReasonCode::BadUserNameOrPassword);
    assert_eq!(server.questions().len(), 0);
    // nobody knows a name; who says none is anonymous
    assert_eq!(
        answer(&broker, named(Version::V5, "c", "alice", "pencil")),
        ReasonCode::BadUserNameOrPassword
    );
    assert_eq!(answer(&broker, connect(Version::V5, "c")), ReasonCode::Success);
    assert_eq!(server.questions().len(), 2);
    broker.shut_down();
}

#[test]
fn clients_are_served_while_the_server_hangs() {
    let server = Server::start(|number| match number {
        0 => Reply::Answer("204 No Content", ""),
        _ => Reply::Hang,
    });
    let broker = serve(&server, |config| {
        let http = config.auth.http.as_mut().expect("it is set");
        http.timeout = std::time::Duration::from_millis(200);
    });
    let mut client = crate::peer::Peer::connect(broker.address, named(Version::V5, "a", "alice", "pencil"));
    let address = broker.address;
    let waiting = std::thread::spawn(move || {
        crate::peer::Peer::ask(address, named(Version::V5, "b", "bob", "pencil")).1
    });
    (0..100).for_each(|_| client.ping());
    assert_eq!(waiting.join().expect("no panic"), ReasonCode::ServerUnavailable);
    broker.shut_down();
}
