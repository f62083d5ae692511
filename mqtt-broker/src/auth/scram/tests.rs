use std::net::Ipv4Addr;

use data_encoding::BASE64;
use mqtt_codec::{Text, Version};
use proptest::prelude::*;

use super::conversation::State;
use super::error::Doubt;
use super::keys::Keys;
use super::message::{First, Last};
use super::*;
use crate::auth::password::{LineFault, UserNameError};
use crate::auth::{AuthStep, Identity, Refused};
use crate::config::Listener;

/// The example in section 3 of RFC 7677, of the password `pencil`.
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const MORE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SERVER_FIRST: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

const RFC_SALT: [u8; 16] = *b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";

fn file() -> String {
    let text = Users::with_password("# kept\n", "user", "pencil", RFC_SALT, 4_096).expect("a user");
    Users::with_secret(&text, [7; 32])
}

fn attempt(user_name: Option<&str>) -> Attempt {
    Attempt {
        listener: Listener::loopback().address,
        peer: Some(Ipv4Addr::LOCALHOST.into()),
        version: Version::V5,
        client_id: Text::new("c").expect("text"),
        user_name: user_name.map(|name| Text::new(name).expect("text")),
        password: None,
        certificates: Vec::new(),
    }
}

fn scram_with(text: &str, change: impl FnOnce(&mut ScramSettings, &mut GuessLimits)) -> Scram {
    let (mut settings, mut guesses) = (ScramSettings::default(), GuessLimits::default());
    change(&mut settings, &mut guesses);
    Scram::of(text.parse().expect(text), &settings, guesses).expect("random numbers")
}

fn scram() -> Scram {
    scram_with(&file(), |_, _| {})
}

/// Answers for one client, with the nonce of the example.
fn begun(scram: &Scram, first: &str) -> Result<(Conversation, String), Doubt> {
    let mut conversation = Conversation::new(&scram.0, &attempt(Some("connect")));
    match conversation.ask(first, MORE)? {
        AuthStep::Continue(challenge) => {
            Ok((conversation, String::from_utf8(challenge.to_vec()).expect("text")))
        }
        other => panic!("{other:?}"),
    }
}

/// What `user` answers with the key of this password, whatever it is asked.
fn answer(first: &str, challenge: &str, keys: &Keys, password: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &keys.salt, keys.iterations);
    let sign = |key: &[u8], text: &[u8]| -> Key {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
        mac.chain_update(text).finalize().into_bytes().into()
    };
    let (header, bare) = first.split_at(first.find("n=").expect("a name"));
    let nonce = challenge.split(',').next().expect("a nonce");
    let without_proof = format!("c={},{nonce}", BASE64.encode(header.as_bytes()));
    let message = format!("{bare},{challenge},{without_proof}");
    let mut proof = sign(&salted, b"Client Key");
    let signature = sign(&Sha256::digest(proof), message.as_bytes());
    proof.iter_mut().zip(signature).for_each(|(byte, other)| *byte ^= other);
    format!("{without_proof},p={}", BASE64.encode(&proof))
}

/// The whole conversation of somebody with this password.
fn judged(scram: &Scram, first: &str, password: &str) -> Result<AuthStep, Doubt> {
    let (mut conversation, challenge) = begun(scram, first)?;
    let State::Asked(asked) = &conversation.state else { panic!("nothing was asked") };
    let answer = answer(first, &challenge, &asked.keys, password);
    conversation.judge(answer.as_bytes())
}

fn admitted(step: Result<AuthStep, Doubt>) -> String {
    match step {
        Ok(AuthStep::Admit { identity, data: Some(_) }) => identity.user_name.expect("a name").to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_rfc_7677_is_reproduced() {
    let (mut conversation, challenge) = begun(&scram(), CLIENT_FIRST).expect("a challenge");
    assert_eq!(challenge, SERVER_FIRST);
    let user_name = Some(Text::new("user").expect("text"));
    assert_eq!(
        conversation.judge(CLIENT_FINAL.as_bytes()),
        Ok(AuthStep::Admit {
            identity: Identity { user_name, ..Identity::default() },
            data: Some(SERVER_FINAL.into())
        })
    );
    assert_eq!(conversation.judge(CLIENT_FINAL.as_bytes()), Err(Doubt::Unexpected));
}

#[tokio::test]
async fn each_conversation_has_a_nonce_of_its_own_that_no_comma_cuts() {
    let scram = scram();
    let mut seen = Vec::new();
    for _ in 0..8 {
        let mut exchange = scram.exchange("SCRAM-SHA-256", &attempt(None)).expect("its method");
        let step = exchange.step(Some(CLIENT_FIRST.as_bytes())).await;
        let AuthStep::Continue(challenge) = step else { panic!("{step:?}") };
        let challenge = String::from_utf8(challenge.to_vec()).expect("text");
        let nonce = challenge.strip_prefix("r=rOprNGfwEbeRWgbNEkqO").expect("the client's");
        let (nonce, rest) = nonce.split_once(',').expect("a salt");
        assert_eq!((nonce.len(), rest), (24, "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"));
        assert!(!seen.contains(&nonce.to_owned()));
        seen.push(nonce.to_owned());
        // a proof for another conversation proves nothing
        let replayed = exchange.step(Some(CLIENT_FINAL.as_bytes())).await;
        assert_eq!(replayed, AuthStep::Refuse(Refused::Credentials));
    }
    assert!(scram.exchange("SCRAM-SHA-256-PLUS", &attempt(None)).is_none());
    assert_eq!(scram.authenticate(&attempt(Some("user"))).await, Decision::Pass);
}

#[test]
fn each_fault_of_the_first_message_is_refused_by_its_name() {
    use Doubt::{ChannelBinding, Extension, Malformed, UserName};
    for (message, doubt) in [
        ("", Malformed),
        ("n", Malformed),
        ("n,", Malformed),
        ("n,,", Malformed),
        ("n=user,r=abc", Malformed),
        ("p=tls-unique,,n=user,r=abc", ChannelBinding),
        ("p,,n=user,r=abc", Malformed),
        ("N,,n=user,r=abc", Malformed),
        ("n,user,n=user,r=abc", Malformed),
        ("n,a=,n=user,r=abc", Malformed),
        ("n,a=us=er,n=user,r=abc", Malformed),
        ("n,,m=x,n=user,r=abc", Extension),
        ("n,,n=user,m=x,r=abc", Extension),
        ("n,,n=user,r=abc,m=x", Extension),
        ("n,,r=abc,n=user", Malformed),
        ("n,,n=,r=abc", Malformed),
        ("n,,n=us=er,r=abc", Malformed),
        ("n,,n=us=2cer,r=abc", Malformed),
        ("n,,n=user=,r=abc", Malformed),
        ("n,,n=us\0er,r=abc", Malformed),
        ("n,,n=us\u{7}er,r=abc", UserName),
        ("n,,n=\u{ad},r=abc", UserName),
        ("n,,n=user", Malformed),
        ("n,,n=user,r=", Malformed),
        ("n,,n=user,r=a c", Malformed),
        ("n,,n=user,r=\u{e4}", Malformed),
        ("n,,n=user,r=abc,", Malformed),
        ("n,,n=user,r=abc,x", Malformed),
        ("n,,n=user,r=abc,x=", Malformed),
        ("n,,n=user,r=abc,1=x", Malformed),
    ] {
        assert_eq!(begun(&scram(), message).map(|(_, challenge)| challenge), Err(doubt), "{message:?}");
    }
    let mut conversation = Conversation::new(&scram().0, &attempt(None));
    assert_eq!(conversation.judge(b"n,,n=\xff,r=abc"), Err(Malformed));
}

#[test]
fn each_fault_of_the_last_message_is_refused_by_its_name() {
    use Doubt::{Binding, Extension, Malformed, Nonce, Proof};
    let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    for (message, doubt) in [
        (String::new(), Malformed),
        (format!("c=biws,r={nonce}"), Malformed),
        (format!("p={proof}"), Malformed),
        (format!("c=biws,p={proof}"), Malformed),
        (format!("r={nonce},c=biws,p={proof}"), Malformed),
        (format!("c=,r={nonce},p={proof}"), Malformed),
        (format!("c=biw,r={nonce},p={proof}"), Malformed),
        (format!("c=eSws,r={nonce},p={proof}"), Binding),
        (format!("c=biwsAA==,r={nonce},p={proof}"), Binding),
        (format!("c=biws,r=,p={proof}"), Malformed),
        (format!("c=biws,r={nonce}x,p={proof}"), Nonce),
        (format!("c=biws,r={MORE},p={proof}"), Nonce),
        (format!("c=biws,r={nonce},m=1,p={proof}"), Extension),
        (format!("c=biws,r={nonce},x,p={proof}"), Malformed),
        (format!("c=biws,r={nonce},p="), Malformed),
        (format!("c=biws,r={nonce},p={}", &proof[..40]), Malformed),
        (format!("c=biws,r={nonce},p={proof},x=1"), Malformed),
        (format!("c=biws,r={nonce},p={}", BASE64.encode(&[0; 32])), Proof),
        // an extension is signed, so this is another message
        (format!("c=biws,r={nonce},x=1,p={proof}"), Proof),
    ] {
        let (mut conversation, _) = begun(&scram(), CLIENT_FIRST).expect("a challenge");
        assert_eq!(conversation.judge(message.as_bytes()), Err(doubt), "{message:?}");
        assert_eq!(conversation.judge(CLIENT_FINAL.as_bytes()), Err(Doubt::Unexpected));
    }
}

#[test]
fn what_a_client_may_say_besides_changes_nothing_but_is_signed() {
    for first in [
        "y,,n=user,r=abc",
        "n,a=user,n=user,r=abc",
        "n,,n=user,r=abc,x=1,y=a=b",
        "n,,n=us\u{ad}er,r=abc",
        "n,,n=\u{ff55}ser,r=abc",
    ] {
        assert_eq!(admitted(judged(&scram(), first, "pencil")), "user", "{first}");
        assert_eq!(judged(&scram(), first, "pen"), Err(Doubt::Proof), "{first}");
    }
    assert_eq!(judged(&scram(), "n,a=root,n=user,r=abc", "pencil"), Err(Doubt::OtherAuthorization));
    // who cannot prove who it is hears nothing of that
    assert_eq!(judged(&scram(), "n,a=root,n=user,r=abc", "pen"), Err(Doubt::Proof));
}

#[test]
fn a_name_with_signs_of_the_message_is_a_name() {
    let text = Users::with_password("", "a,b=c", "pencil", [1; 16], 4_096).expect("a user");
    let scram = scram_with(&text, |_, _| {});
    assert_eq!(admitted(judged(&scram, "n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=x", "pencil")), "a,b=c");
}

#[test]
fn the_name_of_connect_matters_only_where_the_settings_say_so() {
    let connect = |scram: &Scram, name| {
        let mut conversation = Conversation::new(&scram.0, &attempt(name));
        conversation.ask(CLIENT_FIRST, MORE).expect("a challenge");
        conversation.judge(CLIENT_FINAL.as_bytes()).map(|step| admitted(Ok(step)))
    };
    let strict = scram_with(&file(), |settings, _| settings.match_user_name = true);
    for name in [None, Some("user"), Some("other")] {
        assert_eq!(connect(&scram(), name), Ok("user".to_owned()));
        let expected = if name == Some("other") { Err(Doubt::OtherUserName) } else { Ok("user".to_owned()) };
        assert_eq!(connect(&strict, name), expected);
    }
}

#[test]
fn who_is_unknown_is_asked_as_others_are_and_the_same_each_time() {
    let challenge = |text: &str, user: &str| {
        let first = format!("n,,n={user},r=abc");
        begun(&scram_with(text, |_, _| {}), &first).expect("a challenge").1
    };
    let two = Users::with_password(&file(), "dear", "pencil", [2; 16], 9_000).expect("a user");
    let text = Users::with_password(&two, "other", "pencil", [3; 16], 9_000).expect("a user");
    let (eve, mallory) = (challenge(&text, "eve"), challenge(&text, "mallory"));
    assert!(eve.ends_with("==,i=9000") && eve.len() == challenge(&text, "dear").len(), "{eve}");
    assert_ne!(eve, mallory);
    assert_eq!(eve, challenge(&text, "eve"));
    // as long as the secret is the same, whoever comes or goes
    let salt = |challenge: &str| challenge.split(",s=").nth(1).map(|rest| rest[..24].to_owned());
    let without = Users::without(&text, "dear").expect("it was there");
    assert_eq!(salt(&eve), salt(&challenge(&without, "eve")));
    let secret = Users::with_secret("", [8; 32]);
    assert!(challenge(&secret, "eve").ends_with(&format!(",i={DEFAULT_ITERATIONS}")));
    assert_ne!(salt(&eve), salt(&challenge(&secret, "eve")));
    // without one in the file, as long as the process runs
    assert_eq!(challenge("", "eve"), challenge("", "eve"));
    let scram = scram_with(&text, |_, _| {});
    assert_eq!(judged(&scram, "n,,n=eve,r=abc", "pencil"), Err(Doubt::Proof));
}

#[test]
fn proofs_of_a_user_are_not_looked_at_after_many_wrong_ones() {
    let scram = scram_with(&file(), |_, guesses| {
        let delay = std::time::Duration::from_secs(3_600);
        *guesses = GuessLimits { per_address: 1, delay, delay_maximum: delay, ..GuessLimits::default() };
    });
    // one that began in time
    let (mut early, challenge) = begun(&scram, CLIENT_FIRST).expect("a challenge");
    assert_eq!(challenge, SERVER_FIRST);
    for user in ["user", "eve"] {
        let first = format!("n,,n={user},r=abc");
        for _ in 0..2 {
            assert_eq!(judged(&scram, &first, "pen"), Err(Doubt::Proof));
        }
        assert_eq!(judged(&scram, &first, "pencil"), Err(Doubt::Guessing));
    }
    assert_eq!(early.judge(CLIENT_FINAL.as_bytes()), Err(Doubt::Guessing));
    assert!(matches!(begun(&scram, "n,,n=bob,r=abc"), Ok((_, challenge)) if challenge.ends_with("i=4096")));
}

#[test]
fn a_right_proof_makes_up_for_wrong_ones() {
    let scram = scram_with(&file(), |_, guesses| guesses.per_address = 1);
    for _ in 0..3 {
        assert_eq!(judged(&scram, CLIENT_FIRST, "pen"), Err(Doubt::Proof));
        assert_eq!(admitted(judged(&scram, CLIENT_FIRST, "pencil")), "user");
    }
}

#[test]
fn messages_have_a_limit() {
    let scram = scram_with(&file(), |settings, _| settings.message_size = 32);
    let mut conversation = Conversation::new(&scram.0, &attempt(None));
    assert!(conversation.judge(CLIENT_FIRST.as_bytes()).is_ok());
    assert_eq!(conversation.judge(CLIENT_FINAL.as_bytes()), Err(Doubt::Long));
    // and the question is larger than the message
    let scram = scram_with(&file(), |settings, _| settings.message_size = usize::MAX);
    for (nonce, is_asked) in [(65_400, true), (65_500, false)] {
        let first = format!("n,,n=user,r={}", "x".repeat(nonce));
        assert_eq!(begun(&scram, &first).is_ok(), is_asked);
    }
}

#[test]
fn a_user_is_written_as_other_programs_write_it_and_every_other_line_stays() {
    let text = file();
    let line = "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    assert_eq!(text, format!(":unknown${}\n# kept\n{line}\n", BASE64.encode(&[7; 32])));
    assert_eq!(Users::with_secret(&text, [8; 32]), text);
    let changed = Users::with_password(&text, "us\u{ad}er", "\u{2168}", [9; 16], 5_000).expect("a user");
    assert_eq!(changed.lines().count(), 3);
    assert!(changed.contains("\nuser:SCRAM-SHA-256$5000:CQkJCQkJCQkJCQkJCQkJCQ==$"), "{changed}");
    let scram = scram_with(&changed, |_, _| {});
    assert_eq!(admitted(judged(&scram, CLIENT_FIRST, "IX")), "user");
    assert_eq!(Users::without(&changed, "u\u{ad}ser"), Some(text.replace(&format!("{line}\n"), "")));
    assert_eq!(Users::without(&changed, "eve"), None);
    let users: Users = text.parse().expect("users");
    assert_eq!((users.len(), users.contains("us\u{ad}er"), users.contains("eve")), (1, true, false));
    for (user, error) in [
        ("", UserNameError::Empty),
        ("a:b", UserNameError::Characters),
        ("a\u{ff1a}b", UserNameError::Characters),
        ("\u{627}1", UserNameError::Prohibited),
        ("#a", UserNameError::Edges),
    ] {
        let refused = Users::with_password("", user, "x", [0; 16], 4_096);
        assert_eq!(refused, Err(NewUserError::User(error)), "{user:?}");
    }
    for password in ["", "\u{ad}", "\u{7}"] {
        let refused = Users::with_password("", "x", password, [0; 16], 4_096);
        assert_eq!(refused, Err(NewUserError::Password), "{password:?}");
    }
}

#[test]
fn a_line_that_is_wrong_is_named() {
    let key = BASE64.encode(&[5; 32]);
    let keys = format!("{key}:{key}");
    let damaged = LineFault::Damaged { kind: "SCRAM-SHA-256" };
    for (line, fault) in [
        ("user".to_owned(), LineFault::NoColon),
        ("user:pencil".into(), LineFault::Plain),
        ("user:$argon2id$v=19$m=64,t=2,p=2$AA$AA".into(), LineFault::NotScram),
        (format!("user:SCRAM-SHA-1$4096:AAAAAAAAAAA=${keys}"), LineFault::NotScram),
        (format!("user:SCRAM-SHA-256$4095:AAAAAAAAAAA=${keys}"), LineFault::Cheap { least: 4_096 }),
        (format!("user:SCRAM-SHA-256$0:AAAAAAAAAAA=${keys}"), LineFault::Cheap { least: 4_096 }),
        (
            format!("user:SCRAM-SHA-256$10000001:AAAAAAAAAAA=${keys}"),
            LineFault::Dear { most: "10 million iterations" },
        ),
        (format!("user:SCRAM-SHA-256$+4096:AAAAAAAAAAA=${keys}"), damaged),
        (format!("user:SCRAM-SHA-256$:AAAAAAAAAAA=${keys}"), damaged),
        (format!("user:SCRAM-SHA-256$4294967296:AAAAAAAAAAA=${keys}"), damaged),
        (format!("user:SCRAM-SHA-256$4096:AAAAAAAAAA==${keys}"), damaged),
        (format!("user:SCRAM-SHA-256$4096:AAAAAAAAAAA${keys}"), damaged),
        (format!("user:SCRAM-SHA-256$4096:AAAAAAAAAAA=${key}"), damaged),
        (format!("user:SCRAM-SHA-256$4096:AAAAAAAAAAA=${key}:"), damaged),
        (format!("user:SCRAM-SHA-256$4096:AAAAAAAAAAA=${key}:AAAA"), damaged),
        ("user:SCRAM-SHA-256$4096:AAAAAAAAAAA=".into(), damaged),
        ("user:SCRAM-SHA-256$4096".into(), damaged),
        (
            format!("\u{627}1:SCRAM-SHA-256$4096:AAAAAAAAAAA=${keys}"),
            LineFault::User(UserNameError::Prohibited),
        ),
        (format!(":SCRAM-SHA-256$4096:AAAAAAAAAAA=${keys}"), LineFault::User(UserNameError::Empty)),
        (":unknown$AAAA".into(), LineFault::Damaged { kind: "unknown" }),
        (format!("a\u{ad}b:SCRAM-SHA-256$4096:AAAAAAAAAAA=${keys}"), LineFault::Twice { first: 2 }),
        (format!(":unknown${key}"), LineFault::Twice { first: 1 }),
    ] {
        let text = format!(":unknown${key}\nab:SCRAM-SHA-256$4096:AAAAAAAAAAA=${keys}\n \n{line}\n");
        assert_eq!(text.parse::<Users>().map(|_| ()), Err(LineError { line: 4, fault }), "{line}");
    }
    let users: Result<super::super::password::Users, _> = file().lines().last().expect("a line").parse();
    assert_eq!(users.map(|_| ()), Err(LineError { line: 1, fault: LineFault::Scram }));
}

#[test]
fn debug_shows_neither_users_nor_keys() {
    let scram = scram();
    assert_eq!(format!("{scram:?}"), "Scram { path: \"\", users: 1 users, .. }");
    let keys = scram.0.users.keys("user").expect("a user");
    assert_eq!(format!("{keys:?}"), "Keys { iterations: 4096, .. }");
    assert_eq!(
        format!("{:?}", Scram::new(&ScramSettings::default(), &GuessLimits::default()).err()),
        "Some(NoFile)"
    );
}

proptest! {
    #[test]
    fn no_message_makes_the_parsers_panic(text in "([nypacrme]=?[ -~]{0,8},?){0,6}|.{0,40}") {
        let _ = First::parse(&text);
        let _ = Last::parse(&text);
        let _ = text.parse::<Users>();
    }

    #[test]
    fn what_is_well_formed_is_read_as_it_was_written(
        user in "[!-~]{1,20}",
        nonce in "[!-+\\--~]{1,40}",
        more in "(,[a-ln-z]=[!-+\\--~]{1,8}){0,2}",
        proof in any::<[u8; 32]>(),
    ) {
        let escaped = user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={escaped},r={nonce}{more}");
        let text = format!("y,a={escaped},{bare}");
        let header = &text[..text.len() - bare.len()];
        let authorization = Some(user.clone());
        let first = First { header, authorization, bare: &bare, user, nonce: &nonce };
        prop_assert_eq!(First::parse(&text), Ok(first));

        let without_proof = format!("c={},r={nonce}{more}", BASE64.encode(header.as_bytes()));
        let text = format!("{without_proof},p={}", BASE64.encode(&proof));
        let header = header.as_bytes().to_vec();
        let last = Last { header, nonce: &nonce, without_proof: &without_proof, proof };
        prop_assert_eq!(Last::parse(&text), Ok(last));
    }
}
