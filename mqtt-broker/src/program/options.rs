//! The command line.

use std::path::PathBuf;
use std::{env, fs};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use mqtt_broker::config::{Config, Listener, StoreSettings, quantity};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::acl::AclCommand;
use super::failure::Failure;
use super::health::Health;
#[cfg(feature = "tls")]
use super::init::Init;
use super::papers::{Completions, Manual};
use super::passwd::Passwd;
#[cfg(feature = "disk")]
use super::store::StoreCommand;

/// An MQTT broker for MQTT 3.1, 3.1.1 and 5.0.
///
/// Without arguments it serves tcp://127.0.0.1:1883, which only programs on this machine reach. It prints one line
/// when it is ready, and logs to standard error. Ctrl-C or SIGTERM stops it: MQTT 5.0 clients are told. Sessions
/// and messages are kept in ./mqtt-data, where the next start finds them. SIGHUP makes it read its configuration and the files
/// named there again, while connections stay.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) settings: Settings,

    #[command(flatten)]
    log: LogOptions,

    /// Print every setting with its default and its reason, as a file to start from, and exit.
    #[arg(long)]
    pub(crate) print_config: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the program can do besides serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask the rules of permission.
    #[command(subcommand)]
    Acl(AclCommand),

    /// Say whether the broker would start with these settings, and exit.
    ///
    /// Reads the configuration and every file that it names, and opens no socket. A mistake is told with its line and
    /// ends with exit code 2.
    Check(Box<Settings>),

    /// Print what a shell needs to complete names of commands and options.
    ///
    /// For bash: mqtt-broker completions bash > /etc/bash_completion.d/mqtt-broker
    Completions(Completions),

    /// Ask a broker for an answer: exit code 0 if it gives one, 1 if not.
    Health(Box<Health>),

    /// Make a directory with a commented configuration, a user, and certificates for trying TLS.
    ///
    /// It prints the password of the user, and three commands to try. Nothing that is there is written over.
    #[cfg(feature = "tls")]
    Init(Init),

    /// Write manual pages, one for each command.
    #[command(name = "man")]
    Manual(Manual),

    /// Add a user to a password file, or give one another password; asks for it twice.
    ///
    /// Where standard input is no terminal, the password is its first line. Passwords are hashed with argon2id, or kept in
    /// the form of SCRAM-SHA-256 with --scram. A broker that runs reads the file again at SIGHUP.
    Passwd(Passwd),

    /// Look into a data directory, or tidy it up, while no broker uses it.
    #[cfg(feature = "disk")]
    #[command(subcommand)]
    Store(StoreCommand),
}

/// What is served, and how.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Serve this address, for example tcp://HOST:PORT; may be repeated and adds to the file's listeners.
    ///
    /// tcp:// or mqtt:// (port 1883), tls:// or mqtts:// (8883), ws:// (80) and wss:// (443) with HOST:PORT, or
    /// unix:// with the path of a file. HOST is a name, an IPv4 address or an IPv6 address in brackets. Port 0 lets the
    /// system choose; the printed line says what it chose. [default: tcp://127.0.0.1:1883]
    #[arg(short, long, value_name = "URL")]
    listen: Vec<Listener>,

    /// The certificate, as a PEM file, of the tls:// and wss:// addresses given by --listen.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,

    /// The private key of that certificate, as a PEM file.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,

    /// Read settings from this TOML file; options of the command line win.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Keep sessions, their messages and retained messages in this directory, which is made if it is not there.
    ///
    /// What the broker acknowledges is on the disk before; after a stop, a crash or a power cut it goes on with it.
    /// [default: mqtt-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Keep nothing: sessions, their messages and retained messages are gone with the process.
    #[arg(long, conflicts_with = "data")]
    memory: bool,

    /// Let in only users of this file, which `mqtt-broker passwd` or mosquitto_passwd has made.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Let everybody connect, also from other machines.
    ///
    /// An address that other machines can reach is refused without this, unless something asks its clients who they are.
    #[arg(long)]
    allow_anonymous: bool,

    /// Threads that serve clients; a second pays only when the first is saturated. [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    shards: Option<u16>,

    /// Largest packet that clients may send, for example 65536, 64KiB or 1MiB. [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = packet_size)]
    max_packet_size: Option<u32>,
}

/// Where sessions and messages are kept unless somebody says otherwise: below where the program runs, so that nothing has
/// to be set up.
const DATA: &str = "mqtt-data";

/// What is logged.
#[derive(Debug, Args)]
struct LogOptions {
    /// What to log, by level and module, for example info or mqtt_broker=debug. [default: warn]
    #[arg(long, value_name = "FILTER", conflicts_with = "verbose")]
    log: Option<Targets>,

    /// How a line of the log looks: "auto" is text on a terminal and JSON elsewhere.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Auto)]
    log_format: LogFormat,

    /// Log more: -v refused connections, -vv every client, -vvv everything.
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

/// For whom a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For programs: one object in each line.
    Json,
}

const EXAMPLES: &str = "\
Try it, each line in a terminal of its own:
  mqtt-broker
  mosquitto_sub -t 'greetings/#' -v
  mosquitto_pub -t greetings/world -m hello

Open it to the network, where everybody who reaches it may then read and write:
  mqtt-broker --listen tcp://0.0.0.0:1883 --allow-anonymous

Open it to users with passwords, which the first line asks for; over a network add TLS:
  mqtt-broker passwd users ann
  mqtt-broker --listen tcp://0.0.0.0:1883 --password-file users

Several addresses, among them a port that the system chooses:
  mqtt-broker --listen tcp://127.0.0.1:1883 --listen 'tcp://[::1]:0'

Write a configuration file with all settings, and look for mistakes in it before using it:
  mqtt-broker --print-config > mqtt-broker.toml
  mqtt-broker check --config mqtt-broker.toml

Which rule decides whether a client may publish to a topic:
  mqtt-broker acl explain --config mqtt-broker.toml --user ann --topic a/b --action publish

What a stopped broker has kept, and whether all of it is as it was written:
  mqtt-broker store dump mqtt-data
  mqtt-broker store check mqtt-data

Exit codes:
  0    stopped by Ctrl-C or SIGTERM, or has done what check, passwd, acl explain, store or an option asks
  1    the system refused something, for example a port in use; acl explain: denied; store check: damaged
  2    a wrong option or configuration
  130  stopped at once by a second Ctrl-C";

impl Options {
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::try_parse()
    }

    pub(crate) fn filter(&self) -> Targets {
        let level = match self.log.verbose {
            0 => LevelFilter::WARN,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        self.log.log.clone().unwrap_or_else(|| Targets::new().with_default(level))
    }
}

impl Options {
    pub(crate) const fn log_format(&self) -> LogFormat {
        self.log.log_format
    }
}

impl Settings {
    /// The file with the options laid over it, checked.
    ///
    /// # Errors
    /// The first mistake in it, with its line.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        self.laid_over().map_err(|failure| self.located(failure))
    }

    /// Says with a mistake which line of the file to look at.
    pub(crate) fn located(&self, failure: impl Into<Failure>) -> Failure {
        let failure = failure.into();
        match &self.config {
            Some(path) => failure.located(path),
            None => failure,
        }
    }

    fn laid_over(&self) -> Result<Config, Failure> {
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        let text = self.config.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let variables = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        config = config.with_variables(&text, variables)?;
        if self.certificate.is_some() && !self.listen.iter().any(|listener| listener.address.has_tls()) {
            return Err(Failure::CertificateUnused);
        }
        for mut listener in self.listen.iter().cloned() {
            if listener.address.has_tls() {
                listener.certificate.clone_from(&self.certificate);
                listener.key.clone_from(&self.key);
            }
            // An address that is in the file as well is meant once; with port 0 each is another one.
            let is_any = listener.address.socket().is_some_and(|socket| socket.port() == 0);
            let is_known = config.listeners.iter().any(|known| known.address == listener.address);
            if is_any || !is_known {
                config.listeners.push(listener);
            }
        }
        if config.listeners.is_empty() {
            config.listeners.push(Listener::loopback());
        }
        self.place_store(&mut config.store);
        if self.password_file.is_some() {
            config.auth.password_file.clone_from(&self.password_file);
        }
        config.auth.allow_anonymous |= self.allow_anonymous;
        if let Some(shards) = self.shards.and_then(|shards| shards.try_into().ok()) {
            config.shards = shards;
        }
        if let Some(size) = self.max_packet_size {
            config.session.maximum_packet_size = size;
        }
        config.check()?;
        if let Some(path) = &self.config {
            // who reads the rules later does not know what the file is called
            config.rules(&path.display().to_string())?;
        }
        Ok(config)
    }
}

impl Settings {
    /// A program is started to keep what it is given, and says where it does.
    fn place_store(&self, store: &mut StoreSettings) {
        if self.data.is_some() {
            (store.memory, store.directory) = (false, self.data.clone());
        } else if self.memory {
            (store.memory, store.directory) = (true, None);
        } else if cfg!(feature = "disk") && !store.memory && store.directory.is_none() {
            store.directory = Some(DATA.into());
        }
    }
}

fn packet_size(text: &str) -> Result<u32, String> {
    let size = quantity::size(text).map_err(|error| error.to_string())?;
    size.try_into().map_err(|_| format!("{size} bytes are more than a packet can have"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn config(arguments: &[&str]) -> Result<Config, Failure> {
        let arguments = ["mqtt-broker"].iter().chain(arguments);
        Options::try_parse_from(arguments).expect("known options").settings.config()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn no_arguments_mean_the_defaults_on_loopback() {
        let mut expected = Config { listeners: vec![Listener::loopback()], ..Config::default() };
        expected.store.directory = cfg!(feature = "disk").then(|| DATA.into());
        assert_eq!(config(&[]).expect("a configuration"), expected);
    }

    #[cfg(feature = "disk")]
    #[test]
    fn sessions_are_kept_where_the_command_line_or_the_file_says_or_not_at_all() {
        let file = |name: &str, text: &str| {
            let path = env::temp_dir().join(format!("mqtt-options-{}-{name}", std::process::id()));
            fs::write(&path, text).expect("a file");
            path
        };
        let elsewhere = file("elsewhere", "[store]\ndirectory = \"there\"\n");
        let nowhere = file("nowhere", "[store]\nmemory = true\n");
        let both = file("both", "[store]\nmemory = true\ndirectory = \"there\"\n");
        let [elsewhere, nowhere, both] =
            [&elsewhere, &nowhere, &both].map(|path| path.to_str().expect("text"));
        for (arguments, place) in [
            (&[][..], Some("mqtt-data")),
            (&["--data", "here"], Some("here")),
            (&["--memory"], None),
            (&["-c", elsewhere], Some("there")),
            (&["-c", elsewhere, "--data", "here"], Some("here")),
            (&["-c", elsewhere, "--memory"], None),
            (&["-c", nowhere], None),
            (&["-c", nowhere, "--data", "here"], Some("here")),
        ] {
            let store = config(arguments).expect("a configuration").store;
            assert_eq!(store.directory.as_deref(), place.map(std::path::Path::new), "{arguments:?}");
        }
        let refused = config(&["-c", both]).expect_err("a contradiction").to_string();
        assert!(refused.contains("line 2") && refused.contains("leave out one of them"), "{refused}");
        [elsewhere, nowhere, both].into_iter().for_each(|path| fs::remove_file(path).expect("it is there"));
    }

    #[test]
    fn the_help_tells_the_true_defaults() {
        let help = Options::command().term_width(0).render_long_help().to_string();
        let defaults = Config::default();
        assert!(help.contains(&format!("[default: {}]", Listener::loopback())));
        assert!(help.contains(&format!("saturated. [default: {}]", defaults.shards)));
        let size = quantity::size("1MiB").expect("a size");
        assert_eq!(size, u64::from(defaults.session.maximum_packet_size));
        assert!(help.contains("1MiB. [default: 1MiB]"));
        assert!(help.contains(&format!("goes on with it. [default: {DATA}]")), "{help}");
    }

    #[test]
    fn options_lie_over_the_file() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/mqtt-broker.toml");
        let arguments = ["-c", example, "--shards", "3", "--max-packet-size", "64KiB", "--allow-anonymous"];
        let listen = ["--listen", "tcp://127.0.0.1:1883", "-l", "tcp://0.0.0.0:0", "-l", "tcp://0.0.0.0:0"];
        let config = config(&[&arguments[..], &listen[..]].concat()).expect("a configuration");
        assert_eq!(config.shards.get(), 3);
        assert_eq!(config.session.maximum_packet_size, 65_536);
        assert!(config.auth.allow_anonymous);
        let ports: Vec<u16> = config
            .listeners
            .iter()
            .filter_map(|listener| listener.address.socket())
            .map(|socket| socket.port())
            .collect();
        assert_eq!(ports, [1883, 0, 0]);
    }

    #[test]
    fn a_certificate_that_no_address_needs_is_a_mistake() {
        let files = ["--certificate", "c.pem", "--key", "k.pem"];
        for listen in [&[][..], &["--listen", "tcp://127.0.0.1:0"]] {
            let refused = config(&[&files[..], listen].concat());
            assert!(matches!(refused, Err(Failure::CertificateUnused)), "{listen:?}");
        }
        let config =
            config(&[&files[..], &["--listen", "wss://127.0.0.1:0"]].concat()).expect("a use for it");
        assert_eq!(config.listeners[0].key.as_deref(), Some(std::path::Path::new("k.pem")));
    }

    #[test]
    fn each_v_logs_more() {
        for (arguments, expected) in [
            (&["mqtt-broker"][..], "warn"),
            (&["mqtt-broker", "-v"], "info"),
            (&["mqtt-broker", "-vv"], "debug"),
            (&["mqtt-broker", "-vvvv"], "trace"),
            (&["mqtt-broker", "--log", "mqtt_broker=debug,error"], "mqtt_broker=debug,error"),
        ] {
            let filter = Options::try_parse_from(arguments).expect("known options").filter();
            assert_eq!(filter, expected.parse::<Targets>().expect(expected));
        }
    }
}
