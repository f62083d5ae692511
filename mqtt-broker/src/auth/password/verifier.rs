//! Hashes of passwords, as files hold them.

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use super::error::LineFault;

/// Memory that a hash may demand, in KiB: beyond it a file could stop the machine.
const MAX_MEMORY: u32 = 1 << 20;
/// Memory times passes, in KiB: seconds of one core.
const MAX_WORK: u64 = 4 << 20;
/// Rounds of PBKDF2: a few seconds of one core.
const MAX_ROUNDS: u32 = 10_000_000;
/// Bytes of salt and hash that are read; hashes of argon2 may be shorter than usual, but not so that they are guessed.
const SALT: std::ops::RangeInclusive<usize> = 8..=64;
const HASH: std::ops::RangeInclusive<usize> = 16..=64;
const SHA_512: usize = 64;

/// What a password has to match.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    cost: Cost,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
}

/// How a hash is made, and so how long that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cost {
    Argon2 { algorithm: Kind, version: u32, memory: u32, passes: u32, lanes: u32 },
    Pbkdf2 { rounds: u32 },
    Sha512,
}

/// The variants of argon2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    D,
    I,
    Id,
}

impl Verifier {
    /// Hashes a password with argon2id and the parameters that OWASP gives first for a server: 19 MiB, two passes, one
    /// lane. That is about 20 ms of a core, and memory that makes guessing in bulk dear.
    pub(super) fn new(password: &[u8], salt: [u8; 16]) -> Self {
        let (memory, passes, lanes) = (19 << 10, 2, 1);
        let cost = Cost::Argon2 { algorithm: Kind::Id, version: 0x13, memory, passes, lanes };
        let mut hash = [0; 32];
        cost.hash(password, &salt, &mut hash);
        Self { cost, salt: salt.into(), hash: hash.into() }
    }

    pub(super) fn parse(text: &str) -> Result<Self, LineFault> {
        if text.starts_with("SCRAM-SHA-") {
            return Err(LineFault::Scram);
        }
        let Some(text) = text.strip_prefix('$') else { return Err(LineFault::Plain) };
        let (kind, rest) = text.split_once('$').ok_or(LineFault::Unknown)?;
        match kind {
            "argon2d" => argon2(Kind::D, rest),
            "argon2i" => argon2(Kind::I, rest),
            "argon2id" => argon2(Kind::Id, rest),
            "7" => pbkdf2(rest),
            "6" => mosquitto("$6$", Cost::Sha512, rest),
            _ => Err(LineFault::Unknown),
        }
    }

    /// Whether this is the password. It takes its time, and all of it whatever the password is.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut hash = [0; SHA_512];
        let Some(hash) = hash.get_mut(..self.hash.len()) else { return false };
        self.cost.hash(password, &self.salt, hash) && bool::from(self.hash.ct_eq(hash))
    }

    pub(super) const fn cost(&self) -> Cost {
        self.cost
    }

    /// What tells it from the hash of another password, or of the same with another salt.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        [&self.salt, &self.hash]
    }

    /// The text of a file.
    pub(super) fn to_text(&self) -> String {
        match self.cost {
            Cost::Argon2 { algorithm, version, memory, passes, lanes } => format!(
                "${}$v={version}$m={memory},t={passes},p={lanes}${}${}",
                algorithm.algorithm().as_str(),
                BASE64_NOPAD.encode(&self.salt),
                BASE64_NOPAD.encode(&self.hash)
            ),
            Cost::Pbkdf2 { rounds } => {
                format!("$7${rounds}${}${}", BASE64.encode(&self.salt), BASE64.encode(&self.hash))
            }
            Cost::Sha512 => format!("$6${}${}", BASE64.encode(&self.salt), BASE64.encode(&self.hash)),
        }
    }
}

impl Cost {
    /// Fills `hash`; false if that cannot be done, which parsing has ruled out but for a lack of memory.
    fn hash(self, password: &[u8], salt: &[u8], hash: &mut [u8]) -> bool {
        match self {
            Self::Argon2 { algorithm, version, memory, passes, lanes } => {
                let version = if version == 0x10 { Version::V0x10 } else { Version::V0x13 };
                let Ok(params) = Params::new(memory, passes, lanes, Some(hash.len())) else { return false };
                let argon2 = Argon2::new(algorithm.algorithm(), version, params);
                argon2.hash_password_into(password, salt, hash).is_ok()
            }
            Self::Pbkdf2 { rounds } => {
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, hash);
                true
            }
            Self::Sha512 => {
                let digest = Sha512::new().chain_update(password).chain_update(salt).finalize();
                hash.copy_from_slice(digest.get(..hash.len()).unwrap_or_default());
                true
            }
        }
    }
}

impl Kind {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::D => Algorithm::Argon2d,
            Self::I => Algorithm::Argon2i,
            Self::Id => Algorithm::Argon2id,
        }
    }
}

/// `v=19$m=19456,t=2,p=1$SALT$HASH`; without the version it is the first.
fn argon2(algorithm: Kind, text: &str) -> Result<Verifier, LineFault> {
    let damaged = LineFault::Damaged { kind: "argon2" };
    let (version, rest) = match text.strip_prefix("v=") {
        Some(rest) => rest.split_once('$').ok_or(damaged)?,
        None => ("16", text),
    };
    let version = match version {
        "16" => 0x10,
        "19" => 0x13,
        _ => return Err(damaged),
    };
    let (parameters, rest) = rest.split_once('$').ok_or(damaged)?;
    let [memory, passes, lanes] = parse_parameters(parameters).ok_or(damaged)?;
    if memory > MAX_MEMORY || u64::from(memory) * u64::from(passes) > MAX_WORK {
        return Err(LineFault::Dear { most: "1 GiB of memory, or 4 GiB in all its passes" });
    }
    let (salt, hash) = rest.split_once('$').ok_or(damaged)?;
    let decode = |text: &str| BASE64_NOPAD.decode(text.as_bytes()).map_err(|_| damaged);
    let (salt, hash) = (decode(salt)?, decode(hash)?);
    let fits = SALT.contains(&salt.len()) && HASH.contains(&hash.len());
    if !fits || Params::new(memory, passes, lanes, Some(hash.len())).is_err() {
        return Err(damaged);
    }
    let cost = Cost::Argon2 { algorithm, version, memory, passes, lanes };
    Ok(Verifier { cost, salt: salt.into(), hash: hash.into() })
}

/// `m=19456,t=2,p=1`.
fn parse_parameters(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split(',');
    let mut next = |name: &str| parts.next()?.strip_prefix(name)?.parse().ok();
    let parameters = [next("m=")?, next("t=")?, next("p=")?];
    parts.next().is_none().then_some(parameters)
}

/// `101$SALT$HASH`.
fn pbkdf2(text: &str) -> Result<Verifier, LineFault> {
    let damaged = LineFault::Damaged { kind: "$7$" };
    let (rounds, rest) = text.split_once('$').ok_or(damaged)?;
    let rounds = rounds.parse().map_err(|_| damaged)?;
    match rounds {
        0 => Err(damaged),
        1..=MAX_ROUNDS => mosquitto("$7$", Cost::Pbkdf2 { rounds }, rest),
        _ => Err(LineFault::Dear { most: "10 million rounds" }),
    }
}

/// `SALT$HASH`, where the hash is always that of SHA-512.
fn mosquitto(kind: &'static str, cost: Cost, text: &str) -> Result<Verifier, LineFault> {
    let damaged = LineFault::Damaged { kind };
    let (salt, hash) = text.split_once('$').ok_or(damaged)?;
    let decode = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| damaged);
    let (salt, hash) = (decode(salt)?, decode(hash)?);
    if !SALT.contains(&salt.len()) || hash.len() != SHA_512 {
        return Err(damaged);
    }
    Ok(Verifier { cost, salt: salt.into(), hash: hash.into() })
}
