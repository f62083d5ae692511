//! The line of a setting.

use toml::de::{DeTable, DeValue};

use super::line_of;
use crate::config::{Listener, Place};

impl Place {
    /// The line of the setting in the text of a configuration, counted from 1; none if it does not stand there, because it
    /// is said elsewhere, as by an option of a program.
    pub fn line(&self, text: &str) -> Option<usize> {
        let table = DeTable::parse(text).ok()?;
        let byte = match self {
            Self::Setting(name) => find(table.get_ref(), name),
            Self::Listener { address, setting } => {
                let is_meant = |table: &&DeTable<'_>| {
                    let known = value(table, "address").and_then(DeValue::as_str);
                    known.is_some_and(|known| {
                        known.parse().is_ok_and(|listener: Listener| listener.address == *address)
                    })
                };
                let listeners = value(table.get_ref(), "listener")?.as_array()?;
                // of two with the same address the second is the mistake
                let table = listeners.iter().filter_map(|item| item.get_ref().as_table()).rfind(is_meant)?;
                find(table, setting).or_else(|| find(table, "address"))
            }
        };
        Some(line_of(text, byte?))
    }
}

fn value<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a DeValue<'i>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value.get_ref())
}

/// The byte at which a setting begins.
fn find(table: &DeTable<'_>, name: &str) -> Option<usize> {
    match name.split_once('.') {
        Some((outer, inner)) => find(value(table, outer)?.as_table()?, inner),
        None => table.keys().find(|key| key.get_ref() == name).map(|key| key.span().start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
shards = 1
[auth.http]
url = \"\"
[[listener]]
address = \"tcp://127.0.0.1\"
[[listener]]
auth = []
address = \"mqtt://127.0.0.1:1883\"
";

    #[test]
    fn a_setting_is_found_in_whatever_form_its_table_has() {
        let line = |text: &str, name| Place::setting(name).line(text);
        assert_eq!(line(TEXT, "shards"), Some(1));
        assert_eq!(line(TEXT, "auth.http"), Some(2));
        assert_eq!(line(TEXT, "auth.http.url"), Some(3));
        assert_eq!(line("\nauth.http.url = \"\"", "auth.http.url"), Some(2));
        assert_eq!(line("\nauth = { order = [] }", "auth.order"), Some(2));
    }

    #[test]
    fn what_does_not_stand_there_has_no_line() {
        for name in ["auth", "auth.http.ca", "shards.x", "limits.sessions"] {
            let expected = (name == "auth").then_some(2);
            assert_eq!(Place::setting(name).line(TEXT), expected, "{name}");
        }
        assert_eq!(Place::setting("shards").line("shards = "), None);
    }

    #[test]
    fn a_listener_is_found_by_its_address_however_that_is_written() {
        let line = |url: &str, setting| {
            let listener: Listener = url.parse().expect(url);
            Place::listener(&listener.address, setting).line(TEXT)
        };
        assert_eq!(line("tcp://127.0.0.1:1883", "address"), Some(8));
        assert_eq!(line("tcp://127.0.0.1:1883", "auth"), Some(7));
        assert_eq!(line("tcp://127.0.0.1:1883", "allow_anonymous"), Some(8));
        assert_eq!(line("tcp://127.0.0.1:1884", "address"), None);
    }
}
