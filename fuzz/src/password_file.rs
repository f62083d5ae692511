//! Password files.

use mqtt_broker::auth::password::Users;

/// Finds texts that cannot be read without a panic, errors that name no line of theirs, and users who cannot be removed
/// without harm to others.
pub fn password_file(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let users = match text.parse::<Users>() {
        Ok(users) => users,
        Err(error) => {
            assert!((1..=text.lines().count()).contains(&error.line), "{error}");
            return;
        }
    };
    let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'));
    for (name, _) in names.take(20) {
        assert!(users.contains(name), "{name:?}");
        let without = Users::without(text, name).expect("the user is there");
        let others: Users = without.parse().expect("what was good stays good");
        assert!(!others.contains(name) && others.len() + 1 == users.len(), "{name:?}");
    }
}
