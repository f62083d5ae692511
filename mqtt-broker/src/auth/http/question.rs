//! What the server is told of a client.

use bytes::Bytes;
use data_encoding::BASE64;
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::auth::Attempt;

/// The question in JSON. What a client does not show is not there.
#[derive(Serialize)]
struct Question<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    /// A password that is no text, which JSON could not carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    listener: String,
    protocol_version: u8,
    /// Of a certificate that TLS has verified, as RFC 4514 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_subject: Option<String>,
}

/// The body of the request about a client.
pub(super) fn question(attempt: &Attempt) -> Bytes {
    let password =
        attempt.password.as_ref().map(|password| (password.expose(), str::from_utf8(password.expose())));
    let subject = attempt.certificates.first().and_then(|der| Certificate::from_der(der).ok());
    let question = Question {
        client_id: attempt.client_id.as_str(),
        user_name: attempt.user_name.as_ref().map(|name| name.as_str()),
        password: password.and_then(|(_, text)| text.ok()),
        password_base64: password.and_then(|(bytes, text)| text.is_err().then(|| BASE64.encode(bytes))),
        peer: attempt.peer.map(|peer| peer.to_string()),
        listener: attempt.listener.to_string(),
        protocol_version: attempt.version.level(),
        certificate_subject: subject.map(|certificate| certificate.tbs_certificate().subject().to_string()),
    };
    serde_json::to_vec(&question).unwrap_or_default().into()
}
