//! Who may publish and subscribe to what: rules, and what they say of one client.
//!
//! ```text
//!   text ──> Rules ──(who a client is)──> ClientAccess ──topic───> Ruling        allowed or not, by which rule
//!              │                              │    └─────filter──> FilterRuling  inside, overlapping, disjoint
//!              └── a tree for each audience, shared by all clients that belong to it
//! ```
//!
//! **Order.** The first rule decides that is about the action, the client and the topic; if there is none, the answer is no.
//! [`Rules::open`], with which a broker begins, allows everything. mosquitto's files have an order of their own, in which
//! refusals come first ([`parse_mosquitto`]); it is brought into this one when they are read.
//!
//! **Evidence.** What a client has shown of itself, such as a token, may say what it may do at most. Rules hold besides.
//!
//! **Filters.** A subscription is inside if one rule allows all that it can ever match and nothing before that rule
//! refuses any of it: its messages need no further look. It is disjoint if nothing that it can match is allowed: it is
//! refused. In between it is accepted, and each message is looked at. The relation of filters may call inside or disjoint
//! overlapping where several rules only together cover a filter, never the other way round.
//!
//! **Substitution.** `%c` and `%u` stand for the client identifier and the user name, each as a whole, inside one level. A
//! value that is empty or has a `/`, `+` or `#` is no part of any level, and at the very beginning of a rule's filter a
//! value that begins with `$` is none either: with such a value the filter matches nothing. Wildcards at the first level do
//! not match topics that begin with `$`, in rules as in subscriptions: `#` does not allow `$SYS/#`.

mod client;
mod evidence;
mod levels;
mod mosquitto;
mod pattern;
mod relation;
mod rule;
mod rules;
#[cfg(test)]
mod tests;
mod tree;

pub use client::{ClientAccess, Extent, FilterRuling, Ruling};
pub use mosquitto::parse_mosquitto;
pub use pattern::{Pattern, PatternError};
pub use rule::{Action, Actions, Audience, Rule, RuleError, RuleFault};
pub use rules::{RuleId, Rules};
