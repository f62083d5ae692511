use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::*;

fn parse(text: &str) -> Result<(Transport, String, u16, String), AddressError> {
    let address: Address = text.parse()?;
    let (port, path) = (address.port(), address.path().to_owned());
    Ok((address.transport, address.host, port, path))
}

fn is(transport: Transport, host: &str, port: u16, path: &str) -> Parsed {
    Ok((transport, host.to_owned(), port, path.to_owned()))
}

type Parsed = Result<(Transport, String, u16, String), AddressError>;

#[test]
fn an_address_has_scheme_host_and_port() {
    assert_eq!(parse("mqtt://house"), is(Transport::Tcp, "house", 1883, ""));
    assert_eq!(parse("TCP://house:1884/"), is(Transport::Tcp, "house", 1884, "/"));
    assert_eq!(parse("mqtt://[::1]:99"), is(Transport::Tcp, "::1", 99, ""));
    assert_eq!(parse("mqtt://[fe80::1]"), is(Transport::Tcp, "fe80::1", 1883, ""));
    assert_eq!(parse("mqtt://a@b:1"), is(Transport::Tcp, "b", 1, ""));
}

#[test]
#[cfg(feature = "tls")]
fn guide_tls_has_three_schemes_and_port_8883() {
    for scheme in ["mqtts", "tls", "ssl", "MQTTS"] {
        assert_eq!(parse(&format!("{scheme}://house")), is(Transport::Tls, "house", 8883, ""));
    }
}

#[test]
#[cfg(all(feature = "tls", feature = "websocket"))]
fn guide_websockets_have_the_path_mqtt_unless_the_address_says_another() {
    assert_eq!(parse("ws://house"), is(Transport::WebSocket, "house", 80, "/mqtt"));
    assert_eq!(parse("ws://house:9001/"), is(Transport::WebSocket, "house", 9001, "/"));
    assert_eq!(parse("wss://house/a/b?c=d"), is(Transport::SecureWebSocket, "house", 443, "/a/b?c=d"));
    assert_eq!(parse("wss://house?c=d"), is(Transport::SecureWebSocket, "house", 443, "/mqtt?c=d"));
    assert_eq!(parse("wss://me:p@house:8443/x"), is(Transport::SecureWebSocket, "house", 8443, "/x"));
    for path in ["/a b", "/a#b", "/ä", "/\"", "/a\r\nb"] {
        assert_eq!(parse(&format!("ws://house{path}")), Err(AddressError::Path), "{path}");
    }
}

#[test]
#[cfg(unix)]
fn a_unix_address_is_a_path() {
    assert_eq!(parse("unix:///run/mqtt.sock"), is(Transport::Unix, "", 0, "/run/mqtt.sock"));
    let address: Address = "unix://me:secret@/run/mqtt.sock".parse().unwrap();
    assert_eq!(address.user_name.as_deref(), Some("me"));
    assert_eq!(address.to_string(), "unix:///run/mqtt.sock");
    for text in ["unix://", "unix:///", "unix://run/mqtt.sock"] {
        assert_eq!(parse(text), Err(AddressError::UnixPath), "{text}");
    }
}

#[test]
fn a_wrong_address_says_what_is_wrong_with_it() {
    for (text, error) in [
        ("house:1883", AddressError::NoScheme),
        ("mqtt:/house", AddressError::NoScheme),
        ("mqtt://", AddressError::NoHost),
        ("mqtt://:1883", AddressError::NoHost),
        ("mqtt://[::1", AddressError::NoHost),
        ("mqtt://[::1]99", AddressError::Port),
        ("mqtt://house:0", AddressError::Port),
        ("mqtt://house:+1", AddressError::Port),
        ("mqtt://house:65536", AddressError::Port),
        ("mqtt://::1:1883", AddressError::NoHost),
        ("mqtt://house\r\nX: y", AddressError::Port),
        ("mqtt://a b", AddressError::Host),
        ("mqtt://house\r\n", AddressError::Host),
        ("mqtt://house/mqtt", AddressError::NoPath("mqtt")),
        ("tcp://house?a", AddressError::NoPath("mqtt")),
        ("mqtt://a%zz@house", AddressError::PercentEncoding),
        ("mqtt://%ff@house", AddressError::PercentEncoding),
        ("http://house", AddressError::Http("http", "ws")),
        ("https://house/mqtt", AddressError::Http("https", "wss")),
        ("mqtt+ssl://house", AddressError::UnknownScheme("mqtt+ssl".into())),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn a_transport_that_was_not_compiled_in_names_its_feature() {
    for (scheme, feature, is_there) in [
        ("mqtts", "tls", cfg!(feature = "tls")),
        ("ws", "websocket", cfg!(feature = "websocket")),
        ("wss", "websocket", cfg!(feature = "websocket")),
    ] {
        match parse(&format!("{scheme}://house")) {
            Err(error) => {
                let needs = format!("{scheme}:// needs the feature `");
                assert!(error.to_string().starts_with(&needs), "{error}");
                assert!(!is_there || scheme == "wss", "{feature} is compiled in");
            }
            Ok(_) => assert!(is_there, "{feature} is not compiled in"),
        }
    }
}

#[test]
fn user_name_and_password_are_percent_decoded_and_not_shown() {
    let address: Address = "mqtt://me%40home:p%3a%2Fss@house".parse().unwrap();
    assert_eq!(address.user_name.as_deref(), Some("me@home"));
    assert_eq!(address.password.as_deref(), Some(&b"p:/ss"[..]));
    assert_eq!(address.to_string(), "mqtt://house:1883");
}

#[test]
#[cfg(feature = "websocket")]
fn the_query_is_not_shown() {
    let address: Address = "ws://house/mqtt?signature=secret".parse().unwrap();
    assert_eq!(address.to_string(), "ws://house:80/mqtt?...");
}

#[test]
fn hosts_of_this_machine_are_known() {
    for (host, is_local) in [
        ("localhost", true),
        ("LOCALHOST.", true),
        ("broker.localhost", true),
        ("127.8.9.1", true),
        ("[::1]", true),
        ("localhost.example", false),
        ("128.0.0.1", false),
        ("[::2]", false),
        ("0.0.0.0", false),
    ] {
        let address: Address = format!("mqtt://{host}").parse().unwrap();
        assert_eq!(address.is_local(), is_local, "{host}");
    }
}

#[test]
fn a_server_reference_names_a_host_and_keeps_the_transport() {
    let address: Address = "mqtts://me:secret@house:8884".parse().unwrap();
    for (reference, shown) in [
        ("other", Some("mqtts://other:8883")),
        ("other:1234", Some("mqtts://other:1234")),
        ("[::1]:1234 other", Some("mqtts://[::1]:1234")),
        ("no/host:1 :2 other.example:99999 third:3", Some("mqtts://third:3")),
        ("", None),
        (" ", None),
        ("a:0", None),
        ("mqtt://other", None),
    ] {
        let named = address.of_reference(reference);
        assert_eq!(named.as_ref().map(ToString::to_string).as_deref(), shown, "{reference}");
    }
    #[cfg(unix)]
    {
        let socket: Address = "unix:///run/mqtt".parse().unwrap();
        assert_eq!(socket.of_reference("other"), None);
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 2_000,
        rng_seed: RngSeed::Fixed(1_883),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn an_address_that_is_shown_is_the_same_address(
        text in "(mqtt|tcp|mqtts|ws|wss|unix|x)://([a-z%0-9]{0,4}(:[a-z%]{0,3})?@)?[a-z0-9.:\\[\\]]{0,6}(:[0-9]{0,6})?(/[a-z/%? ]{0,5})?"
    ) {
        let Ok(address) = text.parse::<Address>() else { return Ok(()) };
        prop_assume!(!address.path().contains('?'));
        let again: Address = address.to_string().parse().unwrap();
        let parts = |address: Address| (address.transport, address.port(), address.path().to_owned(), address.host);
        prop_assert_eq!(parts(again), parts(address));
    }

    #[test]
    fn no_text_is_too_much_for_an_address(text in any::<String>(), scheme in 0..8_usize) {
        let scheme = ["", "mqtt://", "mqtts://", "ws://", "wss://", "unix://", "://", "mqtt://["][scheme];
        let _ = format!("{scheme}{text}").parse::<Address>();
    }
}
