use super::*;

use crate::auth::Secret;
use crate::config::{GuessLimits, Listener};
use mqtt_codec::Version;

/// Made by Debian's mosquitto_passwd 2.0.11, with each of its kinds.
const MOSQUITTO: &str = "\
ann:$7$101$lA6VtkCfX149ulDa$6TbOHAjBrqWDWxWSLIBvsDJzVdqq68yUD0FQ4XJpY6Mtos0TkqnD/m39K25NXDvVa/ntiCFHxFSbCLlcQWgWSw==
bob:$6$KXW+4SY6kYMdnW5T$Y57qQIgwTndutT1az1/QrFkT/YTS9+vBda2fBwOXzMZvCCG7xlRPFltX80OcT39+Dqgol7PRqHxRzyJRZs19CA==
";

/// Made by the reference implementation of argon2, of \"correct horse\".
const ARGON2: [&str; 3] = [
    "$argon2id$v=19$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$DgRLr7ZcO3OXLeIGFc+1Ng4zIzm2aVQS",
    "$argon2i$v=19$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$2MdK89VCXzsrSEKSAM9tjHAyGjQ78fGs",
    "$argon2d$v=16$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$NabJhlDQ2aftJE4i9kcWCwTySZrvDw9G",
];

fn users(text: &str) -> Users {
    text.parse().expect(text)
}

#[test]
fn files_of_mosquitto_are_read_as_they_are() {
    for text in
        [MOSQUITTO.to_owned(), MOSQUITTO.replace('\n', "\r\n"), format!("# users\n\n{MOSQUITTO}\n \n")]
    {
        let users = users(&text);
        assert_eq!(users.len(), 2);
        assert!(users.verify("ann", b"open sesame") && users.verify("bob", "zürich".as_bytes()));
        assert!(!users.verify("ann", b"open sesam") && !users.verify("bob", b"open sesame"));
        assert!(!users.verify("eve", b"open sesame") && !users.verify("", b""));
    }
}

#[test]
fn hashes_of_other_implementations_of_argon2_are_understood() {
    for hash in ARGON2 {
        let users = users(&format!("ann:{hash}"));
        assert!(users.verify("ann", b"correct horse") && !users.verify("ann", b"correct house"), "{hash}");
    }
}

#[test]
fn a_password_is_hashed_as_recommended_and_every_other_line_stays() {
    let text = format!("# kept\n{MOSQUITTO}plain:text");
    let changed = Users::with_password(&text, "bob", b"new", [7; 16]).expect("a user name");
    let changed = Users::with_password(&changed, "plain", b"hidden", [8; 16]).expect("a user name");
    let changed = Users::with_password(&changed, "zoe", b"", [9; 16]).expect("a user name");
    let lines: Vec<&str> = changed.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[..2], text.lines().take(2).collect::<Vec<_>>()[..]);
    assert!(lines[2].starts_with("bob:$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
    let users = users(&changed);
    for (user, password, is_right) in [
        ("ann", "open sesame", true),
        ("bob", "new", true),
        ("bob", "zürich", false),
        ("plain", "hidden", true),
        ("zoe", "", true),
    ] {
        assert_eq!(users.verify(user, password.as_bytes()), is_right, "{user}");
    }
    let without = Users::without(&changed, "bob").expect("he is there");
    assert_eq!(without.lines().count(), 4);
    assert_eq!(Users::without(&without, "bob"), None);
    // as it was read, so it is written
    assert_eq!(Users::with_password(&changed, "zoe", b"", [9; 16]).as_ref(), Ok(&changed));
}

#[test]
fn user_names_that_no_line_could_hold_are_refused() {
    let long = "x".repeat(65_536);
    for (user, error) in [
        ("", UserNameError::Empty),
        (&long, UserNameError::Long),
        ("#ann", UserNameError::Edges),
        (" ann", UserNameError::Edges),
        ("\u{feff}ann", UserNameError::Edges),
        ("ann\t", UserNameError::Edges),
        ("a:b", UserNameError::Characters),
        ("a\nb", UserNameError::Characters),
        ("a\u{85}b", UserNameError::Characters),
    ] {
        assert_eq!(Users::with_password("", user, b"pw", [0; 16]), Err(error));
    }
    assert!(Users::with_password("", "Zoë Müller@example.org", b"pw", [0; 16]).is_ok());
}

#[test]
fn mistakes_are_told_with_their_line_and_without_what_stands_there() {
    let hash = |algorithm: &str, parameters: &str| {
        format!("u:${algorithm}$v=19${parameters}$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA")
    };
    let good = hash("argon2id", "m=64,t=1,p=1");
    assert_eq!(users(&good).len(), 1);
    let damaged = "hash is damaged: give the user a new password by mqtt-broker passwd";
    for (line, fault) in [
        ("secret".to_owned(), "a line is USER:HASH, or begins with #".to_owned()),
        (format!("\u{feff}{good}"), "a user name does not begin with # or a byte order mark".into()),
        ("u:secret".into(), "the password stands there for all to read".into()),
        ("u:".into(), "the password stands there for all to read".into()),
        (":secret".into(), "the user name is empty".into()),
        ("u:$1$secret".into(), "the hash is of none of the kinds $argon2id$".into()),
        ("u:$2b$12$secret".into(), "the hash is of none of the kinds $argon2id$".into()),
        ("u:$secret".into(), "the hash is of none of the kinds $argon2id$".into()),
        ("u:$6$secret".into(), format!("the $6$ {damaged}")),
        ("u:$6$c2VjcmV0$secret".into(), format!("the $6$ {damaged}")),
        ("u:$7$x$secret$secret".into(), format!("the $7$ {damaged}")),
        ("u:$7$0$secret$secret".into(), format!("the $7$ {damaged}")),
        ("u:$7$10000001$secret$secret".into(), "the hash demands more than 10 million rounds".into()),
        ("u:$argon2id$secret".into(), format!("the argon2 {damaged}")),
        (hash("argon2id", "m=64,t=1"), format!("the argon2 {damaged}")),
        (hash("argon2id", "m=64,t=1,p=1,x=1"), format!("the argon2 {damaged}")),
        (hash("argon2id", "m=1,t=1,p=1"), format!("the argon2 {damaged}")),
        (hash("argon2id", "m=1048577,t=1,p=1"), "the hash demands more than 1 GiB".into()),
        (hash("argon2id", "m=64,t=65537,p=1"), "the hash demands more than 1 GiB".into()),
        (good.replace("v=19", "v=18"), format!("the argon2 {damaged}")),
        (good.replace("c2FsdHNhbHQ", "c2FsdA"), format!("the argon2 {damaged}")),
        (good.replace("aGFzaGhhc2hoYXNoaGFzaA", "aGFzaA"), format!("the argon2 {damaged}")),
        (good.replace("aGFzaGhhc2hoYXNoaGFzaA", "aGFzaGhhc2hoYXNoaGFzaA=="), format!("the argon2 {damaged}")),
    ] {
        let error = format!("# first\n{line}").parse::<Users>().expect_err(&line).to_string();
        assert!(
            error.starts_with(&format!("line 2: {fault}")) && !error.contains("secret"),
            "{line}\n{error}"
        );
    }
    let twice = format!("{good}\nv{}\n\n{good}", &good[1..]).parse::<Users>().expect_err("twice");
    assert_eq!(twice.to_string(), "line 4: the user is in line 1 already: remove one of the two");
    let bytes = [b"a\nb".to_vec(), vec![0xff]].concat();
    let error = str::from_utf8(&bytes).expect_err("no text");
    assert_eq!(LineError::no_text(&bytes, error).to_string(), "line 2: this is no UTF-8 text");
}

#[test]
fn who_is_not_there_takes_the_place_of_one_like_most_others() {
    let cheap = ARGON2[0];
    let text = format!("{MOSQUITTO}carl:{cheap}\ndora:{cheap}");
    let users = users(&text);
    let (verifier, is_known) = users.verifier("eve").expect("somebody");
    assert!(!is_known);
    assert_eq!(verifier.to_text(), cheap);
    assert!(!users.verify("eve", b"correct horse"));
    assert!(Users::default().verifier("eve").is_none());
}

fn file(text: &str, change: impl FnOnce(&mut AuthSettings)) -> PasswordFile {
    let mut settings = AuthSettings::default();
    change(&mut settings);
    PasswordFile::new("users".into(), users(text), &settings)
}

fn attempt(user: &str, password: Option<&'static str>) -> Attempt {
    Attempt {
        listener: Listener::loopback().address,
        peer: None,
        version: Version::V5,
        client_id: Text::new("c").expect("text"),
        user_name: Some(Text::new(user).expect("text")),
        password: password.map(|password| Secret::new(password.into())),
        certificates: Vec::new(),
    }
}

/// Where nobody else is asked.
async fn judged(file: &PasswordFile, user: &str, password: &'static str) -> Decision {
    let attempt = attempt(user, Some(password));
    let decision = file.authenticate(&attempt).await;
    if decision == Decision::Pass {
        file.note_refused(&attempt);
    }
    decision
}

#[tokio::test]
async fn right_passwords_are_admitted_wrong_ones_refused_and_others_left_to_others() {
    let file = file(MOSQUITTO, |_| {});
    let ann = Text::new("ann").expect("text");
    assert_eq!(judged(&file, "ann", "open sesame").await, admit(&ann));
    assert_eq!(judged(&file, "ann", "open").await, Decision::Refuse(Refused::Credentials));
    assert_eq!(judged(&file, "eve", "open sesame").await, Decision::Pass);
    assert_eq!(file.authenticate(&attempt("ann", None)).await, Decision::Pass);
    assert_eq!(format!("{file:?}"), "PasswordFile { path: \"users\", users: 2 users, .. }");
}

#[tokio::test]
async fn guesses_are_not_looked_at_but_a_password_that_was_right_lately_is() {
    let strict = |settings: &mut AuthSettings| {
        let delay = std::time::Duration::from_secs(3_600);
        settings.guesses =
            GuessLimits { per_address: 1, delay, delay_maximum: delay, ..GuessLimits::default() };
    };
    let (known, unknown) = (file(MOSQUITTO, strict), file(MOSQUITTO, strict));
    assert!(matches!(judged(&known, "ann", "open sesame").await, Decision::Admit(_)));
    for file in [&known, &unknown] {
        for user in ["ann", "eve"] {
            let refused = if user == "ann" { Decision::Refuse(Refused::Credentials) } else { Decision::Pass };
            assert_eq!(judged(file, user, "one").await, refused);
            assert_eq!(judged(file, user, "two").await, refused);
            assert_eq!(judged(file, user, "three").await, Decision::Refuse(Refused::Guessing));
        }
    }
    assert!(matches!(judged(&known, "ann", "open sesame").await, Decision::Admit(_)));
    assert_eq!(judged(&unknown, "ann", "open sesame").await, Decision::Refuse(Refused::Guessing));
    // others are not concerned
    assert!(matches!(judged(&unknown, "bob", "zürich").await, Decision::Admit(_)));
}

#[tokio::test]
async fn a_user_whom_somebody_else_knows_has_guessed_nothing() {
    let file = file(MOSQUITTO, |settings| settings.guesses.per_address = 1);
    for _ in 0..10 {
        assert_eq!(file.authenticate(&attempt("eve", Some("known elsewhere"))).await, Decision::Pass);
    }
}

#[tokio::test]
async fn one_address_with_many_passwords_keeps_another_waiting_for_one_of_them() {
    let file = Arc::new(file(MOSQUITTO, |_| {}));
    let served = Arc::new(Mutex::new(0));
    let [one, other] = [1, 2].map(|last| Some([10, 0, 0, last].into()));
    // nobody begins before all wait
    let worker = file.workers.next(None).await;
    let guess = |number: usize| {
        let (file, served) = (Arc::clone(&file), Arc::clone(&served));
        let attempt = Attempt { peer: one, ..attempt(&format!("guess {number}"), Some("pencil")) };
        tokio::spawn(async move {
            assert_eq!(file.authenticate(&attempt).await, Decision::Pass);
            *served.lock().expect("no panic") += 1;
        })
    };
    let guesses: Vec<_> = (0..20).map(guess).collect();
    let waiting = {
        let workers = Arc::clone(&file.workers);
        tokio::spawn(async move { workers.next(other).await })
    };
    tokio::task::yield_now().await;
    drop(worker);
    let worker = waiting.await.expect("no panic");
    // nobody else has a worker now
    assert!(*served.lock().expect("no panic") <= 1);
    drop(worker);
    for guess in guesses {
        guess.await.expect("no panic");
    }
}

#[tokio::test]
async fn without_a_cache_every_password_is_hashed() {
    let file = file(MOSQUITTO, |settings| {
        settings.cache = 0;
        settings.guesses.per_address = 0;
    });
    assert!(matches!(judged(&file, "ann", "open sesame").await, Decision::Admit(_)));
    assert_eq!(judged(&file, "ann", "guess").await, Decision::Refuse(Refused::Credentials));
    assert_eq!(judged(&file, "ann", "open sesame").await, Decision::Refuse(Refused::Guessing));
}
