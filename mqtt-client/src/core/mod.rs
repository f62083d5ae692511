//! The driver's state apart from any connection: the session, who waits for which ticket, and the streams.

mod authentication;
mod events;
mod held;
mod inbox;
mod messages;
mod requests;

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use mqtt_codec::{Disconnect, QoS, ReasonCode, TopicFilter};
use mqtt_session::{ClientConfig, ClientSession, CloseReason, Ticket, Time};
use tokio::time::Instant;

use crate::command::{DisconnectAnswer, Inbox, Left, PublishCommand};
use crate::connection::Output;
use crate::error::{ConnectionError, PublishError, ServerReason};
use crate::options::ConnectOptions;
use crate::progress::Reporter;
use crate::random;
use crate::status::{Shared, Status};
use crate::stream::{Buffer, Router, Signals};

use authentication::Authenticator;
use held::Held;
pub(crate) use inbox::{Input, sleep_until};
use requests::PendingRequest;

/// How long messages may still take once all handles are gone.
const LAST_DRAIN: Duration = Duration::from_secs(5);

/// Everything of a client that outlives its connections.
pub(crate) struct Core {
    pub(crate) session: ClientSession,
    pub(crate) config: ClientConfig,
    /// Whether the server has accepted the current connection, even if it has ended since.
    pub(crate) accepted: bool,
    pub(crate) shared: Arc<Shared>,
    start: Instant,
    inbox: Inbox,
    /// A message that the session's queue had no room for.
    waiting: Option<PublishCommand>,
    publishes: HashMap<Ticket, (QoS, Reporter)>,
    /// Messages of QoS 0 in the output, with the place where each ends at the latest.
    unwritten: VecDeque<(u64, Reporter)>,
    requests: HashMap<Ticket, PendingRequest>,
    pub(crate) authenticator: Authenticator,
    /// What the server said when it refused or ended the connection.
    said: Option<Box<ServerReason>>,
    router: Router,
    held: Held,
    signals: Arc<Signals>,
    /// Filters to unsubscribe from as soon as the session takes the request.
    leaving: Vec<TopicFilter>,
    persistent: bool,
    /// Whether the server, as far as it has said, takes Subscription Identifiers.
    subscription_ids: bool,
    ending: Option<Ending>,
    open: Open,
}

/// Which channels may still bring something.
#[derive(Clone, Copy, Debug)]
struct Open {
    publishes: bool,
    commands: bool,
}

/// The client was told to end.
#[derive(Debug)]
struct Ending {
    deadline: Instant,
    answers: Vec<DisconnectAnswer>,
    disconnect: Box<Disconnect>,
    /// DISCONNECT is on its way, or there is no connection for it.
    said: bool,
}

impl Core {
    pub(crate) fn new(
        options: &ConnectOptions,
        shared: Arc<Shared>,
        signals: Arc<Signals>,
        inbox: Inbox,
    ) -> Self {
        let persistent = options.is_persistent();
        let unclaimed = persistent.then(|| Arc::new(Buffer::new(options.streams, Arc::clone(&signals))));
        // an earlier run of the program began elsewhere, so that its identifiers are hardly taken for ours
        let first_id = if persistent { 1 + (random::random() % 16_000) as u32 } else { 1 };
        Self {
            session: ClientSession::new(options.version, options.session_config()),
            config: options.session_config(),
            accepted: false,
            shared,
            start: Instant::now(),
            inbox,
            waiting: None,
            publishes: HashMap::new(),
            unwritten: VecDeque::new(),
            requests: HashMap::new(),
            authenticator: Authenticator::new(options.authentication.clone()),
            said: None,
            router: Router::new(unclaimed, first_id),
            held: Held::new(options),
            signals,
            leaving: Vec::new(),
            persistent,
            subscription_ids: options.version.is_v5(),
            ending: None,
            open: Open { publishes: true, commands: true },
        }
    }

    /// The session's time, which stands still while the runtime's does.
    pub(crate) fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }

    /// The runtime's time for the session's.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.start + time.since(Time::ZERO)
    }

    /// Moves everything as far as it goes without a connection.
    pub(crate) fn settle(&mut self, now: Time) {
        if self.signals.take_abandoned() {
            let mut filters = self.router.sweep();
            // a session that is to outlive the program keeps its subscriptions when a reader goes
            if !self.persistent {
                self.leaving.append(&mut filters);
            }
        }
        if !self.leaving.is_empty() && self.session.unsubscribe(self.leaving.clone()).is_ok() {
            self.leaving.clear();
        }
        self.settle_held();
        if let Some(command) = self.waiting.take() {
            self.publish(now, command);
        }
        self.settle_end();
    }

    /// Moves everything as far as it goes, the session's packets into `output` included.
    pub(crate) fn pump(&mut self, now: Time, output: &mut Output) {
        use mqtt_session::Transmit;
        self.settle(now);
        loop {
            // a PINGREQ behind more than the mark would wait too long for its answer to be fair
            if output.has_room() {
                self.session.poll_transmit(now, output);
            }
            if !self.handle_events(output.end()) && self.waiting.is_none() {
                break;
            }
            let Some(command) = self.waiting.take() else { continue };
            self.publish(now, command);
            if self.waiting.is_some() {
                break;
            }
        }
        self.report_written(output.written());
    }

    /// The server has refused or ended the connection with a reason.
    pub(crate) fn handle_reason(&mut self, said: ServerReason) {
        self.said = Some(Box::new(said));
    }

    /// What the server said when it ended the connection with `reason`.
    pub(crate) fn take_said(&mut self, reason: ReasonCode) -> Box<ServerReason> {
        let said = self.said.take().filter(|said| said.reason == reason);
        said.unwrap_or_else(|| Box::new(ServerReason::new(reason)))
    }

    /// The network connection is gone.
    pub(crate) fn handle_disconnected(&mut self) {
        let reason = self.session.close_reason().unwrap_or(CloseReason::Transport);
        self.authenticator.handle_disconnected(reason);
        self.session.handle_disconnected();
        self.accepted = false;
        self.release_all_held();
        for (_, reporter) in self.unwritten.drain(..) {
            reporter.over(Err(PublishError::Lost));
        }
        while let Some(event) = self.session.poll_event() {
            self.handle_event(event, 0);
        }
    }

    /// Whether the client was told to end and has nothing more to say.
    pub(crate) fn is_over(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.said) && !self.session.is_connected()
    }

    /// Ends the client: everybody who waits hears of it.
    pub(crate) fn finish(&mut self, cause: Option<Arc<ConnectionError>>) {
        let left = self.left();
        if let Some(ending) = self.ending.take() {
            for answer in ending.answers {
                // whoever has stopped waiting does not want to know
                let _ = answer.send(Ok(left));
            }
        }
        self.shared.status.send_replace(Status::Closed { cause });
        self.inbox.publishes.close();
        self.inbox.commands.close();
        self.waiting = None;
        self.publishes.clear();
        self.unwritten.clear();
        self.requests.clear();
        // what a kept session has not acknowledged will come again
        for buffer in self.router.buffers() {
            buffer.finish(!self.persistent);
        }
    }

    fn left(&self) -> Left {
        Left {
            messages: self.publishes.len() + self.unwritten.len() + usize::from(self.waiting.is_some()),
            requests: self.requests.len(),
        }
    }

    /// Says goodbye once everything is done, or the time for it is over.
    fn settle_end(&mut self) {
        let idle = self.waiting.is_none()
            && !self.open.publishes
            && self.publishes.is_empty()
            && self.unwritten.is_empty()
            && self.session.pending_requests() == 0;
        let Some(ending) = &mut self.ending else { return };
        if !ending.said && (idle || ending.deadline <= Instant::now()) {
            ending.said = true;
            let reason = ending.disconnect.reason;
            // another server may take less than the one that was there when this was said
            if let Err(error) = self.session.disconnect_with(mem::take(&mut *ending.disconnect)) {
                tracing::warn!(%error, "DISCONNECT has to go without what was to be said in it");
                self.session.disconnect(reason);
            }
        }
    }

    /// No new work; what was accepted is finished until `deadline`.
    fn end(&mut self, deadline: Instant, disconnect: Box<Disconnect>, answer: Option<DisconnectAnswer>) {
        self.inbox.publishes.close();
        self.inbox.commands.close();
        let ending = self.ending.get_or_insert_with(|| Ending {
            deadline,
            answers: Vec::new(),
            disconnect,
            said: false,
        });
        ending.deadline = ending.deadline.min(deadline);
        ending.answers.extend(answer);
    }
}

impl Drop for Core {
    /// A driver that is dropped in mid-run ends the client like any other.
    fn drop(&mut self) {
        if !matches!(*self.shared.status.borrow(), Status::Closed { .. }) {
            self.finish(None);
        }
    }
}
