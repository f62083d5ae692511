//! The `[[listener]]` tables.

use std::path::PathBuf;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer};

use super::lobby::{StageTable, networks};
use super::scalar::Scalar;
use super::terms::{QueueChangesTable, mount_point, rewrites, subscriptions};
use crate::config::{
    AutoSubscription, ClientCertificate, Listener, MountPoint, Network, QueueChanges, Rewrite, StageLimits,
    Terms,
};

/// A table as it is written; [`Listener`] has the meaning of each setting.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(deserialize_with = "address")]
    address: Listener,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    client_crl: Option<PathBuf>,
    #[serde(default, deserialize_with = "client_certificate")]
    client_certificate: Option<ClientCertificate>,
    path: Option<String>,
    #[serde(default)]
    origins: Vec<String>,
    #[serde(default)]
    proxy_protocol: bool,
    #[serde(default, deserialize_with = "networks")]
    trusted_proxies: Vec<Network>,
    auth: Option<Vec<String>>,
    allow_anonymous: Option<bool>,
    connections: Option<usize>,
    #[serde(default, with = "StageTable")]
    lobby: StageLimits,
    #[serde(default = "stored", rename = "durability", deserialize_with = "stores")]
    stores: bool,
    #[serde(default, with = "QueueChangesTable")]
    queue: QueueChanges,
    #[serde(default, deserialize_with = "mount_point")]
    mount_point: Option<MountPoint>,
    #[serde(default, deserialize_with = "rewrites")]
    rewrite: Vec<Rewrite>,
    #[serde(default, deserialize_with = "subscriptions")]
    subscribe: Vec<AutoSubscription>,
    #[serde(default, deserialize_with = "permissions")]
    permissions: Option<u32>,
}

pub(super) fn listeners<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Listener>, D::Error> {
    Vec::<Table>::deserialize(input)?.into_iter().map(listener).collect()
}

fn listener<E: de::Error>(table: Table) -> Result<Listener, E> {
    let Listener { address, path, .. } = table.address;
    if path.is_some() && table.path.is_some() {
        return Err(E::custom("the path stands in address and in path: write it in one of them"));
    }
    Ok(Listener {
        address,
        terms: Arc::new(Terms {
            stores: table.stores,
            queue: table.queue,
            mount_point: table.mount_point,
            rewrite: table.rewrite,
            subscribe: table.subscribe,
        }),
        certificate: table.certificate,
        key: table.key,
        client_ca: table.client_ca,
        client_crl: table.client_crl,
        client_certificate: table.client_certificate,
        path: path.or(table.path),
        origins: table.origins,
        proxy_protocol: table.proxy_protocol,
        trusted_proxies: table.trusted_proxies,
        auth: table.auth,
        allow_anonymous: table.allow_anonymous,
        connections: table.connections,
        lobby: table.lobby,
        permissions: table.permissions,
    })
}

fn address<'de, D: Deserializer<'de>>(input: D) -> Result<Listener, D::Error> {
    String::deserialize(input)?.parse().map_err(de::Error::custom)
}

const fn stored() -> bool {
    true
}

/// All listeners share the durability of the store, but for one that has none.
fn stores<'de, D: Deserializer<'de>>(input: D) -> Result<bool, D::Error> {
    match String::deserialize(input)?.as_str() {
        "none" => Ok(false),
        _ => Err(de::Error::custom(
            "durability of a listener is \"none\" or left out: otherwise [store] says it",
        )),
    }
}

fn client_certificate<'de, D: Deserializer<'de>>(input: D) -> Result<Option<ClientCertificate>, D::Error> {
    match String::deserialize(input)?.as_str() {
        "none" => Ok(Some(ClientCertificate::None)),
        "optional" => Ok(Some(ClientCertificate::Optional)),
        "required" => Ok(Some(ClientCertificate::Required)),
        other => Err(de::Error::unknown_variant(other, &["none", "optional", "required"])),
    }
}

/// Mode bits: the number `0o660`, or its octal digits as text.
fn permissions<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u32>, D::Error> {
    let mode = match Scalar::deserialize(input)? {
        Scalar::Number(number) => u32::try_from(number).ok(),
        Scalar::Text(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
    };
    mode.map(Some)
        .ok_or_else(|| de::Error::custom("permissions are mode bits: write for example 0o660 or \"660\""))
}
