use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The example in section 3 of RFC 7677.
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn begun() -> Scram {
    let mut scram = Scram::new("user", "pencil").unwrap();
    scram.begin(NONCE.to_owned());
    scram
}

async fn proved() -> Scram {
    let mut scram = begun();
    scram.prove(SERVER_FIRST).await.unwrap();
    scram
}

#[tokio::test]
async fn the_example_of_rfc_7677_is_reproduced() {
    let mut scram = Scram::new("user", "pencil").unwrap();
    assert_eq!(scram.method(), "SCRAM-SHA-256");
    assert_eq!(scram.begin(NONCE.to_owned()), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let answer = scram.step(Some(SERVER_FIRST.as_bytes())).await.unwrap().unwrap();
    assert_eq!(answer, CLIENT_FINAL);
    scram.finish(Some(SERVER_FINAL.as_bytes())).unwrap();
}

#[tokio::test]
async fn optional_extensions_change_nothing_but_are_signed() {
    let extended = format!("{SERVER_FIRST},x=1,y=a=b");
    let plain = begun().prove(SERVER_FIRST).await.unwrap();
    let mut scram = begun();
    assert_ne!(scram.prove(&extended).await.unwrap(), plain);
    assert_eq!(scram.verify(SERVER_FINAL), Err(ScramError::Signature));
    assert_eq!(proved().await.verify(&format!("{SERVER_FINAL},x=1")), Ok(()));
}

#[tokio::test]
async fn each_fault_of_the_first_message_is_refused_by_its_name() {
    use ScramError::{
        Base64, Extension, Iterations, Malformed, Missing, Nonce, TooFewIterations, TooManyIterations,
    };
    let ours = NONCE;
    let too_many = TooManyIterations { iterations: 1_000_001, maximum: 1_000_000 };
    for (message, error) in [
        (String::new(), Missing('r')),
        ("r=".into(), Missing('r')),
        (format!("s=c2FsdA==,r={ours}x,i=4096"), Missing('r')),
        (format!("m=1,r={ours}x,s=c2FsdA==,i=4096"), Extension),
        (format!("r={ours}x"), Missing('s')),
        (format!("r={ours}x,i=4096"), Missing('s')),
        (format!("r={ours}x,s=,i=4096"), Missing('s')),
        (format!("r={ours}x,s=c2FsdA,i=4096"), Base64('s')),
        (format!("r={ours}x,s=c2Fsd!==,i=4096"), Base64('s')),
        (format!("r={ours}x,s=c2FsdA=="), Missing('i')),
        (format!("r={ours}x,s=c2FsdA==,i="), Missing('i')),
        (format!("r={ours}x,s=c2FsdA==,i=+4096"), Iterations),
        (format!("r={ours}x,s=c2FsdA==,i=04096"), Iterations),
        (format!("r={ours}x,s=c2FsdA==,i=4096 "), Iterations),
        (format!("r={ours}x,s=c2FsdA==,i=4294967296"), Iterations),
        (format!("r={ours}x,s=c2FsdA==,i=4095"), TooFewIterations(4_095)),
        (format!("r={ours}x,s=c2FsdA==,i=1000001"), too_many),
        (format!("r={ours}x,s=c2FsdA==,i=4096,"), Malformed),
        (format!("r={ours}x,s=c2FsdA==,i=4096,x"), Malformed),
        (format!("r={ours}x,s=c2FsdA==,i=4096,x="), Malformed),
        (format!("r={ours}x,s=c2FsdA==,i=4096,1=x"), Malformed),
        (format!("r={ours}x,s=c2FsdA==,i=4096,x=\0"), Malformed),
        (format!("r={ours}x,s=c2FsdA==,i=4096,x=1,m=1"), Extension),
        (format!("r={ours},s=c2FsdA==,i=4096"), Nonce),
        ("r=somebody else's,s=c2FsdA==,i=4096".into(), Nonce),
        (format!("r={ours} x,s=c2FsdA==,i=4096"), Nonce),
        (format!("r={ours}\u{e4},s=c2FsdA==,i=4096"), Nonce),
    ] {
        let found = begun().step(Some(message.as_bytes())).await.unwrap_err();
        assert_eq!(found.downcast_ref(), Some(&error), "{message:?}");
    }
    for (data, error) in [(None, Missing('r')), (Some(&b"\xff"[..]), ScramError::NotText)] {
        assert_eq!(begun().step(data).await.unwrap_err().downcast_ref(), Some(&error));
    }
}

#[tokio::test]
async fn each_fault_of_the_last_message_is_refused_by_its_name() {
    use ScramError::{Base64, Extension, Failed, Malformed, Missing, Signature};
    for (message, error) in [
        (String::new(), Missing('v')),
        ("v=".into(), Missing('v')),
        ("x=1".into(), Missing('v')),
        ("m=1".into(), Extension),
        ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4".into(), Base64('v')),
        ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=".into(), Base64('v')),
        ("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".into(), Signature),
        ("v=6rriTRBi23U=".into(), Signature),
        (format!("{SERVER_FINAL},"), Malformed),
        (format!("{SERVER_FINAL},m=1"), Extension),
        ("e=invalid-proof".into(), Failed("invalid-proof".into())),
        ("e=\u{1b}[2J".into(), Failed("\\u{1b}[2J".into())),
    ] {
        let found = proved().await.finish(Some(message.as_bytes())).unwrap_err();
        assert_eq!(found.downcast_ref(), Some(&error), "{message:?}");
    }
    for (data, error) in [(None, Missing('v')), (Some(&b"\xff"[..]), ScramError::NotText)] {
        assert_eq!(proved().await.finish(data).unwrap_err().downcast_ref(), Some(&error));
    }
}

#[tokio::test]
async fn what_comes_at_the_wrong_time_is_refused() {
    let unexpected = ScramError::Unexpected;
    // a server that accepts without any proof, at once or after a fault
    assert_eq!(Scram::new("user", "pencil").unwrap().verify(SERVER_FINAL), Err(unexpected.clone()));
    assert_eq!(begun().verify(SERVER_FINAL), Err(unexpected.clone()));
    let mut scram = begun();
    scram.prove("r=").await.unwrap_err();
    assert_eq!(scram.verify(SERVER_FINAL), Err(unexpected.clone()));
    // more than one challenge, more than one proof
    let mut scram = proved().await;
    assert_eq!(scram.prove(SERVER_FIRST).await.unwrap_err().downcast_ref(), Some(&unexpected));
    assert_eq!(scram.verify(SERVER_FINAL), Err(unexpected.clone()));
    let mut scram = proved().await;
    scram.verify(SERVER_FINAL).unwrap();
    assert_eq!(scram.verify(SERVER_FINAL), Err(unexpected));
}

#[test]
fn user_and_password_are_prepared_and_the_user_is_escaped() {
    // the examples of RFC 4013
    for (name, prepared) in [
        ("I\u{ad}X", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u{aa}", "a"),
        ("\u{2168}", "IX"),
        ("a,b=c", "a=2Cb=3Dc"),
        ("a\u{a0}b", "a b"),
    ] {
        assert_eq!(Scram::new(name, "x").unwrap().user, prepared, "{name:?}");
    }
    assert_eq!(&*Scram::new("x", "\u{2168},=").unwrap().password, "IX,=");
    for name in ["", "\u{ad}", "\u{7}", "\u{627}1", "a\0"] {
        assert_eq!(Scram::new(name, "x").unwrap_err(), ScramError::UserName, "{name:?}");
    }
    assert_eq!(Scram::new("x", "\u{7}").unwrap_err(), ScramError::Password);
}

#[tokio::test]
async fn each_start_has_a_nonce_of_its_own_that_no_comma_cuts() {
    let template = Scram::new("user", "pencil").unwrap();
    let mut seen = Vec::new();
    for _ in 0..8 {
        let first = template.clone().start().await.unwrap().unwrap();
        let nonce = std::str::from_utf8(&first).unwrap().strip_prefix("n,,n=user,r=").unwrap().to_owned();
        assert_eq!(nonce.len(), 24);
        assert!(!nonce.contains(',') && !seen.contains(&nonce));
        seen.push(nonce);
    }
}

#[tokio::test]
async fn clones_share_what_was_computed_and_nothing_else() {
    let template = Scram::new("user", "pencil").unwrap();
    for _ in 0..2 {
        let mut scram = template.clone();
        scram.begin(NONCE.to_owned());
        assert_eq!(scram.clone().verify(SERVER_FINAL), Err(ScramError::Unexpected));
        assert_eq!(scram.prove(SERVER_FIRST).await.unwrap(), CLIENT_FINAL);
    }
    let key = template.salted.password(
        "not asked for",
        b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81",
        4_096,
    );
    assert_eq!(
        key,
        pbkdf2::pbkdf2_hmac_array::<sha2::Sha256, 32>(
            b"pencil",
            &BASE64.decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(),
            4_096
        )
    );
    assert_ne!(template.salted.password("pencil", b"another", 4_096), key);
}

#[tokio::test]
async fn the_most_iterations_are_a_choice_and_debug_shows_no_password() {
    let mut scram = Scram::new("user", "pencil").unwrap().maximum_iterations(4_999);
    let shown = format!("{scram:?}");
    assert!(shown.contains("4999") && !shown.contains("pencil"), "{shown}");
    scram.begin(NONCE.to_owned());
    let error = scram.prove(&SERVER_FIRST.replace("4096", "5000")).await.unwrap_err();
    assert_eq!(
        error.downcast_ref(),
        Some(&ScramError::TooManyIterations { iterations: 5_000, maximum: 4_999 })
    );
}

proptest! {
    #[test]
    fn no_message_makes_the_parser_panic(text in "([rsivem]=[ -~]{0,8},?){0,5}|.{0,40}") {
        let _ = Challenge::parse(&text);
        let _ = message::signature(&text);
    }

    #[test]
    fn what_is_well_formed_is_read_as_it_was_written(
        nonce in "[!-+\\--~]{1,40}",
        salt in vec(any::<u8>(), 1..40),
        iterations in 1_u32..,
        extension in "(,[a-ln-z]=[!-+\\--~]{1,8}){0,2}",
    ) {
        let text = format!("r={nonce},s={},i={iterations}{extension}", BASE64.encode(&salt));
        let expected = Challenge { nonce: &nonce, salt, iterations };
        prop_assert_eq!(Challenge::parse(&text), Ok(expected));
    }
}
