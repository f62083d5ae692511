//! What handles and readers bring, in the order in which the driver takes it.

use mqtt_session::Time;
use tokio::time::Instant;

use super::{Core, LAST_DRAIN};
use crate::authentication::Worked;
use crate::command::{Command, PublishCommand};

/// Commands taken in one turn, so that one write carries many messages and yet the socket is looked at.
const COMMANDS_PER_TURN: usize = 64;

/// Something for the driver that did not come from the network.
pub(crate) enum Input {
    Publish(PublishCommand),
    Command(Command),
    /// The method of authentication has something to say.
    Worked(Worked),
    /// Nothing more will come from this channel.
    PublishesClosed,
    CommandsClosed,
    /// A reader took something, or the time for the end has come.
    Look,
}

impl Core {
    /// Waits for the next input. Safe to cancel: nothing is taken before it returns.
    pub(crate) async fn next_input(&mut self) -> Input {
        let end = self.ending.as_ref().filter(|ending| !ending.said).map(|ending| ending.deadline);
        tokio::select! {
            command = self.inbox.commands.recv(), if self.open.commands => {
                command.map_or(Input::CommandsClosed, Input::Command)
            }
            publish = self.inbox.publishes.recv(), if self.open.publishes && self.waiting.is_none() => {
                publish.map_or(Input::PublishesClosed, Input::Publish)
            }
            worked = self.authenticator.worked() => Input::Worked(worked),
            () = self.signals.wait() => Input::Look,
            () = sleep_until(end) => Input::Look,
        }
    }

    pub(crate) fn handle_input(&mut self, now: Time, input: Input) {
        self.handle_one(now, input);
        for _ in 0..COMMANDS_PER_TURN {
            if self.waiting.is_some() {
                return;
            }
            match self.inbox.publishes.try_recv() {
                Ok(publish) => self.publish(now, publish),
                Err(_) => return,
            }
        }
    }

    fn handle_one(&mut self, now: Time, input: Input) {
        match input {
            Input::Publish(publish) => self.publish(now, publish),
            Input::Command(Command::Subscribe { filters, user_properties, buffer, answer }) => {
                self.subscribe(filters, user_properties, buffer, answer);
            }
            Input::Command(Command::Leave { key, answer }) => self.leave(key, answer),
            Input::Command(Command::Unsubscribe { filters, user_properties, answer }) => {
                self.unsubscribe(filters, user_properties, answer);
            }
            Input::Command(Command::Disconnect { deadline, disconnect, answer }) => {
                match self.session.check_disconnect(&disconnect) {
                    Ok(()) => self.end(deadline, disconnect, Some(answer)),
                    Err(error) => drop(answer.send(Err(error.into()))),
                }
            }
            Input::Command(Command::Reauthenticate { answer }) => self.reauthenticate(answer),
            Input::Worked(worked) => self.handle_worked(worked),
            Input::PublishesClosed => self.open.publishes = false,
            Input::CommandsClosed => {
                self.open.commands = false;
                if self.ending.is_none() {
                    self.end(Instant::now() + LAST_DRAIN, Box::default(), None);
                }
            }
            Input::Look => {}
        }
    }
}

/// Waits until `deadline`; for ever if there is none.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
