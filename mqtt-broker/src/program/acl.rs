//! `mqtt-broker acl explain`: which rule decides.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use mqtt_broker::config::{AclError, Config, parse_acl};
use mqtt_broker::core::User;
use mqtt_broker::core::access::{ClientAccess, Extent, RuleId, Rules};
use mqtt_codec::{Text, TopicFilterRef, TopicRef};

use super::failure::Failure;

/// What can be asked of the rules of permission.
#[derive(Debug, Subcommand)]
pub(crate) enum AclCommand {
    /// Say whether a client may do something, and which rule decides.
    ///
    /// Reads the rules and asks no broker. The exit code is 0 if it may, 1 if it may not, 2 if the question or the rules are
    /// wrong.
    Explain(Explain),
}

/// A question about one client.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The configuration whose rules are meant.
    #[arg(short, long, value_name = "FILE", required_unless_present = "acl", conflicts_with = "acl")]
    config: Option<PathBuf>,

    /// A file of rules, in TOML or as mosquitto has them.
    #[arg(long, value_name = "FILE")]
    acl: Option<PathBuf>,

    /// The user name; an anonymous client without it.
    #[arg(short, long, value_name = "NAME", value_parser = text)]
    user: Option<Text>,

    /// A group that the client's evidence names, such as a token; may be repeated. Groups of the rules are known.
    #[arg(long, value_name = "NAME", value_parser = text)]
    group: Vec<Text>,

    /// The client identifier.
    #[arg(long, value_name = "ID", value_parser = text, default_value = "")]
    client: Text,

    /// The topic; to subscribe, also a filter or $share/NAME/FILTER.
    #[arg(short, long)]
    topic: String,

    /// What the client wants to do.
    #[arg(short, long)]
    action: Wish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wish {
    /// Publish a message.
    Publish,
    /// Subscribe and receive.
    Subscribe,
    /// Publish a message that is retained.
    Retain,
}

/// What is told.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    allowed: bool,
    text: String,
}

impl AclCommand {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let Self::Explain(question) = self;
        let answer = question.answer(question.rules()?)?;
        super::say(&answer.text);
        Ok(if answer.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Explain {
    fn rules(&self) -> Result<Rules, Failure> {
        if let Some(path) = &self.config {
            return Ok(Config::read(path)?.rules(&path.display().to_string())?);
        }
        let path = self.acl.clone().unwrap_or_default();
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| AclError::Read { path: path.clone(), error })?;
        Ok(parse_acl(&path.display().to_string(), &text)?)
    }

    fn answer(&self, rules: Rules) -> Result<Answer, Failure> {
        let rules = Arc::new(rules);
        let user = User { name: self.user.clone(), groups: self.group.clone(), ..User::default() };
        let access = rules.of(&self.client, Some(&Arc::new(user)));
        match self.action {
            Wish::Publish => self.publish(&rules, access.as_ref(), false),
            Wish::Retain => self.publish(&rules, access.as_ref(), true),
            Wish::Subscribe => self.subscribe(&rules, access.as_ref()),
        }
    }

    fn publish(&self, rules: &Rules, access: Option<&ClientAccess>, retain: bool) -> Result<Answer, Failure> {
        let topic = TopicRef::new(&self.topic).map_err(|error| self.wrong(&error))?.as_str();
        if topic == "$SYS" || topic.starts_with("$SYS/") {
            return Ok(Answer::new(false, "denied: below $SYS only the broker publishes"));
        }
        let Some(access) = access else { return Ok(Answer::open()) };
        let ruling = access.may_publish(topic, retain);
        let word = if ruling.allowed { "allowed" } else { "denied" };
        Ok(Answer::by(ruling.allowed, word, rules, ruling.rule))
    }

    fn subscribe(&self, rules: &Rules, access: Option<&ClientAccess>) -> Result<Answer, Failure> {
        let filter = TopicFilterRef::new(&self.topic).map_err(|error| self.wrong(&error))?;
        let share = filter.share().map_err(|error| self.wrong(&error))?;
        let Some(access) = access else { return Ok(Answer::open()) };
        let ruling = access.may_subscribe(share.map_or(filter, |share| share.filter).as_str());
        let (allowed, word) = match ruling.extent {
            Extent::Inside => (true, "allowed"),
            Extent::Overlaps => (true, "allowed in part, each message is looked at: first"),
            Extent::Disjoint => (false, "denied"),
        };
        Ok(Answer::by(allowed, word, rules, ruling.rule))
    }

    fn wrong(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::Topic { topic: self.topic.clone(), error: error.to_string() }
    }
}

impl Answer {
    fn new(allowed: bool, text: &str) -> Self {
        Self { allowed, text: text.to_owned() }
    }

    fn open() -> Self {
        Self::new(true, "allowed: there are no rules")
    }

    fn by(allowed: bool, word: &str, rules: &Rules, rule: Option<RuleId>) -> Self {
        let text = match rules.citation(rule) {
            Some(rule) => format!("{word} by {rule}"),
            None => format!("{word}: no rule of {} allows it", rules.source()),
        };
        Self { allowed, text }
    }
}

fn text(text: &str) -> Result<Text, String> {
    Text::new(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        question: Explain,
    }

    const RULES: &str =
        "topic read public/#\nuser ann\ntopic deny ann/secret\ntopic ann/#\npattern write by/%c/+\n";

    fn answer(arguments: &str) -> Result<Answer, Failure> {
        let arguments = ["explain", "--acl", "acl"].into_iter().chain(arguments.split(' '));
        let question = Alone::try_parse_from(arguments).expect("known options").question;
        question.answer(parse_acl("acl", RULES).expect("rules"))
    }

    #[test]
    fn the_rule_that_decides_is_told_with_its_line() {
        for (arguments, allowed, text) in [
            ("-t public/a -a subscribe", true, "allowed by acl:1: topic read public/#"),
            ("-t public/a -a publish", false, "denied: no rule of acl allows it"),
            ("-u ann -t ann/secret -a publish", false, "denied by acl:3: topic deny ann/secret"),
            ("-u ann -t ann/a -a retain", true, "allowed by acl:4: topic ann/#"),
            ("-u bob --client c -t by/c/x -a publish", true, "allowed by acl:5: pattern write by/%c/+"),
            (
                "-u ann -t ann/# -a subscribe",
                true,
                "allowed in part, each message is looked at: first by acl:4: topic ann/#",
            ),
            ("-u ann -t $share/g/ann/secret -a subscribe", false, "denied by acl:3: topic deny ann/secret"),
            ("-u ann -t $SYS/a -a publish", false, "denied: below $SYS only the broker publishes"),
        ] {
            assert_eq!(answer(arguments).expect(arguments), Answer::new(allowed, text), "{arguments}");
        }
    }

    #[test]
    fn what_is_no_topic_is_a_wrong_question() {
        for arguments in ["-t a/# -a publish", "-t a# -a subscribe", "-t $share/g -a subscribe"] {
            assert!(matches!(answer(arguments), Err(Failure::Topic { .. })), "{arguments}");
        }
    }

    #[test]
    fn without_rules_everything_is_allowed() {
        let arguments = ["explain", "--acl", "acl", "-t", "a", "-a", "subscribe"];
        let question = Alone::try_parse_from(arguments).expect("known options").question;
        assert_eq!(question.answer(Rules::open()).expect("an answer"), Answer::open());
    }
}
