//! What can go wrong.

use std::time::Duration;

use mqtt_codec::{ReasonCode, Version};

use super::plan::Fault;
use super::world::World;

impl World {
    pub(crate) fn strike(&mut self, client: usize, fault: Fault) {
        self.log.say(|| format!("--- c{client}: {fault:?}"));
        let step = self.step;
        self.struck.extend(self.clients[client].known.map(|(session, _)| session));
        match fault {
            Fault::Cut { client: hears, server } => {
                if let Some(link) = self.clients[client].link.and_then(|id| self.links.get_mut(&id)) {
                    link.cut(Some(step + hears), Some(step + server));
                }
            }
            Fault::BlackHole => {
                if let Some(link) = self.clients[client].link.and_then(|id| self.links.get_mut(&id)) {
                    link.cut(None, None);
                }
            }
            Fault::Stall(steps) => {
                if let Some(link) = self.clients[client].link.and_then(|id| self.links.get_mut(&id)) {
                    link.stalled_until = step + steps;
                }
            }
            Fault::Deaf(steps) => {
                if let Some(link) = self.clients[client].link.and_then(|id| self.links.get_mut(&id)) {
                    link.deaf_until = step + steps;
                }
            }
            Fault::TakeOver => {
                self.abandon(client);
                self.open(client);
            }
            Fault::Crash { clean, told } => {
                let id = self.clients[client].link;
                self.abandon(client);
                if told && let Some(link) = id.and_then(|id| self.links.get_mut(&id)) {
                    link.server_hears = Some(step);
                }
                self.clients[client].begin_again(clean);
            }
            Fault::Restart { told } => {
                let id = self.clients[client].link;
                self.abandon(client);
                if told && let Some(link) = id.and_then(|id| self.links.get_mut(&id)) {
                    link.server_hears = Some(step);
                }
                self.restart(client);
            }
            Fault::Leave { clean, with_will } => {
                let this = &mut self.clients[client];
                let with_will = with_will && this.plan.version == Version::V5;
                let reason =
                    if with_will { ReasonCode::DisconnectWithWillMessage } else { ReasonCode::Success };
                if this.session.is_connected() {
                    this.session.disconnect(reason);
                    self.write_client(client);
                } else {
                    self.abandon(client);
                }
                self.clients[client].begin_again(clean);
            }
            Fault::Broker { down, lucky } => {
                self.crash_broker(Duration::from_millis(u64::from(down)), lucky);
            }
            Fault::Busy(steps) => {
                let shard = client % self.cores.len();
                self.busy_until[shard] = step + steps;
            }
        }
    }

    /// The client forgets its connection; what is in transit is lost, and the broker is not told.
    fn abandon(&mut self, client: usize) {
        let this = &mut self.clients[client];
        this.session.handle_disconnected();
        if let Some(link) = this.link.take().and_then(|id| self.links.get_mut(&id)) {
            link.client_open = false;
            link.cut(None, link.server_hears);
        }
    }
}
