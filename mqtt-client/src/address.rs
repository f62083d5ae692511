//! Addresses of servers: `mqtt://user:password@host:port/path`.

use std::fmt;
use std::str::FromStr;

/// Where a server is, and what the address says of who asks.
///
/// `Debug` and `Display` leave the password out.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

/// Why a text is no address, or none that this version can reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No host between `://` and the port.
    #[error("there is no host")]
    NoHost,
    /// The text has no `://`.
    #[error("there is no scheme: write mqtt://HOST:PORT")]
    NoScheme,
    /// A `%` that is not followed by two hexadecimal digits, or bytes that are no text in a user name.
    #[error("user name or password are not percent-encoded correctly")]
    PercentEncoding,
    /// The port is no number from 1 to 65,535.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// A scheme of MQTT whose transport does not exist here yet.
    #[error("{0}:// is not supported yet; mqtt:// and tcp:// are")]
    NotSupportedYet(&'static str),
    /// A scheme that has nothing to do with MQTT.
    #[error("{0}:// is not known; mqtt:// and tcp:// are")]
    UnknownScheme(String),
}

/// The port that IANA gave to MQTT.
const PORT: u16 = 1883;

/// Schemes of transports that this version has not.
const LATER: [&str; 6] = ["mqtts", "ssl", "tls", "ws", "wss", "unix"];

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::NoScheme)?;
        check_scheme(scheme)?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        let (user_name, password) = match login {
            Some(login) => self::login(login)?,
            None => (None, None),
        };
        Ok(Self { host: host.to_owned(), port, path: path.to_owned(), user_name, password })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "mqtt://[{}]:{}{}", self.host, self.port, self.path),
            false => write!(f, "mqtt://{}:{}{}", self.host, self.port, self.path),
        }
    }
}

fn check_scheme(scheme: &str) -> Result<(), AddressError> {
    let scheme = scheme.to_ascii_lowercase();
    if matches!(scheme.as_str(), "mqtt" | "tcp") {
        return Ok(());
    }
    match LATER.into_iter().find(|later| *later == scheme) {
        Some(later) => Err(AddressError::NotSupportedYet(later)),
        None => Err(AddressError::UnknownScheme(scheme)),
    }
}

fn host_and_port(place: &str) -> Result<(&str, u16), AddressError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(AddressError::NoHost)?;
            (
                host,
                if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(AddressError::Port)?) },
            )
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    let port = match port {
        None => PORT,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port)?
        }
        Some(_) => return Err(AddressError::Port),
    };
    Ok((host, port))
}

type Login = (Option<String>, Option<Vec<u8>>);

fn login(login: &str) -> Result<Login, AddressError> {
    let (name, password) = match login.split_once(':') {
        Some((name, password)) => (name, Some(percent_decode(password)?)),
        None => (login, None),
    };
    let name = String::from_utf8(percent_decode(name)?).map_err(|_| AddressError::PercentEncoding)?;
    Ok((Some(name), password))
}

fn percent_decode(text: &str) -> Result<Vec<u8>, AddressError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(AddressError::PercentEncoding) };
        decoded.push((high * 16 + low) as u8);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, u16, String), AddressError> {
        text.parse().map(|address: Address| (address.host, address.port, address.path))
    }

    #[test]
    fn an_address_has_scheme_host_port_and_path() {
        let is = |host: &str, port, path: &str| Ok((host.to_owned(), port, path.to_owned()));
        assert_eq!(parse("mqtt://house"), is("house", 1883, ""));
        assert_eq!(parse("TCP://house:1884/"), is("house", 1884, "/"));
        assert_eq!(parse("mqtt://[::1]:99/mqtt"), is("::1", 99, "/mqtt"));
        assert_eq!(parse("mqtt://[fe80::1]"), is("fe80::1", 1883, ""));
        assert_eq!(parse("mqtt://a@b:1"), is("b", 1, ""));
    }

    #[test]
    fn a_wrong_address_says_what_is_wrong_with_it() {
        for (text, error) in [
            ("house:1883", AddressError::NoScheme),
            ("mqtt://", AddressError::NoHost),
            ("mqtt://:1883", AddressError::NoHost),
            ("mqtt://[::1", AddressError::NoHost),
            ("mqtt://[::1]99", AddressError::Port),
            ("mqtt://house:0", AddressError::Port),
            ("mqtt://house:+1", AddressError::Port),
            ("mqtt://house:65536", AddressError::Port),
            ("mqtt://::1:1883", AddressError::NoHost),
            ("mqtt://a%zz@house", AddressError::PercentEncoding),
            ("mqtt://%ff@house", AddressError::PercentEncoding),
            ("http://house", AddressError::UnknownScheme("http".into())),
            ("wss://house", AddressError::NotSupportedYet("wss")),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_transport_of_a_later_version_is_named() {
        for scheme in LATER {
            let error = parse(&format!("{scheme}://house")).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("{scheme}:// is not supported yet; mqtt:// and tcp:// are")
            );
        }
    }

    #[test]
    fn user_name_and_password_are_percent_decoded() {
        let address: Address = "mqtt://me%40home:p%3a%2Fss@house".parse().unwrap();
        assert_eq!(address.user_name.as_deref(), Some("me@home"));
        assert_eq!(address.password.as_deref(), Some(&b"p:/ss"[..]));
        assert_eq!(address.to_string(), "mqtt://house:1883");
    }
}
