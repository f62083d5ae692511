//! Settings from the environment, which lie over those of the file.

use thiserror::Error;
use toml::{Table, Value};

use super::error::SyntaxError;
use crate::config::Config;

/// How the names of variables begin. What follows is the name of a setting in capitals, with two underscores between a table and
/// what is in it.
pub const VARIABLE_PREFIX: &str = "MQTT_BROKER__";

/// A variable that is no setting, or has no value of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the environment variable {name}: {message}")]
#[non_exhaustive]
pub struct VariableError {
    /// The variable.
    pub name: String,
    /// What it should be.
    pub message: String,
}

impl Config {
    /// Lays variables over the configuration that `text` says: `MQTT_BROKER__STORE__DURABILITY=os` is `durability = "os"` in the table
    /// `[store]`, and `MQTT_BROKER__LISTENER__0__ADDRESS` is the address of the first listener. A value is written as in the file; text
    /// needs no quotation marks. Variables with other names are none of it.
    ///
    /// # Errors
    /// The first variable, by name, that is no setting or not a value of it. A text that is no configuration keeps it as it is.
    pub fn with_variables(
        self,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, VariableError> {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with(VARIABLE_PREFIX));
        let mut variables: Vec<_> = ours.collect();
        variables.sort();
        let Ok(mut table) = text.parse::<Table>() else { return Ok(self) };
        let mut config = self;
        for (name, value) in variables {
            let error = |message: String| VariableError { name: name.clone(), message };
            let path = name.trim_start_matches(VARIABLE_PREFIX).to_lowercase();
            let mut last = None;
            let laid_over = readings(&value).into_iter().find_map(|value| {
                let mut changed = table.clone();
                put(&mut changed, &path, value).map_err(|message| last = Some(message)).ok()?;
                let parsed = toml::to_string(&changed).unwrap_or_default().parse::<Self>();
                let parsed = parsed.map_err(|SyntaxError { message, .. }| last = Some(message)).ok()?;
                Some((changed, parsed))
            });
            let Some((changed, parsed)) = laid_over else { return Err(error(last.unwrap_or_default())) };
            // rules say in which line of the file they stand
            let rules = if path.starts_with("acl") { parsed.acl.clone() } else { config.acl };
            (table, config) = (changed, Self { acl: rules, ..parsed });
        }
        Ok(config)
    }
}

/// What a value can be meant as: what a file would have, or text.
fn readings(value: &str) -> Vec<Value> {
    let as_written = format!("value = {value}").parse::<Table>().ok();
    let as_written = as_written.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    as_written.into_iter().chain([Value::String(value.to_owned())]).collect()
}

/// Puts a value in its place; tables, and one more listener, are made where they are not there.
fn put(table: &mut Table, path: &str, value: Value) -> Result<(), String> {
    let Some((name, rest)) = path.split_once("__") else {
        table.insert(path.to_owned(), value);
        return Ok(());
    };
    let index = rest.split("__").next().and_then(|index| index.parse::<usize>().ok());
    let Some(index) = index else {
        let inner = table.entry(name).or_insert_with(|| Table::new().into());
        let inner = inner.as_table_mut().ok_or_else(|| format!("{name} is no table"))?;
        return put(inner, rest, value);
    };
    let items = table.entry(name).or_insert_with(|| Value::Array(Vec::new()));
    let items = items.as_array_mut().ok_or_else(|| format!("{name} is no list"))?;
    let count = items.len();
    if index == count {
        items.push(Table::new().into());
    }
    let item = items
        .get_mut(index)
        .ok_or_else(|| format!("{name} has {count}, so the next has the number {count}"))?;
    match rest.split_once("__") {
        None => *item = value,
        Some((_, rest)) => {
            let item = item.as_table_mut().ok_or_else(|| format!("{name} {index} is no table"))?;
            put(item, rest, value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Durability;

    fn laid_over(text: &str, variables: &[(&str, &str)]) -> Result<Config, VariableError> {
        let config: Config = text.parse().expect("a configuration");
        config.with_variables(text, variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn variables_lie_over_the_file() {
        let text = "shards = 1\n[store]\ndirectory = 'a'\n[[listener]]\naddress = 'tcp://127.0.0.1'\n[[acl.rule]]\nallow = 'all'\ntopics = ['a']\n";
        let config = laid_over(
            text,
            &[
                ("HOME", "/root"),
                ("MQTT_BROKER__SHARDS", "2"),
                ("MQTT_BROKER__SYS_INTERVAL", "5s"),
                ("MQTT_BROKER__STORE__DURABILITY", "os"),
                ("MQTT_BROKER__STORE__DIRECTORY", "/data"),
                ("MQTT_BROKER__AUTH__ALLOW_ANONYMOUS", "true"),
                ("MQTT_BROKER__LISTENER__0__CONNECTIONS", "7"),
                ("MQTT_BROKER__LISTENER__1__ADDRESS", "ws://[::1]:80"),
                ("MQTT_BROKER__LISTENER__1__PATH", "\"/p\""),
            ],
        );
        let config = config.expect("settings");
        assert_eq!((config.shards.get(), config.sys_interval.as_secs()), (2, 5));
        assert_eq!(config.store.durability, Durability::Os);
        assert_eq!(config.store.directory.as_deref(), Some(std::path::Path::new("/data")));
        assert!(config.auth.allow_anonymous);
        let [first, second] = &config.listeners[..] else { panic!("two listeners") };
        assert_eq!((first.connections, second.path.as_deref()), (Some(7), Some("/p")));
        let plain: Config = text.parse().expect("a configuration");
        assert_eq!(config.acl, plain.acl, "rules keep their lines");
    }

    #[test]
    fn what_is_no_setting_is_told_with_its_name() {
        for (name, value, message) in [
            ("MQTT_BROKER__SHARD", "1", "unknown field `shard`"),
            ("MQTT_BROKER__STORE__DURABILITY", "never", "unknown variant `never`"),
            ("MQTT_BROKER__SHARDS__X", "1", "expected a whole number"),
            ("MQTT_BROKER__LISTENER__2__ADDRESS", "tcp://[::1]", "the next has the number 0"),
        ] {
            let error = laid_over("", &[(name, value)]).expect_err(name);
            assert_eq!(error.name, name);
            assert!(error.message.contains(message), "{error}");
        }
    }
}
