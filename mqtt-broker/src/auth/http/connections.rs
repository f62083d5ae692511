//! Connections to the server, which are kept for the next question.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::error::Failure;
use super::target::Target;
use crate::auth::turns::Turns;
use crate::config::HttpSettings;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("mqtt-broker/", env!("CARGO_PKG_VERSION")));
/// Bytes of the header of an answer.
const HEADER: usize = 16 << 10;

type Sender = SendRequest<Full<Bytes>>;

/// As many connections as the settings allow.
#[derive(Debug)]
pub(super) struct Connections {
    target: Target,
    answer_size: usize,
    /// How many may ask at once.
    places: Arc<Turns>,
    /// Open connections that nobody asks over.
    idle: Mutex<Vec<Sender>>,
}

impl Connections {
    pub(super) fn new(target: Target, settings: &HttpSettings) -> Self {
        let places = Turns::new(settings.connections.get().into());
        Self { target, answer_size: settings.answer_size, places, idle: Mutex::default() }
    }

    /// The answer to one question. Dropped on the way, it leaves no connection on which the answer is still to come.
    pub(super) async fn ask(
        &self,
        question: Bytes,
        peer: Option<IpAddr>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let _place = self.places.next(peer).await;
        let (sender, response) = match self.ask_again(&question).await {
            Some(answered) => answered,
            None => {
                let mut sender = self.connect().await?;
                let response = sender.send_request(self.request(question)).await?;
                (sender, response)
            }
        };
        let status = response.status();
        let body = Limited::new(response.into_body(), self.answer_size).collect().await;
        let body = body.map_err(|_| Failure::Size(self.answer_size))?.to_bytes();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        Ok((status, body))
    }

    /// Asks over a connection that is open already. None if there is none any more: servers close those that wait, and say so
    /// only when they are asked.
    async fn ask_again(&self, question: &Bytes) -> Option<(Sender, Response<Incoming>)> {
        loop {
            let mut sender = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if sender.ready().await.is_err() {
                continue;
            }
            if let Ok(response) = sender.send_request(self.request(question.clone())).await {
                return Some((sender, response));
            }
        }
    }

    fn request(&self, question: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(question));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.target.authority.clone());
        headers.insert(USER_AGENT, AGENT);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT, JSON);
        if let Some(bearer) = &self.target.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        request
    }

    async fn connect(&self) -> Result<Sender, Failure> {
        let Target { host, port, tls, .. } = &self.target;
        let socket = TcpStream::connect((host.as_str(), *port)).await.map_err(Failure::Connect)?;
        socket.set_nodelay(true).map_err(Failure::Connect)?;
        match tls {
            Some(tls) => {
                let connecting = tls.connector.connect(tls.name.clone(), socket);
                begin(connecting.await.map_err(Failure::Connect)?).await
            }
            None => begin(socket).await,
        }
    }
}

/// Speaks HTTP over a stream, until the sender is dropped or the server closes it.
async fn begin<S>(stream: S) -> Result<Sender, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEADER);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // who waits for an answer is told
        let _ = connection.await;
    });
    Ok(sender)
}
