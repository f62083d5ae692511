//! What a broker has kept from its last life.

use std::sync::Arc;

use mqtt_session::Time;

use super::broker::StartError;
use super::shard_loop::{ShardLoop, Shared};
use crate::config::Config;
use crate::core::{Hooks, Hub};
use crate::store::Restored;

/// The hub of a broker with the store that its configuration names, and what that gives back.
#[cfg(feature = "disk")]
pub(super) fn open(
    mut config: Config,
    seed: u64,
    hooks: Option<Arc<dyn Hooks>>,
) -> Result<(Arc<Hub>, Restored), StartError> {
    use std::time::{SystemTime, UNIX_EPOCH};

    use crate::store::{DiskSettings, DiskStore, WallTime};

    let Some(directory) = config.store.directory.clone() else {
        return Ok((Arc::new(Hub::new(config, seed).with_hooks(hooks)), Restored::default()));
    };
    config.session.store = true;
    let (store, restored, damage) = DiskStore::open(DiskSettings::new(directory, config.store.clone()))?;
    if let Some(path) = &damage.set_aside {
        tracing::error!(
            "the store was damaged: {} values were salvaged, and the file was set aside as {}; how much was lost cannot be \
             counted",
            damage.salvaged,
            path.display()
        );
    }
    if damage.values > 0 {
        tracing::error!("{} values of the store were damaged and are left out", damage.values);
    }
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let began = WallTime::default().after(began);
    let hub = Hub::with_store(config, seed, Arc::new(store), began, &restored);
    let hub = Arc::new(hub.with_hooks(hooks));
    hub.hear_store();
    Ok((hub, restored))
}

/// Without the feature `disk` nothing is kept.
#[cfg(not(feature = "disk"))]
pub(super) fn open(
    config: Config,
    seed: u64,
    hooks: Option<Arc<dyn Hooks>>,
) -> Result<(Arc<Hub>, Restored), StartError> {
    Ok((Arc::new(Hub::new(config, seed).with_hooks(hooks)), Restored::default()))
}

/// Gives sessions and retained messages their places, before anybody is served.
pub(super) fn restore(shared: &Arc<Shared>, shards: &mut [ShardLoop], restored: Restored) {
    let (hub, now) = (&shared.hub, Time::ZERO.after(shared.start.elapsed()));
    let Restored { alive, sessions, retained, .. } = restored;
    if !sessions.is_empty() || !retained.is_empty() {
        tracing::info!(sessions = sessions.len(), retained = retained.len(), "restored");
    }
    hub.restore_retained(now, retained);
    for session in sessions {
        let home = usize::from(hub.home(&session.client_id));
        if let Some(shard) = shards.get_mut(home) {
            shard.core.restore(now, alive, session);
        }
    }
    // a Will is for sessions that have come back as well
    shards.iter_mut().for_each(|shard| shard.core.begin(now));
}
