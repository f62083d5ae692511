//! A server that says what a test wants it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is done with a question.
pub(super) enum Reply {
    /// An answer with this status and body.
    Answer(&'static str, &'static str),
    /// These bytes, whatever they are.
    Raw(String),
    /// Nothing, while the client waits.
    Hang,
    /// The end of the connection.
    Close,
    /// An answer and then the end of the connection, of which the answer does not speak.
    AnswerAndClose(&'static str, &'static str),
}

/// A running server. Its threads end with the test program.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    questions: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Replies to the question of each number, counted from 0.
    pub(super) fn start(reply: fn(usize) -> Reply) -> Self {
        Self::start_over(None, reply)
    }

    pub(super) fn start_over(tls: Option<Arc<ServerConfig>>, reply: fn(usize) -> Reply) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (questions, connections) = (Arc::default(), Arc::default());
        let server =
            Self { address, questions: Arc::clone(&questions), connections: Arc::clone(&connections) };
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::Relaxed);
                let (questions, tls) = (Arc::clone(&questions), tls.clone());
                thread::spawn(move || match tls {
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).expect("a connection");
                        serve(StreamOwned::new(connection, socket), &questions, reply);
                    }
                    None => serve::<TcpStream>(socket, &questions, reply),
                });
            }
        });
        server
    }

    /// Heads and bodies of all questions.
    pub(super) fn questions(&self) -> Vec<String> {
        self.questions.lock().expect("no panic").clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn serve<S: Read + Write>(stream: S, questions: &Mutex<Vec<String>>, reply: fn(usize) -> Reply) {
    let mut stream = BufReader::new(stream);
    while let Some(question) = read(&mut stream) {
        let number = {
            let mut questions = questions.lock().expect("no panic");
            questions.push(question);
            questions.len() - 1
        };
        let (text, is_last) = match reply(number) {
            Reply::Answer(status, body) => (answer(status, body), false),
            Reply::AnswerAndClose(status, body) => (answer(status, body), true),
            Reply::Raw(text) => (text, true),
            Reply::Close => return,
            Reply::Hang => {
                let _ = stream.read(&mut [0]);
                return;
            }
        };
        let sent = stream.get_mut().write_all(text.as_bytes()).and_then(|()| stream.get_mut().flush());
        if sent.is_err() || is_last {
            return;
        }
    }
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A request; None at the end of the connection.
fn read(stream: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8(body).ok()?)
}
