//! What packages bring along: manual pages and what shells complete.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::failure::Failure;
use super::options::Options;

/// The shell that is to complete.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Where manual pages go.
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// A directory, which is made if it is not there; the page of the program goes to standard output if there is none.
    directory: Option<PathBuf>,
}

const NAME: &str = "mqtt-broker";

impl Completions {
    pub(crate) fn run(&self) {
        clap_complete::generate(self.shell, &mut Options::command(), NAME, &mut io::stdout());
    }
}

impl Manual {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match &self.directory {
            None => {
                clap_mangen::Man::new(Options::command()).render(&mut io::stdout()).map_err(Failure::Output)
            }
            Some(directory) => {
                let written = write(directory);
                written.map_err(|error| Failure::Write { path: directory.clone(), error })
            }
        }
    }
}

/// A page for the program and one for each command.
fn write(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Options::command(), directory)
}
