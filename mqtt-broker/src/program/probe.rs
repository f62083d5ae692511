//! A look at a store that was not closed, by a process of its own: should damage make the engine abort, it is not the broker that
//! dies of it, at each start anew.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use mqtt_broker::store::StoppedStore;

use super::failure::Failure;

/// Has the store of a directory looked through if it was not closed, and sets it aside if whoever looked did not survive that.
///
/// `program` is this program, which is asked to check the store. Whatever else it finds the broker finds as well, and deals with.
pub(super) fn probe(program: &Path, directory: &Path) -> Result<(), Failure> {
    if StoppedStore::was_closed(directory) {
        return Ok(());
    }
    let start = Instant::now();
    let mut command = Command::new(program);
    command.args(["store", "check"]).arg(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(status) if has_died(status) => {
            let aside = StoppedStore::set_aside(directory)?;
            tracing::error!(
                "reading the store ends a process ({status}): it was set aside as {} as a whole, and the broker begins anew; \
                 nothing could be salvaged",
                aside.display()
            );
        }
        Ok(_) => tracing::info!(
            seconds = start.elapsed().as_secs_f64(),
            "looked through a store that was not closed"
        ),
        // the broker looks by itself then
        Err(error) => tracing::warn!("cannot have the store looked through: {}", at(program, &error)),
    }
    Ok(())
}

/// By what a program dies of its own doing: SIGILL, SIGABRT, SIGFPE, SIGSEGV and SIGBUS. Ctrl-C, or a system that is short of memory, say
/// nothing of the store.
#[cfg(unix)]
const OWN_DOING: [i32; 5] =
    [4, 6, 8, 11, if cfg!(any(target_os = "linux", target_os = "android")) { 7 } else { 10 }];

#[cfg(unix)]
fn has_died(status: std::process::ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status).is_some_and(|signal| OWN_DOING.contains(&signal))
}

/// What ends a process there has a code of the system's, far above those of the program.
#[cfg(not(unix))]
fn has_died(status: std::process::ExitStatus) -> bool {
    status.code().is_none_or(|code| !(0..=101).contains(&code))
}

fn at(program: &Path, error: &io::Error) -> String {
    format!("{}: {error}", program.display())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory with a store of these bytes, and a program that does as it is told.
    fn set(name: &str, script: &str) -> (std::path::PathBuf, std::path::PathBuf) {
        let directory = std::env::temp_dir().join(format!("mqtt-probe-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("messages.redb"), "not for reading").expect("a file");
        let program = directory.join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("its own");
        (directory, program)
    }

    fn stores(directory: &Path) -> Vec<String> {
        let names =
            fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("a name").file_name());
        let names = names.map(|name| name.into_string().expect("text"));
        names.filter(|name| name.starts_with("messages")).collect()
    }

    #[test]
    fn a_store_that_kills_its_reader_is_set_aside() {
        let (directory, program) = set("abort", "kill -ABRT $$");
        probe(&program, &directory).expect("a place to set it aside");
        let names = stores(&directory);
        assert!(names.len() == 1 && names[0].starts_with("messages.redb.damaged-"), "{names:?}");
        // and nothing is left to look at
        probe(&program, &directory).expect("nothing to do");
        assert_eq!(stores(&directory), names);
        fs::remove_dir_all(directory).expect("it is there");
    }

    #[test]
    fn whatever_else_is_wrong_is_left_to_the_broker() {
        let others = [("interrupted", "kill -INT $$"), ("short", "kill -KILL $$"), ("missing", "")];
        for (name, script) in [("fine", "exit 0"), ("damaged", "exit 1")].into_iter().chain(others) {
            let (directory, program) = set(name, script);
            if name == "missing" {
                fs::remove_file(&program).expect("it is there");
            }
            probe(&program, &directory).expect("nothing to do");
            assert_eq!(stores(&directory), ["messages.redb"]);
            fs::write(directory.join("closed"), "").expect("a file");
            fs::write(&program, "#!/bin/sh\nkill -ABRT $$\n").expect("a file");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("its own");
            probe(&program, &directory).expect("one that was closed is not looked at");
            assert_eq!(stores(&directory), ["messages.redb"]);
            fs::remove_dir_all(directory).expect("it is there");
        }
    }
}
