//! What a server may say.

use mqtt_codec::TopicFilter;

use super::*;
use crate::auth::Permissions;

fn judge(status: u16, body: &str) -> Option<Decision> {
    let status = hyper::StatusCode::from_u16(status).expect("a status");
    decision(status, body.as_bytes(), &attempt(b"pencil"), SystemTime::UNIX_EPOCH).ok()
}

#[test]
fn a_status_may_be_the_whole_answer() {
    let refuse = |refused| Some(Decision::Refuse(refused));
    for (status, decision) in [
        (204, Some(alice())),
        (401, refuse(Refused::Credentials)),
        (403, refuse(Refused::NotAuthorized)),
        (200, None),
        (201, None),
        (301, None),
        (400, None),
        (404, None),
        (429, None),
        (500, None),
        (503, None),
    ] {
        assert_eq!(judge(status, ""), decision, "{status}");
    }
}

#[test]
fn an_answer_may_say_more() {
    let text = |text| Text::new(text).expect("text");
    let identity = Identity { user_name: Some(text("alice")), ..Identity::default() };
    for (body, decision) in [
        (ALLOW, alice()),
        (r#"{"result": "deny"}"#, Decision::Refuse(Refused::Credentials)),
        (r#"{"result": "ignore"}"#, Decision::Pass),
        (
            r#"{"result": "allow", "user_name": "bob"}"#,
            Decision::Admit(Identity { user_name: Some(text("bob")), ..Identity::default() }),
        ),
        (
            r#"{"result": "allow", "groups": ["g", "h"]}"#,
            Decision::Admit(Identity { groups: vec![text("g"), text("h")], ..identity.clone() }),
        ),
        (
            r#"{"result": "allow", "expires_in": 60}"#,
            Decision::Admit(Identity {
                expires: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(60)),
                ..identity.clone()
            }),
        ),
        (
            r#"{"result": "allow", "acl": {"publish": ["a/#"]}}"#,
            Decision::Admit(Identity {
                permissions: Some(Permissions {
                    publish: vec![TopicFilter::new("a/#").expect("a filter")],
                    subscribe: Vec::new(),
                }),
                ..identity
            }),
        ),
    ] {
        assert_eq!(judge(200, body), Some(decision), "{body}");
    }
}

#[test]
fn what_is_not_understood_is_no_answer() {
    for body in [
        "",
        "allow",
        "{}",
        "true",
        r#"{"result": true}"#,
        r#"{"result": "Allow"}"#,
        r#"{"result": "allow", "username": "bob"}"#,
        r#"{"result": "allow", "user_name": ""}"#,
        r#"{"result": "allow", "user_name": "a\u0000b"}"#,
        r#"{"result": "allow", "groups": "g"}"#,
        r#"{"result": "allow", "expires_in": -1}"#,
        r#"{"result": "allow", "acl": {"publish": ["a/#/b"]}}"#,
        r#"{"result": "allow", "acl": {"deny": []}}"#,
        r#"{"result": "deny", "result": "allow"}"#,
        r#"{"result": "allow"} {}"#,
    ] {
        assert_eq!(judge(200, body), None, "{body}");
    }
}
