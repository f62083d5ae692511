//! `mqtt-broker store`: what a data directory has, without a broker.

mod line;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use mqtt_broker::store::{Content, Entry, OpenError, StoppedStore};

use self::line::Form;
use super::failure::Failure;

/// What can be done with the store of a broker that is stopped.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Look at everything, and say whether it is as it was written.
    ///
    /// Exit code 0 if it is, 1 if something is damaged; a broker starts all the same.
    Check(Place),

    /// Print sessions, messages that they are owed, and retained messages, a line each, without payloads.
    Dump {
        #[command(flatten)]
        place: Place,

        /// Each line as a JSON object.
        #[arg(long)]
        json: bool,
    },

    /// Print all of it with payloads and properties, each line a JSON object, for other programs.
    Export {
        #[command(flatten)]
        place: Place,

        /// As it is without this option; there is no other form yet.
        #[arg(long)]
        json: bool,
    },

    /// Give back the space of what is no longer needed. Takes as much time as there is to move.
    Compact(Place),
}

/// Whose store it is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The data directory; no broker may be using it.
    directory: PathBuf,
}

impl StoreCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Check(place) => place.check(),
            Self::Dump { place, json } => place.print(if json { Form::Json } else { Form::Text }),
            Self::Export { place, json: _ } => place.print(Form::Export),
            Self::Compact(place) => place.compact(),
        }
    }
}

impl Place {
    fn open(&self) -> Result<StoppedStore, OpenError> {
        StoppedStore::open(&self.directory)
    }

    fn check(&self) -> Result<ExitCode, Failure> {
        let store = self.open()?;
        let content = visit(&store, true, |_| Ok(()))?;
        let spinner = spinner("looking at the file");
        let is_whole = store.check()?;
        spinner.finish_and_clear();
        let Content { sessions, messages, retained, damaged, .. } = content;
        super::say(&format_args!(
            "{sessions} sessions, {messages} messages that they are owed, {retained} retained messages"
        ));
        if is_whole && damaged == 0 {
            super::say(&"All of it is as it was written.");
            return Ok(ExitCode::SUCCESS);
        }
        super::say(&format_args!("{damaged} values are damaged. A broker leaves them out."));
        if !is_whole {
            super::say(
                &"The file is damaged. A broker that starts with it may set it aside and take over what can be read.",
            );
        }
        Ok(ExitCode::FAILURE)
    }

    fn print(&self, form: Form) -> Result<ExitCode, Failure> {
        let store = self.open()?;
        let mut output = BufWriter::new(io::stdout().lock());
        // a bar would stand between the lines
        let has_bar = !io::stdout().is_terminal();
        let content = visit(&store, has_bar, |entry| form.write(&mut output, &entry));
        let content = match content.and_then(|content| Ok(output.flush().map(|()| content)?)) {
            // who reads has seen enough
            Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            content => content?,
        };
        if content.damaged > 0 {
            tracing::warn!("{} values are damaged and left out", content.damaged);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn compact(&self) -> Result<ExitCode, Failure> {
        let store = self.open()?;
        let spinner = spinner("moving what is needed to the front");
        let (before, after) = store.compact()?;
        spinner.finish_and_clear();
        super::say(&format_args!("{before} bytes before, {after} bytes now"));
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows everything, with a bar that says how far that is if standard error is a terminal.
fn visit(
    store: &StoppedStore,
    has_bar: bool,
    mut show: impl FnMut(Entry<'_>) -> io::Result<()>,
) -> Result<Content, Failure> {
    let bar = ProgressBar::new(store.values()?);
    if !has_bar {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let visited = store.visit(|entry| {
        bar.inc(1);
        show(entry)
    });
    bar.finish_and_clear();
    Ok(visited??)
}

fn spinner(what: &'static str) -> ProgressBar {
    // draws nothing where standard error is no terminal
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.set_style(ProgressStyle::default_spinner());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
