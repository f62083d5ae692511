//! `mqtt-broker passwd --scram`, and what the program says of files that it makes.
#![cfg(all(unix, feature = "scram"))]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mqtt_broker::auth::scram::Users;

/// Exit code, standard output and standard error.
fn run(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // one that refuses does not read
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn absent(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // of another run, perhaps
    let _ = fs::remove_file(&path);
    path
}

/// A configuration that names the file.
fn config(name: &str, users: &str) -> String {
    let path = absent(name);
    fs::write(&path, format!("[auth.scram]\nfile = \"{users}\"\n")).expect("a temporary file");
    path.to_str().expect("a path of text").to_owned()
}

#[test]
fn passwd_makes_a_file_that_only_its_owner_reads_and_a_broker_takes() {
    let path = absent("users.scram");
    let users = path.to_str().expect("a path of text");
    let passwd = ["passwd", "--scram", "--iterations", "4096", users];
    for (user, password) in [("ann", "first\n"), ("bob", "crayon"), ("ann", "second")] {
        let (code, output, errors) = run(&[&passwd[..], &[user]].concat(), password);
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert_eq!(output, format!("{user:?} is written to {users}.\n"));
    }
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).expect("a file");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with(":unknown$"), "{text}");
    assert!(lines[1].starts_with("ann:SCRAM-SHA-256$4096:"), "{text}");
    let config = config("users.scram.toml", users);
    assert_eq!(run(&["check", "--config", &config], "").0, Some(0));

    assert_eq!(run(&["passwd", "--scram", users, "bob", "--delete"], "").0, Some(0));
    let left: Users = fs::read_to_string(&path).expect("a file").parse().expect("users");
    assert!(left.contains("ann") && left.len() == 1);
}

#[test]
fn a_new_password_costs_as_many_iterations_as_is_recommended() {
    let path = absent("default.scram");
    let users = path.to_str().expect("a path of text");
    assert_eq!(run(&["passwd", "--scram", users, "ann"], "pencil").0, Some(0));
    assert!(fs::read_to_string(&path).expect("a file").contains("ann:SCRAM-SHA-256$600000:"));
}

#[test]
fn passwd_changes_nothing_unless_it_is_right() {
    let path = absent("careful.scram");
    let users = path.to_str().expect("a path of text");
    for (arguments, input, sentence) in [
        (&["passwd", "--scram", "--iterations", "4095", users, "a"][..], "pw", "invalid value '4095' for"),
        (&["passwd", "--iterations", "4096", users, "a"], "pw", "what is given also needs --scram"),
        (&["passwd", "--scram", users, "a:b"], "pw", "a user name has no colon"),
        (&["passwd", "--scram", users, "\u{627}1"], "pw", "a user name has no characters that SASLprep"),
        (&["passwd", "--scram", users, "a"], "\u{7}", "the password is empty, or has characters that SASL"),
        (&["passwd", "--scram", users, "a"], "", "the password is empty: a user without one"),
        (&["passwd", "--scram", users, "a", "--delete"], "", "there is no user of that name in"),
    ] {
        let (code, output, errors) = run(arguments, input);
        assert_eq!((code, output.as_str()), (Some(2), ""), "{errors}");
        assert!(errors.starts_with(&format!("mqtt-broker: {sentence}")), "{errors}");
        assert!(!path.exists(), "{arguments:?}");
    }
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_line_and_that_of_another_kind_with_its_place() {
    let path = absent("mixed.scram");
    let users = path.to_str().expect("a path of text");
    let passwd = ["passwd", "--scram", "--iterations", "4096", users, "ann"];
    assert_eq!(run(&passwd, "pencil").0, Some(0));
    // for a password file, as the option is forgotten easily
    let (code, _, errors) = run(&["passwd", users, "bob"], "crayon");
    assert!(code == Some(2) && errors.trim_end().ends_with("add --scram"), "{errors}");
    let mixed = fs::read_to_string(&path).expect("a file") + "bob:$argon2id$\n";
    fs::write(&path, mixed).expect("a file");
    let config = config("mixed.scram.toml", users);
    let (code, _, errors) = run(&["check", "--config", &config], "");
    let sentence =
        format!("mqtt-broker: auth.scram: {users}, line 3: this is nothing for SCRAM-SHA-256: give");
    assert!(code == Some(2) && errors.starts_with(&sentence), "{errors}");

    fs::write(&path, "ann:SCRAM-SHA-256$4096:AAAAAAAAAAA=$AA:AA\n").expect("a file");
    let (code, _, errors) = run(&["check", "--password-file", users], "");
    let sentence =
        format!("mqtt-broker: {users}, line 1: this is for SCRAM: files with such lines belong into");
    assert!(code == Some(2) && errors.starts_with(&sentence), "{errors}");

    fs::remove_file(&path).expect("it is there");
    let (code, _, errors) = run(&["check", "--config", &config], "");
    assert!(
        code == Some(2) && errors.contains("make it by: mqtt-broker passwd --scram FILE USER"),
        "{errors}"
    );
}
