//! What the program does beside the library: options, log, one line of output, signals, exit codes.

mod acl;
mod failure;
mod health;
#[cfg(feature = "tls")]
mod init;
mod options;
mod papers;
mod passwd;
#[cfg(feature = "disk")]
mod probe;
mod serve;
mod service;
mod signals;
#[cfg(feature = "disk")]
mod store;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use mqtt_broker::Broker;
use mqtt_broker::config::Config;
use tokio::runtime::Builder;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::failure::Failure;
use self::options::{Command, LogFormat, Options, Settings};

pub(crate) fn run() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(answer) => return failure::tell_usage(&answer),
    };
    match start(options) {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

fn start(options: Options) -> Result<ExitCode, Failure> {
    if options.print_config {
        say(&include_str!("../../mqtt-broker.toml").trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    log(options.filter(), options.log_format());
    if let Some(command) = options.command {
        return match command {
            Command::Acl(command) => command.run(),
            Command::Check(settings) => check(*settings),
            Command::Completions(completions) => {
                completions.run();
                Ok(ExitCode::SUCCESS)
            }
            Command::Health(health) => Ok(health.run()),
            #[cfg(feature = "tls")]
            Command::Init(init) => {
                say(&init.run()?);
                Ok(ExitCode::SUCCESS)
            }
            Command::Manual(manual) => manual.run().map(|()| ExitCode::SUCCESS),
            #[cfg(feature = "disk")]
            Command::Store(command) => command.run(),
            Command::Passwd(passwd) => {
                say(&passwd.run()?);
                Ok(ExitCode::SUCCESS)
            }
        };
    }
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::System)?;
    runtime.block_on(serve::serve(options.settings))
}

fn check(settings: Settings) -> Result<ExitCode, Failure> {
    let config = settings.config()?;
    let checked = Broker::builder().config(config.clone()).check();
    checked.map_err(|error| settings.located(error))?;
    say(&format_args!("The configuration is valid and serves {}.", urls(&config)));
    Ok(ExitCode::SUCCESS)
}

fn urls(config: &Config) -> String {
    let urls: Vec<String> = config.listeners.iter().map(ToString::to_string).collect();
    urls.join(", ")
}

/// Standard output may be closed: nobody wants to know, then.
fn say(line: &dyn std::fmt::Display) {
    let mut output = io::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Lines for people where they are read by people, else an object of JSON for each.
fn log(filter: Targets, format: LogFormat) {
    let is_terminal = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let log = tracing_subscriber::registry().with(filter);
    let is_json = match format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    if is_json {
        log.with(lines.json().flatten_event(true)).init();
    } else {
        log.with(lines.with_ansi(is_terminal)).init();
    }
}
