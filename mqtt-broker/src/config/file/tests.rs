use mqtt_codec::{QoS, RetainHandling};

use super::*;
use crate::config::{
    Address, AutoSubscription, CertificateName, ClientCertificate, ConfigError, QueueChanges, Rewrite,
    StageLimits, Terms,
};

const EXAMPLE: &str = include_str!("../../../mqtt-broker.toml");

fn error(text: &str) -> String {
    text.parse::<Config>().expect_err(text).to_string()
}

#[test]
fn the_example_says_the_defaults() {
    let config: Config = EXAMPLE.parse().expect("the example");
    assert_eq!(config, Config { listeners: vec![Listener::loopback()], ..Config::default() });
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn the_example_names_every_setting() {
    // Each setting of the example is changed in turn, so that none is there by name only.
    let mut table = "";
    let mut settings = 0;
    for line in EXAMPLE.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') {
            table = line;
        }
        let Some((name, value)) = line.split_once(" = ") else { continue };
        let other = match value {
            "false" => "true",
            "\"drop\"" => "\"disconnect\"",
            "\"drop-newest\"" => "\"drop-oldest\"",
            "\"tcp://127.0.0.1:1883\"" => "\"tcp://127.0.0.1:1\"",
            "\"1.2\"" => "\"1.3\"",
            "\"fsync\"" => "\"os\"",
            "true" => "false",
            "\"\"" => "\"x\"",
            "[]" => "['x']",
            _ if value.starts_with('[') => "[]",
            _ => "77",
        };
        let config: Config = format!("{table}\n{name} = {other}\n").parse().expect(line);
        assert_ne!(config, Config::default(), "{line}");
        settings += 1;
    }
    // A setting that is missing from the example: the error for an unknown one counts them.
    let known = [
        "x = 1",
        "[auth]\nx = 1",
        "[auth.guesses]\nx = 1",
        "[acl]\nx = 1",
        "[tcp]\nx = 1",
        "[tls]\nx = 1",
        "[limits]\nx = 1",
        "[lobby]\nx = 1",
        "[session]\nx = 1",
        "[session.queue]\nx = 1",
        "[store]\nx = 1",
    ];
    // the tables below [auth] have no defaults that could be written down: their absence is one
    let tables_and_listener = 11 + 4;
    // of the table [acl]: groups and rules; of [store] the directory
    let without_default = 3;
    let names: usize = known.map(|text| error(text).matches('`').count() / 2 - 1).iter().sum();
    assert_eq!(settings, names - tables_and_listener - without_default + 1);
}

#[test]
fn the_example_names_every_setting_of_evidence() {
    for table in ["auth.certificate", "auth.jwt", "auth.scram", "auth.http"] {
        let text = error(&format!("[{table}]\nx = 1"));
        let names: Vec<&str> = text.split('`').skip(3).step_by(2).collect();
        assert!(names.len() > 2, "{text}");
        let (_, lines) = EXAMPLE.split_once(&format!("\n# [{table}]\n")).expect(table);
        let lines: Vec<&str> = lines.lines().take_while(|line| line.starts_with('#')).collect();
        for name in &names {
            let is_it = |line: &&&str| line.trim_start_matches(['#', ' ']).starts_with(&format!("{name} = "));
            assert_eq!(lines.iter().filter(is_it).count(), 1, "{table}.{name}");
        }
        // uncommented, it is what it would be without
        let settings = lines.iter().filter_map(|line| line.strip_prefix("#   "));
        let text = settings.fold(format!("[{table}]\n"), |text, line| text + line + "\n");
        assert_ne!(text.parse::<Config>().expect(table).auth, AuthSettings::default());
    }
}

#[test]
fn evidence_has_tables_of_its_own() {
    let config: Config = "[auth]
        order = ['http', 'certificate']
        [auth.certificate]
        name = 'uri'
        user_name = 'none'
        user_names = { 'spiffe://a/b' = 'alice' }
        [auth.http]
        url = 'https://auth.example/mqtt'
        timeout = '500ms'
        answer_size = '1KiB'"
        .parse()
        .expect("a configuration");
    let certificate = config.auth.certificate.as_ref().expect("a table");
    assert_eq!((certificate.name, &certificate.user_name), (CertificateName::Uri, &None));
    assert_eq!(certificate.user_names["spiffe://a/b"], "alice");
    let http = config.auth.http.as_ref().expect("a table");
    assert_eq!((http.timeout, http.answer_size), (Duration::from_millis(500), 1024));
    assert_eq!(config.auth.kinds(), ["http", "certificate"]);
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn evidence_that_nobody_would_look_at_is_refused() {
    let check = |text: &str| text.parse::<Config>().expect(text).check();
    let order = |name: &str| Err(ConfigError::Order { name: name.to_owned() });
    assert_eq!(check("[auth]\norder = ['password']"), order("password"));
    assert_eq!(check("[auth]\norder = ['jwt', 'jwt']"), order("jwt"));
    assert_eq!(check("[auth]\norder = ['jwt']\n[auth.http]"), Err(ConfigError::Unasked { kind: "http" }));
    for name in ["jwt.token_size", "scram.message_size", "http.timeout", "http.answer_size"] {
        let outcome = check(&format!("[auth]\n{name} = 0"));
        assert!(matches!(outcome, Err(ConfigError::Zero { name: zero }) if zero == format!("auth.{name}")));
    }
}

#[test]
fn an_empty_text_says_the_defaults() {
    assert_eq!("".parse::<Config>(), Ok(Config::default()));
}

#[test]
fn quantities_may_be_numbers_or_have_units() {
    let text = "sys_interval = 'off'
        [lobby]
        connect_timeout = 3
        [limits]
        linger = '250ms'
        output = 4096
        [session]
        session_expiry_maximum = '7d'
        session_expiry_v3 = 60
        keep_alive_maximum = '5min'
        maximum_packet_size = '64KiB'";
    let config: Config = text.parse().expect("a configuration");
    assert_eq!(config.sys_interval, Duration::ZERO);
    assert_eq!(config.lobby.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.limits.linger, Duration::from_millis(250));
    assert_eq!(config.limits.output, 4096);
    assert_eq!(config.session.session_expiry_maximum, 604_800);
    assert_eq!(config.session.session_expiry_v3, 60);
    assert_eq!(config.session.keep_alive_maximum, NonZeroU16::new(300));
    assert_eq!(config.session.maximum_packet_size, 65_536);
}

#[test]
fn every_listener_table_counts() {
    let text = "[[listener]]\naddress = 'tcp://127.0.0.1:1'\n[[listener]]\naddress = 'mqtt://[::1]:2'";
    let config: Config = text.parse().expect("a configuration");
    let ports: Vec<u16> = config
        .listeners
        .iter()
        .filter_map(|listener| listener.address.socket())
        .map(|socket| socket.port())
        .collect();
    assert_eq!(ports, [1, 2]);
}

#[test]
fn a_listener_table_says_what_holds_there() {
    let text = "[[listener]]
        address = 'wss://127.0.0.1:1'
        certificate = '/a.pem'
        key = '/b.pem'
        client_ca = '/c.pem'
        client_crl = '/d.pem'
        client_certificate = 'optional'
        path = '/p'
        origins = ['https://example.org']
        proxy_protocol = true
        trusted_proxies = ['10.0.0.0/8', '::1']
        connections = 5
        lobby = { timeout = 9, proxy_timeout = '1s', proxy_bytes = 200, tls_timeout = '2s', tls_bytes = '8KiB' }
        [[listener]]
        address = 'ws://127.0.0.1:2'
        [listener.lobby]
        upgrade_timeout = '3s'
        upgrade_bytes = '1KiB'
        connect_timeout = '4s'
        connect_packet_size = '16KiB'
        [[listener]]
        address = 'unix:///run/s'
        durability = 'none'
        permissions = 0o600
        [[listener]]
        address = 'unix:///run/t'
        permissions = '0660'";
    let config: Config = text.parse().expect("a configuration");
    let [wss, ws, unix, text] = &config.listeners[..] else { panic!("four listeners") };
    let expected = Listener {
        certificate: Some("/a.pem".into()),
        key: Some("/b.pem".into()),
        client_ca: Some("/c.pem".into()),
        client_crl: Some("/d.pem".into()),
        client_certificate: Some(ClientCertificate::Optional),
        path: Some("/p".to_owned()),
        origins: vec!["https://example.org".to_owned()],
        proxy_protocol: true,
        trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network"), "::1".parse().expect("a network")],
        connections: Some(5),
        lobby: StageLimits {
            timeout: Some(Duration::from_secs(9)),
            proxy_timeout: Some(Duration::from_secs(1)),
            proxy_bytes: Some(200),
            tls_timeout: Some(Duration::from_secs(2)),
            tls_bytes: Some(8 << 10),
            ..StageLimits::default()
        },
        ..Listener::new(Address::Wss("127.0.0.1:1".parse().expect("an address")))
    };
    assert_eq!(*wss, expected);
    let stages = StageLimits {
        upgrade_timeout: Some(Duration::from_secs(3)),
        upgrade_bytes: Some(1 << 10),
        connect_timeout: Some(Duration::from_secs(4)),
        connect_packet_size: Some(16 << 10),
        ..StageLimits::default()
    };
    assert_eq!(ws.lobby, stages);
    assert_eq!((unix.permissions, text.permissions), (Some(0o600), Some(0o660)));
    assert_eq!((unix.terms.stores, text.terms.stores), (false, true));
}

#[test]
fn a_listener_has_terms_for_its_clients() {
    let text = "
        [[listener]]
        address = 'tcp://127.0.0.1'
        queue = { messages = 5, bytes = '1KiB', window = 3, overflow = 'latest-per-topic' }
        mount_point = 'tenants/%u/'
        rewrite = [{ from = 'old/+', to = 'new/{1}' }]
        subscribe = [
            { filter = 'devices/%c' },
            { filter = 'all', qos = 2, no_local = true, retain_as_published = true, retained = false },
        ]";
    let config: Config = text.parse().expect("a configuration");
    let mut all = AutoSubscription::new("all", QoS::ExactlyOnce).expect("a filter");
    all.options.no_local = true;
    all.options.retain_as_published = true;
    all.options.retain_handling = RetainHandling::Never;
    let expected = Terms {
        stores: true,
        queue: QueueChanges {
            messages: Some(5),
            bytes: Some(1 << 10),
            window: NonZeroU16::new(3),
            overflow: Some(Overflow::LatestPerTopic),
        },
        mount_point: Some("tenants/%u".parse().expect("a mount point")),
        rewrite: vec![Rewrite::new("old/+", "new/{1}").expect("a rule")],
        subscribe: vec![AutoSubscription::new("devices/%c", QoS::AtMostOnce).expect("a filter"), all],
    };
    assert_eq!(*config.listeners[0].terms, expected);
}

#[test]
fn terms_that_cannot_be_are_told() {
    for (setting, sentence) in [
        ("mount_point = '#'", "a mount point has neither + nor #"),
        ("rewrite = [{ from = 'a', to = '{1}' }]", "to has {1}, but from has 0 wildcards"),
        ("rewrite = [{ from = 'a/#/b', to = 'x' }]", "from is no topic filter"),
        ("subscribe = [{ filter = '$share/x' }]", "a shared subscription is $share/NAME/FILTER"),
        ("subscribe = [{ filter = 'a', qos = 3 }]", "qos is 0, 1 or 2"),
        ("subscribe = [{ filter = '$share/x/a', no_local = true }]", "cannot have no_local"),
        ("queue = { size = 1 }", "unknown field `size`"),
    ] {
        let text = format!("[[listener]]\naddress = 'tcp://127.0.0.1'\n{setting}");
        let error = error(&text);
        assert!(error.starts_with("line 3: ") && error.contains(sentence), "{error}");
    }
}

#[test]
fn settings_of_a_listener_that_do_not_fit_are_told() {
    for (rest, sentence) in [
        ("tls://127.0.0.1'", "TLS needs a certificate and its key: set certificate and key "),
        ("tls://127.0.0.1'\nkey = 'k'", "it has a key but no certificate: set both"),
        ("tls://127.0.0.1'\ncertificate = 'c'", "it has a certificate but no key: set both"),
        (
            "tcp://127.0.0.1'\ncertificate = 'c'",
            "certificate belongs to tls:// and wss:// listeners: leave it out",
        ),
        ("unix:///s'\nclient_ca = 'c'", "client_ca belongs to tls:// and wss:// listeners"),
        ("tcp://127.0.0.1'\npath = '/p'", "path belongs to ws:// and wss:// listeners"),
        ("tls://127.0.0.1'\norigins = ['https://o']", "origins belongs to ws:// and wss:// listeners"),
        ("ws://127.0.0.1'\norigins = ['example.org']", "each of origins is written as browsers name it"),
        ("ws://127.0.0.1'\norigins = ['https://a/b']", "each of origins is written as browsers name it"),
        ("tcp://127.0.0.1'\npermissions = 0o600", "permissions belongs to unix:// listeners"),
        ("tcp://127.0.0.1'\nproxy_protocol = true", "proxy_protocol lets in only proxies that are trusted"),
        ("tcp://127.0.0.1'\ntrusted_proxies = ['::1']", "trusted_proxies is set, but proxy_protocol is not"),
        ("tcp://127.0.0.1'\nconnections = 0", "connections is 0, so nobody could connect"),
        ("tcp://127.0.0.1'\nlobby.timeout = 0", "lobby.timeout is 0, so nobody could connect"),
        ("tcp://127.0.0.1'\nlobby.tls_bytes = 9", "lobby.tls_bytes belongs to tls:// and wss:// listeners"),
        ("tcp://127.0.0.1'\nlobby.upgrade_timeout = 9", "lobby.upgrade_timeout belongs to ws:// and wss://"),
        ("tcp://127.0.0.1'\nlobby.proxy_bytes = 9", "lobby.proxy_bytes is set, but proxy_protocol is not"),
        ("unix:///s'\npermissions = 660", "permissions are mode bits up to 0o777"),
        (
            "tls://127.0.0.1'\ncertificate = 'c'\nkey = 'k'\nclient_certificate = 'required'",
            "client_certificate needs client_ca",
        ),
        ("tls://127.0.0.1'\ncertificate = 'c'\nkey = 'k'\nclient_crl = 'r'", "client_crl needs client_ca"),
        (
            "tls://127.0.0.1'\ncertificate = 'c'\nkey = 'k'\nclient_ca = 'a'\nclient_certificate = 'none'",
            "client_ca is set, but client_certificate = \"none\" asks for no certificate",
        ),
    ] {
        let config: Config = format!("[[listener]]\naddress = '{rest}").parse().expect(rest);
        let error = config.check().expect_err(rest).to_string();
        let (_, problem) = error.split_once(": ").expect("the listener");
        assert!(problem.starts_with(sentence), "{error}");
    }
}

#[test]
fn a_listener_that_asks_for_certificates_is_not_open() {
    let tls = "[[listener]]\naddress = 'tls://0.0.0.0'\ncertificate = 'c'\nkey = 'k'\n";
    for (rest, open) in
        [("", true), ("client_ca = 'a'", false), ("client_ca = 'a'\nclient_certificate = 'optional'", true)]
    {
        let config: Config = format!("{tls}{rest}").parse().expect(rest);
        assert_eq!(matches!(config.check(), Err(ConfigError::Open { .. })), open, "{rest}");
    }
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (text, start) in [
        ("\nshard = 1", "line 2: unknown field `shard`, expected one of `listener`, `shards`"),
        ("[limits]\n\nconections = 1", "line 3: unknown field `conections`, expected one of `connections`"),
        ("[lobby]\nexempt = ['10.0.0.1/8']", "line 2: \"10.0.0.1/8\" is no range of addresses: write"),
        ("[session]\nqueue = { message = 1 }", "line 2: unknown field `message`"),
        ("[session]\nstore = true", "line 2: unknown field `store`"),
        ("[[listener]]\nadress = ''", "line 2: unknown field `adress`, expected one of `address`"),
        ("[[listener]]\n\naddress = 'http://h'", "line 3: cannot serve http://h: write tcp://HOST:PORT"),
        ("[[listener]]", "line 1: missing field `address`"),
        ("shards = 0", "line 1: invalid value: integer `0`, expected a whole number from 1 to 65535"),
        ("limits = 7", "line 1: invalid type: integer `7`, expected a table of settings"),
        ("limits.sessions = -1", "line 1: invalid value: integer `-1`, expected a whole number, 0 or more"),
        ("tcp.no_delay = 'yes'", "line 1: invalid type: string \"yes\", expected true or false"),
        ("listener = {}", "line 1: invalid type: table, expected a list, as "),
        ("listener = 1883", "line 1: invalid type: integer `1883`, expected a list, as "),
        ("[[listener]]\naddress = 1883", "line 2: invalid type: integer `1883`, expected text in quotes"),
        (
            "lobby.ipv4_prefix = 300",
            "line 1: invalid value: integer `300`, expected a whole number from 0 to 255",
        ),
        ("shards = 1\nshards = 2", "line 2: duplicate key"),
        ("shards = ", "line 1: "),
        ("sys_interval = true", "line 1: invalid type: boolean `true`, expected a whole number"),
        ("sys_interval = -1", "line 1: invalid value: integer `-1`, expected a whole number"),
        ("sys_interval = '1 year'", "line 1: \"1 year\" is no duration: write for example"),
        ("[limits]\noutput = '1 MB/s'", "line 2: \"1 MB/s\" is no size: write for example"),
        ("[session]\nmaximum_packet_size = '4GiB'", "line 2: 4294967296 bytes are more than fit here"),
        (
            "sys_interval = 'never'",
            "line 1: \"never\" is no duration: write for example 500ms, 10s, 5min, 1h or 7d, or \"off\"",
        ),
        (
            "session.session_expiry_v3 = 'off'",
            "line 1: \"off\" is no duration: write for example 500ms, 10s, 5min, 1h or 7d, or \"never\"",
        ),
        (
            "session.keep_alive_maximum = 'off'",
            "line 1: \"off\" is no duration: write for example 500ms, 10s, 5min, 1h or 7d, or \"none\"",
        ),
        ("[session]\nkeep_alive_maximum = 0", "line 2: a keep alive lies between 1s and 65535s"),
        ("[session]\nkeep_alive_maximum = '1d'", "line 2: a keep alive lies between 1s and 65535s"),
        ("[session]\nsession_expiry_v3 = '50000d'", "line 2: the longest session expiry is"),
        ("[session]\nsession_expiry_v3 = '1500ms'", "line 2: \"1500ms\" is not a whole number of seconds"),
        ("[session.queue]\noverflow = 'block'", "line 2: unknown variant `block`, expected"),
        (
            "[[listener]]\naddress = 'tcp://[::1]'\ndurability = 'os'",
            "line 3: durability of a listener is \"none\"",
        ),
    ] {
        let error = error(text);
        assert!(error.starts_with(start), "{text}\n{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn values_that_cannot_be_together_are_refused() {
    let open: Config = "[[listener]]\naddress = 'tcp://0.0.0.0'".parse().expect("a configuration");
    assert!(matches!(open.check(), Err(ConfigError::Open { .. })));
    let auth = AuthSettings { allow_anonymous: true, ..AuthSettings::default() };
    assert_eq!(Config { auth, ..open }.check(), Ok(()));

    for (first, second) in [
        ("tcp://127.0.0.1:1", "ws://127.0.0.1:1"),
        ("tcp://[::1]:1", "tcp://[::1]:1"),
        ("unix:///run/s", "unix:///run/s"),
    ] {
        let config: Config = format!("[[listener]]\naddress = '{first}'\n[[listener]]\naddress = '{second}'")
            .parse()
            .expect("a configuration");
        let error = config.check().expect_err(first).to_string();
        assert!(error.starts_with(second) && error.contains("another listener has the same"), "{error}");
    }
    let any: Config = "[[listener]]\naddress = 'tcp://[::1]:0'\n[[listener]]\naddress = 'tcp://[::1]:0'"
        .parse()
        .expect("a configuration");
    assert_eq!(any.check(), Ok(()), "the system chooses two ports");

    for (size, valid) in [(0, false), (1, true), (268_435_460, true), (268_435_461, false)] {
        let config: Config =
            format!("[session]\nmaximum_packet_size = {size}").parse().expect("a configuration");
        assert_eq!(config.check().is_ok(), valid, "{size}");
    }
}

#[test]
fn a_file_is_named_in_its_errors() {
    let missing = Path::new(env!("CARGO_MANIFEST_DIR")).join("no-such-file.toml");
    let error = Config::read(&missing).expect_err("no file").to_string();
    assert!(
        error.starts_with("cannot read the configuration ") && error.contains("no-such-file.toml"),
        "{error}"
    );

    let binary = std::env::current_exe().expect("this test");
    let error = Config::read(&binary).expect_err("no text").to_string();
    assert!(error.ends_with(" is no text in UTF-8: save it in that encoding"), "{error}");

    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = Config::read(&manifest).expect_err("another kind of file").to_string();
    assert!(error.contains("Cargo.toml, line ") && error.contains(": unknown field `"), "{error}");

    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("mqtt-broker.toml");
    assert!(Config::read(&example).is_ok());
}
