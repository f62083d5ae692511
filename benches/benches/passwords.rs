//! Many clients with passwords that come at once: how long it takes until all are in, and what a hash costs.
//!
//! `cargo bench -p mqtt-benches --bench passwords -- [CLIENTS] [WORKERS]`; 10,000 and 1 unless they are given. It needs as
//! many open files as clients, and so does the broker, which is a process of its own.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use mqtt_broker::Broker;
use mqtt_broker::auth::password::Users;
use mqtt_broker::config::Config;

const PASSWORD: &[u8] = b"correct horse battery staple";
/// Hashes that are timed: enough for a mean, in a second.
const HASHES: u32 = 40;
/// Nobody waits longer for a CONNACK, or the broker is at fault.
const PATIENCE: Duration = Duration::from_secs(120);

/// The first argument of the process that is the broker.
const SERVE: &str = "serve";

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, file, workers] = &arguments[..]
        && first == SERVE
    {
        return serve(Path::new(file), number(workers)?);
    }
    // once for a test, in earnest for a measurement
    let most = if arguments.iter().any(|argument| argument == "--bench") { 10_000 } else { 20 };
    let mut numbers = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let clients = numbers.next().map_or(Ok(most), |text| number(text))?;
    let workers = numbers.next().map_or(Ok(1), |text| number(text))?;
    let file = env::temp_dir().join(format!("passwords-{}", process::id()));
    let text = users(clients)?;
    fs::write(&file, &text)?;
    let measured = measure(&file, clients, workers, cost(&text)?);
    fs::remove_file(&file)?;
    measured
}

fn number(text: &str) -> io::Result<u16> {
    text.parse().map_err(|_| io::Error::other(format!("{text} is no number of clients or workers")))
}

/// A password file. All have the same hash, since it would else take as long to make as to read; their names keep them
/// apart.
fn users(clients: u16) -> io::Result<String> {
    let one = Users::with_password("", "u", PASSWORD, [7; 16]).map_err(io::Error::other)?;
    let hash = one.trim_start_matches("u:");
    Ok((0..clients).fold(String::new(), |mut text, client| {
        // a String takes everything
        let _ = write!(text, "user-{client}:{hash}");
        text
    }))
}

/// The broker: it says where it listens, and ends with its standard input.
fn serve(file: &Path, workers: u16) -> io::Result<()> {
    let mut config = Config::default();
    config.auth.password_file = Some(file.to_owned());
    config.auth.workers = workers.try_into().map_err(io::Error::other)?;
    config.listeners.push("tcp://127.0.0.1:0".parse().map_err(io::Error::other)?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let broker = runtime.block_on(Broker::builder().config(config).start()).map_err(io::Error::other)?;
    println!("{}", broker.addresses().first().ok_or_else(|| io::Error::other("no address"))?);
    io::stdin().read_to_end(&mut Vec::new())?;
    runtime.block_on(broker.shutdown());
    Ok(())
}

/// Ends with its standard input.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // it ends in any case
        let _ = self.0.wait();
    }
}

fn measure(file: &Path, clients: u16, workers: u16, each: Duration) -> io::Result<()> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(SERVE).arg(file).arg(workers.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut broker = Serving(command.spawn()?);
    let output = broker.0.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().parse().map_err(io::Error::other)?;
    println!("argon2id, 19 MiB, 2 passes: {:.1} ms each on one core", each.as_secs_f64() * 1e3);
    let (taken, attempts) = all(address, clients)?;
    let least = each * u32::from(clients) / u32::from(workers);
    println!(
        "{clients} clients at first: {:.2} s, {attempts} attempts; hashing alone takes {:.2} s with {workers} workers",
        taken.as_secs_f64(),
        least.as_secs_f64()
    );
    let (taken, attempts) = all(address, clients)?;
    println!(
        "{clients} clients again, known by the cache: {:.2} s, {attempts} attempts",
        taken.as_secs_f64()
    );
    Ok(())
}

/// What one hash costs.
fn cost(text: &str) -> io::Result<Duration> {
    let users: Users = text.parse().map_err(io::Error::other)?;
    let start = Instant::now();
    for _ in 0..HASHES {
        if !users.verify("user-0", PASSWORD) {
            return Err(io::Error::other("a right password is found wrong"));
        }
    }
    Ok(start.elapsed() / HASHES)
}

/// Connects all clients at once, and those that are told to come again once more, until all are in.
fn all(address: SocketAddr, clients: u16) -> io::Result<(Duration, u64)> {
    let start = Instant::now();
    let (mut waiting, mut admitted, mut attempts) = ((0..clients).collect::<Vec<_>>(), Vec::new(), 0);
    while !waiting.is_empty() {
        let mut sent = Vec::new();
        for client in waiting.drain(..) {
            sent.push((client, send_connect(address, client)?));
            attempts += 1;
        }
        for (client, mut socket) in sent {
            match connack(&mut socket)? {
                0 => admitted.push(socket),
                3 => waiting.push(client),
                code => return Err(io::Error::other(format!("client {client} is refused with {code}"))),
            }
        }
    }
    Ok((start.elapsed(), attempts))
}

fn send_connect(address: SocketAddr, client: u16) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let user = format!("user-{client}");
    let mut body = b"\x00\x04MQTT\x04\xc2\x00\x00".to_vec();
    for field in [user.as_bytes(), user.as_bytes(), PASSWORD] {
        body.extend((field.len() as u16).to_be_bytes());
        body.extend(field);
    }
    socket.write_all(&[&[0x10, body.len() as u8], &body[..]].concat())?;
    Ok(socket)
}

fn connack(socket: &mut TcpStream) -> io::Result<u8> {
    let mut packet = [0; 4];
    socket.read_exact(&mut packet)?;
    match packet {
        [0x20, 2, 0, code] => Ok(code),
        _ => Err(io::Error::other("this is no CONNACK")),
    }
}
