//! A flood of strangers: connections that never become clients, from a thread of their own.
//!
//! The thread keeps a number of connections at a broker, each with a fault of its own, and replaces what the broker
//! closes. It goes on until the value that stands for it is dropped.

mod attacker;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::wire::Target;
use attacker::{Attacker, Next};

/// What strangers do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// All of these at once, in equal parts.
    All,
    /// Nothing: the connection is open and silent.
    Silent,
    /// Connect and reset, as fast as possible.
    Storm,
    /// Bytes that are no CONNECT.
    Garbage,
    /// Half a CONNECT, then silence.
    Half,
    /// CONNECT byte by byte.
    Slow,
    /// A CONNECT that is refused, over and over, with answers that nobody reads.
    Refused,
    /// The beginning of a handshake of TLS, over and over: the broker computes, the stranger does not.
    Hello,
    /// The same beginning byte by byte.
    SlowHello,
}

impl Fault {
    /// What makes sense over TLS only comes last.
    const EACH: [Self; 8] = [
        Self::Silent,
        Self::Storm,
        Self::Garbage,
        Self::Half,
        Self::Slow,
        Self::Refused,
        Self::Hello,
        Self::SlowHello,
    ];
    const WITHOUT_TLS: usize = 6;
}

/// A flood that goes on until it is dropped.
#[derive(Debug)]
pub(crate) struct Flood {
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Keeps `connections` at `target`, from addresses that begin with `from` and go on for `addresses`.
    pub(crate) fn start(
        target: &Target,
        fault: Fault,
        connections: u32,
        from: Ipv4Addr,
        addresses: u32,
    ) -> io::Result<Self> {
        let hello = target.hello()?;
        let faults = if hello.is_some() { &Fault::EACH[..] } else { &Fault::EACH[..Fault::WITHOUT_TLS] };
        let hello = hello.unwrap_or_default();
        let (stop, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut river = River {
            poll: Poll::new()?,
            target: target.address,
            sources: (0..addresses).map(|number| Ipv4Addr::from_bits(from.to_bits() + number)).collect(),
            attackers: (0..connections as usize)
                .map(|number| match fault {
                    Fault::All => Attacker::new(faults[number % faults.len()], number, &hello),
                    one => Attacker::new(one, number, &hello),
                })
                .collect(),
            streams: (0..connections).map(|_| None).collect(),
            closed: (0..connections as usize).rev().collect(),
            opened: Arc::clone(&opened),
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("flood".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                river.turn();
            }
        })?;
        Ok(Self { stop, opened, thread: Some(thread) })
    }

    /// Connections that were opened so far.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // a flood that has failed has ended as well
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
struct River {
    poll: Poll,
    target: SocketAddr,
    sources: Vec<Ipv4Addr>,
    attackers: Vec<Attacker>,
    streams: Vec<Option<TcpStream>>,
    /// Attackers without a connection.
    closed: Vec<usize>,
    opened: Arc<AtomicU64>,
}

impl River {
    fn turn(&mut self) {
        for _ in 0..OPENED_AT_ONCE {
            let Some(index) = self.closed.pop() else { break };
            if self.open(index).is_err() {
                // no port or no file is left for now
                self.closed.push(index);
                break;
            }
        }
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(TICK)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
        for event in &events {
            let Token(index) = event.token();
            self.step(index, event.is_writable(), event.is_readable() || event.is_read_closed());
        }
        // those who are slow by intention
        let now = Instant::now();
        for index in 0..self.attackers.len() {
            if self.attackers[index].is_due(now) {
                self.step(index, true, false);
            }
        }
    }

    fn open(&mut self, index: usize) -> io::Result<()> {
        let source = self.sources[index % self.sources.len()];
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        // the end is a reset, so that no port is kept
        socket.set_linger(Some(Duration::ZERO))?;
        socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into())?;
        match socket.connect(&self.target.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        self.streams[index] = Some(stream);
        self.attackers[index].begin();
        Ok(())
    }

    fn step(&mut self, index: usize, writable: bool, readable: bool) {
        let Some(stream) = &mut self.streams[index] else { return };
        let next = self.attackers[index].step(stream, Instant::now(), writable, readable);
        if next == Next::Close {
            self.streams[index] = None;
            self.closed.push(index);
            self.opened.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(EINPROGRESS)
}

const EINPROGRESS: i32 = 115;

/// Connections that are opened before those that are open are looked at.
const OPENED_AT_ONCE: usize = 256;

const TICK: Duration = Duration::from_millis(1);
