//! The loop: write while there is something, read, serve the handles, look at the deadlines.

use std::future::ready;
use std::io;
use std::time::Duration;

use bytes::Buf;
use mqtt_session::{CloseReason, Transmit};
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::time::{Instant, timeout};

use super::link::end_of;
use super::{Link, Output, Stream};
use crate::core::{Core, Input, sleep_until};

/// How long a last DISCONNECT may take to leave.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long a transport may take no byte at all of what waits for it. Any progress starts it anew: a slow path is not a
/// dead one, and a server that takes a byte a minute costs no more than the bounded output and the time of those who
/// wait, who have timeouts of their own.
const STALL: Duration = Duration::from_secs(60);

/// What a turn of the loop was about.
enum Turn {
    Input(Input),
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Flushed(io::Result<()>),
    Deadline,
}

impl<S: Stream> Link<S> {
    /// Carries until the server accepts the connection; `Some` with the reason if it ends before.
    pub(super) async fn handshake(&mut self, core: &mut Core) -> Option<CloseReason> {
        loop {
            core.pump(core.now(), &mut self.output);
            if core.accepted {
                return None;
            }
            if let Some(reason) = self.turn(core).await {
                return Some(reason);
            }
        }
    }

    /// Carries until the connection ends, and says why.
    pub(super) async fn carry(&mut self, core: &mut Core) -> CloseReason {
        loop {
            core.pump(core.now(), &mut self.output);
            if let Some(reason) = self.turn(core).await {
                return reason;
            }
        }
    }

    /// One turn. Everything it awaits can be cancelled without losing a byte.
    async fn turn(&mut self, core: &mut Core) -> Option<CloseReason> {
        if let Some(reason) = core.session.close_reason() {
            self.say_goodbye().await;
            return Some(reason);
        }
        match self.wait(core).await {
            Turn::Input(input) => {
                let now = core.now();
                core.handle_input(now, input);
            }
            Turn::Read(Ok(0)) => return Some(end_of(core)),
            Turn::Read(Ok(_)) => self.handle_input(core),
            Turn::Written(Ok(count)) if count > 0 => {
                self.moved = Instant::now();
                self.unflushed = true;
            }
            Turn::Flushed(Ok(())) => self.unflushed = false,
            Turn::Read(Err(error)) => return Some(self.fail(core, error)),
            Turn::Written(Ok(_)) => return Some(self.fail(core, io::ErrorKind::WriteZero.into())),
            Turn::Written(Err(error)) | Turn::Flushed(Err(error)) => {
                return Some(self.hear_out(core, error).await);
            }
            Turn::Deadline if self.is_stalled() => return Some(CloseReason::Stalled),
            Turn::Deadline => {
                let now = core.now();
                core.session.handle_timeout(now);
            }
        }
        None
    }

    async fn wait(&mut self, core: &mut Core) -> Turn {
        let waiting = self.output.has_remaining();
        if !waiting {
            self.moved = Instant::now();
        }
        // while the output is above its mark the session cannot write, and its deadlines mean nothing
        let session = core.session.poll_timeout().filter(|_| self.output.has_room());
        let stall = waiting.then(|| self.moved + STALL);
        let deadline = session.map(|at| core.instant(at)).into_iter().chain(stall).min();
        self.make_room();
        tokio::select! {
            input = core.next_input() => Turn::Input(input),
            read = self.reader.read_buf(&mut self.input) => Turn::Read(read),
            turn = write(&mut self.writer, &mut self.output), if waiting || self.unflushed => turn,
            () = sleep_until(deadline) => Turn::Deadline,
        }
    }

    fn is_stalled(&self) -> bool {
        self.output.has_remaining() && self.moved.elapsed() >= STALL
    }

    /// A server that takes nothing more may have said why: what has come already is read before the end.
    async fn hear_out(&mut self, core: &mut Core, error: io::Error) -> CloseReason {
        loop {
            self.make_room();
            let read = tokio::select! {
                biased;
                read = self.reader.read_buf(&mut self.input) => read,
                () = ready(()) => break,
            };
            match read {
                Ok(count) if count > 0 && core.session.close_reason().is_none() => self.handle_input(core),
                Ok(_) => break,
                Err(error) => return self.fail(core, error),
            }
        }
        self.fail(core, error)
    }

    fn fail(&mut self, core: &Core, error: io::Error) -> CloseReason {
        tracing::debug!(%error, "transport");
        self.error = Some(error);
        end_of(core)
    }

    /// Writes what is left, DISCONNECT last, and ends the transport.
    async fn say_goodbye(&mut self) {
        let goodbye = async {
            while self.output.has_remaining() {
                if self.writer.write_buf(&mut self.output).await? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
            self.writer.flush().await?;
            self.writer.shutdown().await
        };
        // the connection is over whether or not the peer hears of it
        if let Ok(Err(error)) = timeout(GOODBYE, goodbye).await {
            tracing::debug!(%error, "closing the transport");
        }
    }
}

/// Hands bytes to the transport; once it has all of them, asks it to keep none.
async fn write<S: Stream>(writer: &mut WriteHalf<S>, output: &mut Output) -> Turn {
    if output.has_remaining() {
        Turn::Written(writer.write_buf(output).await)
    } else {
        Turn::Flushed(writer.flush().await)
    }
}
