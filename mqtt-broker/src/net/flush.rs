//! Bytes to sockets, and the end of connections.

use std::io;

use mqtt_session::Time;

use super::connections::Place;
use super::conversation::Conversation;
use super::shard_loop::ShardLoop;
use super::stream::{Closing, Spare, Stream};
use crate::core::{Closed, ConnectionId, Counter, Output};

impl ShardLoop {
    /// One write for each client that has output.
    pub(super) fn flush(&mut self, now: Time) {
        while let Some((_, id)) = self.core.poll_flush() {
            self.write(now, id);
        }
        while let Some(id) = self.core.poll_resumed() {
            self.read_again(id);
        }
        for id in std::mem::take(&mut self.answers) {
            if self.connections.get(id).is_some_and(|connection| connection.stream.wants_write()) {
                self.write(now, id);
            }
        }
    }

    /// What the layers of a stream have to say leaves at the end of the turn, with what the client gets.
    pub(super) fn answer(&mut self, id: ConnectionId) {
        if self.connections.get(id).is_some_and(|connection| connection.stream.wants_write()) {
            self.answers.push(id);
        }
    }

    /// Writes what a connection has to say, as far as the socket takes it.
    pub(super) fn write(&mut self, now: Time, id: ConnectionId) {
        let closing = self.closing();
        let Some(connection) = self.connections.get(id) else { return };
        if !connection.writable {
            return;
        }
        let stream = &mut connection.stream;
        match &mut connection.place {
            Place::Lobby(stranger) => {
                let written =
                    match stranger.pending.as_mut().and_then(|pending| pending.conversation.as_deref_mut()) {
                        Some(Conversation { output, .. }) if !output.is_empty() => {
                            let written = write_all(stream, output, &mut self.spare);
                            connection.writable = output.is_empty();
                            written
                        }
                        _ => stream.flush().map(|()| 0),
                    };
                connection.writable &= !stream.wants_write();
                match written {
                    Ok(written) => self.core.counters().add(Counter::BytesSent, written as u64),
                    Err(_) => self.drop_connection(now, id),
                }
            }
            Place::Arriving => match stream.flush() {
                Ok(()) => connection.writable = !stream.wants_write(),
                Err(_) => self.drop_connection(now, id),
            },
            Place::Client(slot) => {
                let slot = *slot;
                let Some(output) = self.core.output(slot) else { return };
                match write_all(stream, output, &mut self.spare) {
                    Ok(written) => {
                        connection.writable = output.is_empty() && !stream.wants_write();
                        let keeps_some = stream.wants_write();
                        self.core.handle_written(now, slot, written);
                        if keeps_some {
                            self.core.handle_kept(now, slot);
                        }
                        self.settle(now);
                        self.read_again(id);
                    }
                    Err(_) => self.drop_connection(now, id),
                }
            }
            Place::Closing { output, shut } => {
                let mut result = write_all(stream, output, &mut self.spare);
                self.core.counters().add(Counter::BytesSent, result.as_ref().copied().unwrap_or(0) as u64);
                if result.is_ok() && output.is_empty() && !*shut {
                    // bytes that lie unread when a socket is closed would make the kernel take back what was sent
                    match stream.finish(closing) {
                        Ok(done) => *shut = done,
                        Err(error) => result = Err(error),
                    }
                }
                connection.writable = output.is_empty() && !stream.wants_write();
                if result.is_err() {
                    self.drop_connection(now, id);
                }
            }
        }
    }

    /// Why streams are finished now.
    pub(super) fn closing(&self) -> Closing {
        if self.shared.hub.is_stopping() { Closing::Shutdown } else { Closing::Normal }
    }

    /// A connection that was not read from because its client had to read first, or to wait.
    fn read_again(&mut self, id: ConnectionId) {
        if self.connections.get(id).is_some_and(|connection| connection.readable) {
            self.schedule(id);
        }
    }

    /// Takes over the connections that the core has given up.
    pub(super) fn settle(&mut self, now: Time) {
        while let Some(Closed { connection, output }) = self.core.poll_closed() {
            self.close(now, connection, output);
        }
    }

    /// Sends the last bytes, then waits a little for the peer to read them and close.
    pub(super) fn close(&mut self, now: Time, id: ConnectionId, output: Output) {
        let Some(connection) = self.connections.get(id) else { return };
        let nothing_to_say = output.is_empty() && !connection.stream.has_last_words();
        connection.place = Place::Closing { output: Box::new(output), shut: false };
        if nothing_to_say {
            return self.drop_connection(now, id);
        }
        self.linger_deadlines.push(now.after(self.core.config().limits.linger), id);
        if connection.readable || connection.read_closed {
            self.schedule(id);
        }
        self.write(now, id);
    }
}

/// Writes until the output is empty or the socket takes no more; how many bytes that were.
fn write_all(stream: &mut Stream, output: &mut Output, spare: &mut Spare) -> io::Result<usize> {
    let mut total = 0;
    while !output.is_empty() {
        match output.write_to(&mut stream.writer(spare)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => total += written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if output.is_empty() {
        // what had to wait for the end of a frame, too: the socket may take it now, and would not say so again
        stream.flush()?;
    }
    Ok(total)
}
