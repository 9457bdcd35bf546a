//! The listener with a certificate of its own: what it answers by, and to whom it does not.
//! No handshake below TLS 1.2 is tried: rustls has no older version to offer, neither as a server nor as a client.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use nesie_platform::protection::Protection;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion};
use sqlx::PgPool;

use super::*;
use crate::cli::CallbackSecret;

/// Longer than a handshake and an answer may take; then the test fails instead of standing still.
const PATIENCE: Duration = Duration::from_secs(20);
const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// A file beside this one. Certificate and key are no secret: they were made for these tests.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve").join(name)
}

/// The API with that certificate; its database is not there, and `/healthz` does not ask it. Returns where it listens.
fn serving() -> SocketAddr {
    nesie_platform::http::install_tls_provider();
    let app = App::new(AppSettings {
        pool: PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/none").expect("a URL"),
        protection: Protection::new(&[1; 32], &[2; 32]),
        http: nesie_platform::http::client(nesie_platform::http::HttpSettings::default()).expect("a client"),
        oidc_issuer: "http://issuer.test".to_owned(),
        oidc_jwks_url: "http://issuer.test/jwks.json".to_owned(),
        callback_secret: CallbackSecret::new("a-secret-of-the-tests".to_owned()),
        inside: nesie_platform::outward::Inside::Refused,
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let tls = (file("test-certificate.pem"), file("test-key.pem"));
    tokio::spawn(answer(crate::router(app), listener, Some(tls), Handle::new()));
    address
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// What a client that speaks this version alone is answered, and the version that was agreed on.
fn asked_by(version: &'static SupportedProtocolVersion, address: SocketAddr) -> (String, Option<ProtocolVersion>) {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(file("test-certificate.pem")).expect("a certificate");
    roots.add(certificate).expect("it is its own authority");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .expect("ring speaks it")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, connected(address));
    stream.write_all(REQUEST).expect("a handshake and a request");
    let mut answer = Vec::new();
    // How the connection ends is not what is asked.
    let _end = stream.read_to_end(&mut answer);
    (String::from_utf8_lossy(&answer).into_owned(), stream.conn.protocol_version())
}

#[tokio::test]
async fn the_api_answers_by_tls_1_2_and_by_tls_1_3() {
    let address = serving();
    for (version, agreed) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let asked = tokio::task::spawn_blocking(move || asked_by(version, address));
        let (answer, spoken) = asked.await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""status":"alive""#), "{agreed:?}: {answer}");
        assert_eq!(spoken, Some(agreed));
    }
}

#[tokio::test]
async fn a_plain_request_gets_no_answer_of_http() {
    let address = serving();
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = connected(address);
        stream.write_all(REQUEST).expect("a request");
        let mut answer = Vec::new();
        // What was not read of the request resets the connection.
        let _end = stream.read_to_end(&mut answer);
        answer
    });
    let answer = asked.await.expect("the connection ends");
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{answer:?}");
}

#[test]
fn a_certificate_without_its_key_does_not_start() {
    let (certificate, missing) = (file("test-certificate.pem"), file("no-such-key.pem"));
    let error = tls_config(&certificate, &missing).expect_err("there is no such key");
    assert!(format!("{error:#}").contains("NESIE_TLS_KEY"), "{error:#}");
    let error = tls_config(&missing, &file("test-key.pem")).expect_err("there is no such certificate");
    assert!(format!("{error:#}").contains("NESIE_TLS_CERTIFICATE"), "{error:#}");
}
