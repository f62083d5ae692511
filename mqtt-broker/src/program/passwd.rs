//! `mqtt-broker passwd`: users and what is kept of their passwords, in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use mqtt_broker::auth::password::{LineError, UserNameError, Users};
#[cfg(feature = "scram")]
use mqtt_broker::auth::scram;
use thiserror::Error;

/// The longest password of a CONNECT.
const LONGEST: usize = u16::MAX as usize;

/// What is to be changed.
#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The file, which auth.password_file or --password-file names, or auth.scram.file; it is made if there is none.
    file: PathBuf,

    /// The user who is added or gets another password.
    user: String,

    /// Remove the user.
    #[arg(long)]
    delete: bool,

    #[cfg(feature = "scram")]
    #[command(flatten)]
    scram: ScramOptions,
}

/// What is kept for clients that prove that they know the password.
#[cfg(feature = "scram")]
#[derive(Debug, Args)]
struct ScramOptions {
    /// Keep what SCRAM-SHA-256 needs, for a file that auth.scram.file names.
    #[arg(long)]
    scram: bool,

    /// Iterations of PBKDF2, which a client does once for each connection, and whoever guesses for each guess.
    ///
    /// The default is what OWASP recommends. 4096 will do for passwords that are random and long, as small devices should
    /// have them.
    #[arg(
        long,
        requires = "scram",
        value_name = "N",
        default_value_t = scram::DEFAULT_ITERATIONS,
        value_parser = clap::value_parser!(u32).range(i64::from(scram::LEAST_ITERATIONS)..=10_000_000)
    )]
    iterations: u32,
}

/// Why nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum PasswdError {
    #[error("the two passwords differ: try again")]
    Differ,
    #[error("the password is empty: a user without one could not be told from others")]
    Empty,
    #[error("a password has at most 65535 bytes")]
    Long,
    #[error("there is no user of that name in {}", .0.display())]
    NoUser(PathBuf),
    #[error("the password cannot be read: {0}")]
    Input(io::Error),
    #[error("cannot {what} {}: {error}", path.display())]
    File { what: &'static str, path: PathBuf, error: io::Error },
    #[cfg(feature = "scram")]
    #[error("{} holds {}, and a file holds one kind: name another one, or {}", path.display(), kind.0, kind.1)]
    Kind { path: PathBuf, kind: (&'static str, &'static str) },
    #[error("{} is there: somebody else changes the file, or was interrupted; remove it in that case", .0.display())]
    Busy(PathBuf),
    #[cfg(feature = "scram")]
    #[error(transparent)]
    NewUser(#[from] scram::NewUserError),
    #[error(transparent)]
    User(#[from] UserNameError),
}

impl PasswdError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::File { .. } | Self::Busy(_) => ExitCode::FAILURE,
            Self::Differ | Self::Empty | Self::Long | Self::NoUser(_) | Self::User(_) => ExitCode::from(2),
            #[cfg(feature = "scram")]
            Self::Kind { .. } | Self::NewUser(_) => ExitCode::from(2),
        }
    }
}

impl Passwd {
    /// Changes the file, and says what should be told about it.
    pub(crate) fn run(&self) -> Result<String, PasswdError> {
        // the file itself is replaced, not a link to it
        let path = match fs::canonicalize(&self.file) {
            Ok(path) => path,
            // a link to nothing is there, and would be replaced
            Err(error) if fs::symlink_metadata(&self.file).is_ok() => {
                return Err(PasswdError::File { what: "follow", path: self.file.clone(), error });
            }
            Err(_) => self.file.clone(),
        };
        // before anybody types
        self.check_kind(&path, &read(&path)?)?;
        let password = if self.delete { None } else { Some(password(&self.user)?) };
        let replacement = Replacement::begin(&path)?;
        // again: it may have been changed meanwhile, and cannot be any more
        let text = read(&path)?;
        let changed = match password {
            Some(password) => self.with_password(&text, &password)?,
            None => self.without(&text).ok_or_else(|| PasswdError::NoUser(path.clone()))?,
        };
        replacement.finish(changed.as_bytes())?;
        let told = if self.delete { "removed from" } else { "written to" };
        let told = format!("{:?} is {told} {}.", self.user, self.file.display());
        match self.fault(&changed) {
            None => Ok(told),
            Some(error) => Ok(format!("{told} {}", advice(error))),
        }
    }

    /// A broker would no longer take a file of both kinds.
    #[cfg(feature = "scram")]
    fn check_kind(&self, path: &Path, text: &str) -> Result<(), PasswdError> {
        let kind = match (text.parse::<Users>(), text.parse::<scram::Users>()) {
            (Ok(_), Err(_)) if self.scram.scram => ("hashes of passwords", "leave out --scram"),
            (Err(_), Ok(_)) if !self.scram.scram => ("what SCRAM-SHA-256 needs", "add --scram"),
            _ => return Ok(()),
        };
        Err(PasswdError::Kind { path: path.to_owned(), kind })
    }

    #[cfg(not(feature = "scram"))]
    const fn check_kind(&self, _: &Path, _: &str) -> Result<(), PasswdError> {
        Ok(())
    }

    fn with_password(&self, text: &str, password: &str) -> Result<String, PasswdError> {
        #[cfg(feature = "scram")]
        if self.scram.scram {
            let text = scram::Users::with_secret(text, random()?);
            let iterations = self.scram.iterations;
            return Ok(scram::Users::with_password(&text, &self.user, password, random()?, iterations)?);
        }
        Ok(Users::with_password(text, &self.user, password.as_bytes(), random()?)?)
    }

    fn without(&self, text: &str) -> Option<String> {
        #[cfg(feature = "scram")]
        if self.scram.scram {
            return scram::Users::without(text, &self.user);
        }
        Users::without(text, &self.user)
    }

    /// What a broker would not take in the text.
    fn fault(&self, text: &str) -> Option<LineError> {
        #[cfg(feature = "scram")]
        if self.scram.scram {
            return text.parse::<scram::Users>().err();
        }
        text.parse::<Users>().err()
    }
}

fn random<const N: usize>() -> Result<[u8; N], PasswdError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| PasswdError::Input(error.into()))?;
    Ok(bytes)
}

fn advice(error: LineError) -> String {
    format!("A broker does not take the file yet: {error}.")
}

fn read(path: &Path) -> Result<String, PasswdError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        result => result.map_err(|error| PasswdError::File { what: "read", path: path.to_owned(), error }),
    }
}

/// From a person, who types it twice and does not see it, or as one line from another program.
fn password(user: &str) -> Result<String, PasswdError> {
    let password = if io::stdin().is_terminal() {
        let ask = |text: String| rpassword::prompt_password(text).map_err(PasswdError::Input);
        let password = ask(format!("Password of {user:?}: "))?;
        if ask("The same again: ".to_owned())? != password {
            return Err(PasswdError::Differ);
        }
        password
    } else {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(PasswdError::Input)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        line.strip_suffix('\r').unwrap_or(line).to_owned()
    };
    match password.len() {
        0 => Err(PasswdError::Empty),
        1..=LONGEST => Ok(password),
        _ => Err(PasswdError::Long),
    }
}

/// A file beside another, which takes its place once it is complete. While it is there nobody else makes one.
struct Replacement<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: Option<File>,
}

impl<'a> Replacement<'a> {
    fn begin(path: &'a Path) -> Result<Self, PasswdError> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let beside = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&beside) {
            Ok(file) => {
                let replacement = Self { path, beside, file: Some(file) };
                replacement.take_over_owner();
                Ok(replacement)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(PasswdError::Busy(beside)),
            Err(error) => Err(PasswdError::File { what: "write", path: beside, error }),
        }
    }

    /// Who could read the old file can read the new one: the broker may run as somebody else.
    #[cfg(unix)]
    fn take_over_owner(&self) {
        use std::os::unix::fs::{MetadataExt, fchown};
        let (Some(file), Ok(old)) = (&self.file, fs::metadata(self.path)) else { return };
        // only the system's administrator can give files away; then the mode stays at its strictest
        if fchown(file, Some(old.uid()), Some(old.gid())).is_ok() {
            let _ = file.set_permissions(old.permissions());
        }
    }

    #[cfg(not(unix))]
    fn take_over_owner(&self) {}

    fn finish(mut self, bytes: &[u8]) -> Result<(), PasswdError> {
        let written = self.file.take().map_or(Ok(()), |mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let replaced = written.and_then(|()| fs::rename(&self.beside, self.path));
        replaced.map_err(|error| PasswdError::File { what: "write", path: self.path.to_owned(), error })
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        // it is gone already if it has taken the other's place
        let _ = fs::remove_file(&self.beside);
    }
}
