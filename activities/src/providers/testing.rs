//! A scripted server on a local port, for the tests of the clients: it answers what it is told, however hostile.
//! It knows no provider; the sandbox does that.

use std::sync::{Arc, Mutex};

use clap::Parser as _;
use nesie_domain::iin::Iin;
use nesie_platform::http::{HttpSettings, client};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::exchange::JSON_BYTES_MAX;
use super::{ProviderError, ProviderErrorKind, ProviderSettings, Providers};

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(super) enum Script {
    /// Answers with these bytes.
    Raw(Vec<u8>),
    /// Answers the first time, and goes on with the next script afterwards.
    Then(Box<Script>, Box<Script>),
    /// Never answers, until the caller hangs up.
    Silence,
    /// Hangs up without an answer.
    HangUp,
}

impl Script {
    /// A JSON answer.
    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::body(status, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Any answer.
    pub(super) fn body(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut raw = format!("HTTP/1.1 {status} Scripted\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        raw.push_str("\r\n");
        Self::Raw([raw.as_bytes(), body].concat())
    }

    /// An answer of so many bytes that does not announce its length.
    fn endless(bytes: usize) -> Self {
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n\"";
        Self::Raw([head.as_slice(), &vec![b'x'; bytes]].concat())
    }

    /// This answer once, then that one.
    pub(super) fn then(self, next: Self) -> Self {
        Self::Then(Box::new(self), Box::new(next))
    }
}

/// A request as the server got it.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// The request line.
    pub(super) line: String,
    /// The header lines, in lower case.
    pub(super) headers: String,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Received {
    /// The body as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("our requests are JSON")
    }
}

/// The server's side of a test.
#[derive(Clone, Debug)]
pub(super) struct Server {
    state: Arc<Mutex<(Script, Vec<Received>)>>,
}

impl Server {
    /// Answers so from now on.
    pub(super) fn answer(&self, script: Script) {
        self.state.lock().expect("no test panics with the lock").0 = script;
    }

    /// What was asked so far.
    pub(super) fn requests(&self) -> Vec<Received> {
        self.state.lock().expect("no test panics with the lock").1.clone()
    }

    fn next(&self, received: Received) -> Script {
        let mut state = self.state.lock().expect("no test panics with the lock");
        state.1.push(received);
        match state.0.clone() {
            Script::Then(now, next) => {
                state.0 = *next;
                *now
            }
            script => script,
        }
    }
}

/// All clients, every one of them connected to one scripted server.
pub(super) async fn providers(script: Script) -> (Server, Providers) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("a bound port").port();
    let server = Server { state: Arc::new(Mutex::new((script, Vec::new()))) };
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, serving.clone()));
        }
    });
    (server, at_port(port))
}

/// All clients, connected to a port where nothing listens.
pub(super) async fn nowhere() -> Providers {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("a bound port").port();
    drop(listener);
    at_port(port)
}

fn at_port(port: u16) -> Providers {
    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        settings: ProviderSettings,
    }
    let names = [
        "aml",
        "bureau",
        "coid",
        "ncanode",
        "proprietors",
        "payments",
        "merchants",
        "accounting",
        "notifications",
        "regulator",
    ];
    let mut arguments = vec!["test".to_owned(), "--aml-timeout-milliseconds=2000".to_owned()];
    arguments.extend(names.map(|name| format!("--{name}-url=http://127.0.0.1:{port}")));
    let settings = Arguments::parse_from(arguments).settings;
    let http = client(HttpSettings { connect_timeout_milliseconds: 2_000, timeout_milliseconds: 2_000 });
    Providers::new(&http.expect("a client"), &settings)
}

async fn serve(mut socket: TcpStream, server: Server) {
    let Some(received) = read(&mut socket).await else { return };
    match server.next(received) {
        // The caller may have hung up on purpose, which is its test's business.
        Script::Raw(bytes) => drop(socket.write_all(&bytes).await),
        Script::Silence => while socket.read(&mut [0; 1024]).await.is_ok_and(|bytes| bytes > 0) {},
        Script::HangUp | Script::Then(..) => {}
    }
}

async fn read(socket: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes.drain(..end + 4).collect()).ok()?;
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            break (head, length.unwrap_or(0));
        }
    };
    while bytes.len() < length {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let (line, headers) = head.split_once("\r\n")?;
    Some(Received { line: line.to_owned(), headers: headers.to_lowercase(), body: bytes })
}

/// A made-up person.
pub(super) fn iin() -> Iin {
    Iin::parse("871008401427").expect("the control digit holds")
}

/// Every way in which a provider may fail to answer is an error of its own kind, and none is an answer.
pub(super) async fn assert_hostile_answers_are_errors(
    server: &Server,
    call: impl AsyncFn() -> Result<(), ProviderError>,
) {
    assert_hostile_bodies_are_errors(server, &call).await;
    let big = vec![b' '; JSON_BYTES_MAX + 1];
    for (script, kind) in [
        (Script::body(200, &[("content-type", "application/json")], &big), ProviderErrorKind::TooLarge),
        (Script::endless(JSON_BYTES_MAX + 1), ProviderErrorKind::TooLarge),
    ] {
        server.answer(script);
        assert_eq!(call().await.map_err(|error| error.kind), Err(kind));
    }
}

/// The same without the size of JSON answers.
pub(super) async fn assert_hostile_bodies_are_errors(
    server: &Server,
    call: &impl AsyncFn() -> Result<(), ProviderError>,
) {
    let ok = |body: &[u8]| Script::body(200, &[("content-type", "application/json")], body);
    let cut_short = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{\"".to_vec();
    for (script, kind) in [
        (Script::json(500, &serde_json::json!({"error": "x"})), ProviderErrorKind::Status(500)),
        (Script::json(503, &serde_json::json!({"error": "x"})), ProviderErrorKind::Status(503)),
        (Script::body(400, &[("content-type", "text/html")], b"<html>"), ProviderErrorKind::Status(400)),
        (Script::json(403, &serde_json::json!({"error": "x"})), ProviderErrorKind::Status(403)),
        (Script::body(302, &[("location", "http://127.0.0.1:9/")], b""), ProviderErrorKind::Status(302)),
        (Script::json(204, &serde_json::json!({})), ProviderErrorKind::Status(204)),
        (ok(b"{\"<this is cut off"), ProviderErrorKind::Unreadable),
        (ok(b""), ProviderErrorKind::Unreadable),
        (ok(b"{}"), ProviderErrorKind::Unreadable),
        (ok(b"<html>maintenance</html>"), ProviderErrorKind::Unreadable),
        (Script::Raw(cut_short), ProviderErrorKind::Unreachable),
        (Script::HangUp, ProviderErrorKind::Unreachable),
        (Script::Silence, ProviderErrorKind::TimedOut),
    ] {
        let told = format!("{script:?}");
        server.answer(script);
        let error = call().await.expect_err(&told);
        assert_eq!(error.kind, kind, "{told}");
        assert!(!error.to_string().contains(iin().as_str()), "an error names nobody");
    }
}
