//! One line for each thing that a store has.

use std::io::{self, Write};

use data_encoding::BASE64;
use mqtt_broker::core::router::Granted;
use mqtt_broker::store::{Entry, Kept, Owed, RestoredSession, WallTime};
use mqtt_codec::{Message, QoS, TopicFilter};
use mqtt_session::{StoredSession, Ticket};
use serde_json::{Map, Value, json};

/// How it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For eyes.
    Text,
    /// The same as JSON.
    Json,
    /// With payloads and properties.
    Export,
}

impl Form {
    pub(super) fn write(self, output: &mut impl Write, entry: &Entry<'_>) -> io::Result<()> {
        match (self, entry) {
            (Self::Text, Entry::Session(session)) => write_session(output, session),
            (Self::Text, Entry::Message { ticket, kept, owed }) => write_message(output, *ticket, kept, owed),
            (Self::Text, Entry::Retained(kept)) => writeln!(output, "retained {}", head(kept)),
            (Self::Json, Entry::Session(session)) => writeln!(output, "{}", session_value(session)),
            (Self::Export, Entry::Session(session)) => {
                let mut value = session_value(session);
                value["exchanges"] = exchanges(&session.state);
                writeln!(output, "{value}")
            }
            (_, Entry::Message { ticket, kept, owed }) => {
                let mut value = self.message_value("message", kept);
                value.insert("number".into(), ticket.0.into());
                value.insert("owed".into(), owed.iter().map(owed_value).collect());
                writeln!(output, "{}", Value::Object(value))
            }
            (_, Entry::Retained(kept)) => {
                writeln!(output, "{}", Value::Object(self.message_value("retained", kept)))
            }
            // what a later version knows of is nothing for this form
            _ => Ok(()),
        }
    }

    fn message_value(self, kind: &str, kept: &Kept) -> Map<String, Value> {
        let message = &kept.message;
        let mut value = Map::new();
        let mut put = |name: &str, put: Value| _ = value.insert(name.to_owned(), put);
        put("kind", kind.into());
        put("topic", message.topic.as_str().into());
        put("qos", (kept.qos as u8).into());
        put("published_ms", kept.published.0.into());
        put("expires_ms", kept.expires.map(|WallTime(expires)| expires).into());
        put("payload_bytes", message.payload.len().into());
        if self == Self::Export {
            put("payload_base64", BASE64.encode(&message.payload).into());
            put("properties", properties(message));
        }
        value
    }
}

fn properties(message: &Message) -> Value {
    let Some(properties) = &message.properties else { return Value::Null };
    let pairs = properties.user_properties.iter();
    let pairs: Vec<_> = pairs.map(|(name, value)| [name.as_str(), value.as_str()]).collect();
    json!({
        "payload_format": properties.payload_format.map(|format| format as u8),
        "content_type": properties.content_type.as_ref().map(|text| text.as_str()),
        "response_topic": properties.response_topic.as_ref().map(|topic| topic.as_str()),
        "correlation_data_base64": properties.correlation_data.as_ref().map(|data| BASE64.encode(data)),
        "user_properties": pairs,
    })
}

/// Packet Identifiers that are in use, and the whole Will.
fn exchanges(state: &StoredSession) -> Value {
    let sent: Vec<_> =
        state.exchanges().sent.iter().map(|(id, Ticket(number))| json!([id.get(), number])).collect();
    let will = state.will.as_ref().map(|will| {
        json!({
            "topic": will.message.topic.as_str(),
            "qos": will.qos as u8,
            "retain": will.retain,
            "delay_s": will.delay.map(|delay| delay.0),
            "expiry_s": will.expiry.map(|expiry| expiry.0),
            "payload_base64": BASE64.encode(&will.message.payload),
            "properties": properties(&will.message),
        })
    });
    json!({
        "received": state.exchanges().received.iter().map(|id| id.get()).collect::<Vec<_>>(),
        "sent": sent,
        "released": state.exchanges().taken.iter().map(|id| id.get()).collect::<Vec<_>>(),
        "will": will,
    })
}

fn session_value(session: &RestoredSession) -> Value {
    let subscriptions: Vec<Value> = session.subscriptions.iter().map(subscription_value).collect();
    let user = session.user.as_ref();
    json!({
        "kind": "session",
        "number": session.number.0,
        "client_id": session.client_id.as_str(),
        "user": user.and_then(|user| user.name.as_ref()).map(|name| name.as_str()),
        "expiry_s": session.state.expiry,
        "connected": session.state.connected,
        "detached_ms": session.detached.0,
        "in_flight": session.in_flight.len(),
        "waiting": session.waiting.len(),
        "will": session.state.will.as_ref().map(|will| will.message.topic.as_str()),
        "subscriptions": subscriptions,
    })
}

fn subscription_value((filter, granted): &(TopicFilter, Granted)) -> Value {
    json!({
        "filter": filter.as_str(),
        "qos": granted.qos as u8,
        "no_local": granted.no_local,
        "retain_as_published": granted.retain_as_published,
        "id": granted.subscription_id.map(|id| id.get()),
    })
}

fn owed_value((session, owed): &(&RestoredSession, &Owed)) -> Value {
    json!({
        "client_id": session.client_id.as_str(),
        "session": session.number.0,
        "qos": owed.qos as u8,
        "retain": owed.retain,
        "subscription_ids": owed.subscription_ids.iter().map(|id| id.get()).collect::<Vec<_>>(),
    })
}

fn write_session(output: &mut impl Write, session: &RestoredSession) -> io::Result<()> {
    let client = session.client_id.as_str();
    let owed = session.in_flight.len() + session.waiting.len();
    write!(output, "session {client:?}")?;
    if let Some(name) = session.user.as_ref().and_then(|user| user.name.as_ref()) {
        write!(output, " of {:?}", name.as_str())?;
    }
    let expiry = match session.state.expiry {
        u32::MAX => "does not expire".to_owned(),
        seconds => format!("expires after {seconds} s"),
    };
    writeln!(output, ": is owed {owed} messages, {expiry}")?;
    for (filter, granted) in &session.subscriptions {
        writeln!(output, "  subscribed to {:?}, QoS {}", filter.as_str(), granted.qos as u8)?;
    }
    if let Some(will) = &session.state.will {
        writeln!(output, "  Will to {:?}", will.message.topic.as_str())?;
    }
    Ok(())
}

fn write_message(
    output: &mut impl Write,
    Ticket(number): Ticket,
    kept: &Kept,
    owed: &[(&RestoredSession, &Owed)],
) -> io::Result<()> {
    let clients: Vec<String> =
        owed.iter().map(|(session, _)| format!("{:?}", session.client_id.as_str())).collect();
    writeln!(output, "message {number} {}, owed to {}", head(kept), clients.join(", "))
}

fn head(kept: &Kept) -> String {
    let qos: QoS = kept.qos;
    format!("{:?}, QoS {}, {} bytes", kept.message.topic.as_str(), qos as u8, kept.message.payload.len())
}
