//! Who a token says that a client is.

use std::time::SystemTime;

use mqtt_codec::TopicFilter;

use super::*;
use crate::auth::Permissions;

fn signer() -> Signer {
    Signer::Hs256(vec![1; 32])
}

fn judge_with(settings: JwtSettings, mut claims: Value) -> Result<Identity, Doubt> {
    claims["exp"] = json!(at(600));
    judge(&JwtSettings { key_set: super::settings(&[signer()]).key_set, ..settings }, &signer(), &claims)
}

fn texts(names: &[&str]) -> Vec<Text> {
    names.iter().map(|name| Text::new(name).expect("text")).collect()
}

fn filters(names: &[&str]) -> Vec<TopicFilter> {
    names.iter().map(|name| TopicFilter::new(name).expect("a filter")).collect()
}

#[test]
fn the_user_name_stands_in_a_claim() {
    let named = |claim: &str| JwtSettings { user_name_claim: claim.to_owned(), ..JwtSettings::default() };
    let name = |settings, claims| judge_with(settings, claims).map(|identity| identity.user_name);
    let alice = Ok(Text::new("alice").ok());
    assert_eq!(name(named("sub"), json!({ "sub": "alice" })), alice);
    assert_eq!(name(named("device.name"), json!({ "device": { "name": "alice" } })), alice);
    assert_eq!(name(named("https://a.b/name"), json!({ "https://a.b/name": "alice" })), alice);
    for bad in [
        json!({}),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": null }),
        json!({ "sub": "a\0b" }),
    ] {
        assert_eq!(name(named("sub"), bad.clone()), Err(Doubt::UserName), "{bad}");
    }
    assert_eq!(name(named("device.name"), json!({ "device": "alice" })), Err(Doubt::UserName));
}

#[test]
fn groups_are_a_text_or_several() {
    let roles = JwtSettings { groups_claim: "realm_access.roles".to_owned(), ..JwtSettings::default() };
    let groups = |settings, claims| judge_with(settings, claims).map(|identity| identity.groups);
    let default = JwtSettings::default;
    assert_eq!(groups(default(), json!({ "sub": "a" })), Ok(Vec::new()));
    assert_eq!(groups(default(), json!({ "sub": "a", "groups": "x" })), Ok(texts(&["x"])));
    assert_eq!(groups(default(), json!({ "sub": "a", "groups": ["x", "y"] })), Ok(texts(&["x", "y"])));
    assert_eq!(groups(roles, json!({ "sub": "a", "realm_access": { "roles": ["x"] } })), Ok(texts(&["x"])));
    for bad in [json!(7), json!([7]), json!([""]), json!({ "x": true }), json!(null)] {
        assert_eq!(groups(default(), json!({ "sub": "a", "groups": bad })), Err(Doubt::Groups));
    }
}

#[test]
fn permissions_are_filters_to_publish_and_subscribe() {
    let permissions = |acl: Value| {
        let claims = json!({ "sub": "a", "acl": acl });
        judge_with(JwtSettings::default(), claims).map(|identity| identity.permissions)
    };
    let both = json!({ "publish": ["a/b", "c/#"], "subscribe": ["+/d"] });
    let publish = filters(&["a/b", "c/#"]);
    let allowed = Permissions { publish, subscribe: filters(&["+/d"]) };
    assert_eq!(permissions(both), Ok(Some(allowed)));
    assert_eq!(permissions(json!({})), Ok(Some(Permissions::default())), "nothing at all");
    for bad in [
        json!(null),
        json!(["a"]),
        json!({ "publish": "a" }),
        json!({ "publish": [7] }),
        json!({ "publish": ["a/#/b"] }),
        json!({ "publish": ["a"], "deny": ["b"] }),
    ] {
        assert_eq!(permissions(bad.clone()), Err(Doubt::Permissions), "{bad}");
    }
    let silent = judge_with(JwtSettings::default(), json!({ "sub": "a" })).expect("admitted");
    assert_eq!(silent.permissions, None);
}

#[test]
fn what_connect_says_may_have_to_be_the_same() {
    let token = signer().token(&json!({ "sub": "alice", "exp": at(600), "device": "thermometer" }));
    let judge = |change: fn(&mut JwtSettings), user_name: Option<&str>| {
        let mut settings = settings(&[signer()]);
        change(&mut settings);
        let user_name = user_name.map(|name| Text::new(name).expect("text"));
        jwt(&settings).judge(&token, &Attempt { user_name, ..attempt(&token) }).err()
    };
    assert_eq!(judge(|_| {}, Some("bob")), None);
    let same: fn(&mut JwtSettings) = |settings| settings.match_user_name = true;
    assert_eq!(judge(same, Some("bob")), Some(Doubt::OtherUserName));
    assert_eq!(judge(same, Some("alice")), None);
    assert_eq!(judge(same, None), None, "only a name that is said can be another");
    assert_eq!(judge(|settings| settings.client_id_claim = Some("device".to_owned()), None), None);
    let other = judge(|settings| settings.client_id_claim = Some("sub".to_owned()), None);
    assert_eq!(other, Some(Doubt::OtherClientId));
    let absent = judge(|settings| settings.client_id_claim = Some("client".to_owned()), None);
    assert_eq!(absent, Some(Doubt::OtherClientId));
}

#[test]
fn what_a_token_says_holds_until_it_expires() {
    let leeway = Duration::from_secs(5);
    let settings = JwtSettings { leeway, ..settings(&[signer()]) };
    let end = at(600);
    let identity = judge(&settings, &signer(), &json!({ "sub": "alice", "exp": end })).expect("admitted");
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(end.unsigned_abs());
    assert_eq!(identity.expires, Some(end + leeway));
}
