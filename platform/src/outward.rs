//! Calls to addresses that somebody else named (webhooks): only https, only to the public internet, judged on the
//! addresses that a name resolves to, again at each connection. Never follows a redirect, never uses a proxy.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use nesie_domain::webhook::address::{Reach, reach};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const URL_LENGTH_MAX: usize = 2_048;
const RESOLVE_WITHIN: Duration = Duration::from_secs(3);

/// Whether addresses of this machine may be called, and without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// No: https to public addresses alone.
    Refused,
    /// http and loopback as well; for development and tests.
    Allowed,
}

impl Inside {
    /// From the development setting.
    #[must_use]
    pub fn allowed_if(setting: bool) -> Self {
        if setting {
            tracing::warn!("webhooks may go to this machine and without TLS: for development alone");
            Self::Allowed
        } else {
            Self::Refused
        }
    }

    fn permits(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Loopback => self == Self::Allowed,
            Reach::Internal => false,
        }
    }
}

/// Why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No absolute URL, or too long a one.
    #[error("not a URL")]
    Malformed,
    /// Not https.
    #[error("not https")]
    Scheme,
    /// A name and a password, or a fragment.
    #[error("a URL with credentials or a fragment")]
    Parts,
    /// It leads into an internal network.
    #[error("the address is internal")]
    Internal,
    /// Its name does not resolve.
    #[error("the name does not resolve")]
    Unresolved,
}

/// Reads a target and judges what can be judged without asking the network.
///
/// # Errors
/// [`TargetError`].
pub fn parse(text: &str, inside: Inside) -> Result<Url, TargetError> {
    if text.len() > URL_LENGTH_MAX {
        return Err(TargetError::Malformed);
    }
    let url = Url::parse(text).map_err(|_| TargetError::Malformed)?;
    match url.scheme() {
        "https" => {}
        "http" if inside == Inside::Allowed => {}
        _ => return Err(TargetError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(TargetError::Parts);
    }
    literal(&url, inside)?;
    Ok(url)
}

/// An address in a URL is connected to without being resolved, so it is judged here; so are names of this machine. The
/// URL's own parser has made one form of all ways to write an address.
fn literal(url: &Url, inside: Inside) -> Result<(), TargetError> {
    let host = url.host_str().ok_or(TargetError::Malformed)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if inside.permits(address) { Ok(()) } else { Err(TargetError::Internal) };
    }
    let name = host.trim_end_matches('.');
    if inside == Inside::Refused && (name == "localhost" || name.ends_with(".localhost") || !name.contains('.')) {
        return Err(TargetError::Internal);
    }
    Ok(())
}

/// How names are looked up.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The system's own resolver.
#[must_use]
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Judges the addresses that a target's name resolves to now.
///
/// # Errors
/// [`TargetError`].
pub async fn check(url: &Url, inside: Inside, lookup: &Lookup) -> Result<(), TargetError> {
    literal(url, inside)?;
    let host = url.host_str().ok_or(TargetError::Malformed)?;
    if host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    let found = tokio::time::timeout(RESOLVE_WITHIN, lookup(host.to_owned())).await;
    let found = found.map_err(|_| TargetError::Unresolved)?.map_err(|_| TargetError::Unresolved)?;
    judge(&found, inside)
}

/// One internal address among them refuses them all: which one is connected to is not ours to choose.
fn judge(found: &[IpAddr], inside: Inside) -> Result<(), TargetError> {
    if found.is_empty() {
        return Err(TargetError::Unresolved);
    }
    if found.iter().all(|address| inside.permits(*address)) { Ok(()) } else { Err(TargetError::Internal) }
}

/// What is read of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// What the answer says of another try, as it is written.
    pub retry_after: Option<String>,
}

/// A client for such targets: it connects to no address but one that was judged when it connected.
#[derive(Clone)]
pub struct OutwardClient {
    client: reqwest::Client,
    inside: Inside,
}

/// How a call ended that brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// The target is refused.
    Refused(TargetError),
    /// No connection.
    NotConnected,
    /// No answer in time.
    TimedOut,
    /// The connection broke, or what came is no HTTP.
    Broken,
}

impl OutwardClient {
    /// A client that gives up in time.
    ///
    /// # Errors
    /// When the TLS configuration of the machine can not be read.
    #[expect(clippy::disallowed_methods, reason = "the other factory: its targets are named by others")]
    pub fn try_new(timeout: Duration, inside: Inside, lookup: Lookup) -> Result<Self, reqwest::Error> {
        crate::http::install_tls_provider();
        let client = reqwest::Client::builder()
            .connect_timeout(timeout.min(Duration::from_secs(3)))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve the name itself, where nobody judges the address.
            .no_proxy()
            .https_only(inside == Inside::Refused)
            .dns_resolver(Arc::new(Judging { inside, lookup }))
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("nesie/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, inside })
    }

    /// Posts a body of JSON with some headers, and returns what is read of the answer; its body is not.
    ///
    /// # Errors
    /// [`CallFailure`] when there was no answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: String,
    ) -> Result<Answered, CallFailure> {
        let url = parse(url, self.inside).map_err(CallFailure::Refused)?;
        let mut request = self.client.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        match request.send().await {
            Ok(answer) => {
                let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
                Ok(Answered { status: answer.status().as_u16(), retry_after: retry_after.map(str::to_owned) })
            }
            Err(error) => Err(class(&error)),
        }
    }
}

impl fmt::Debug for OutwardClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OutwardClient({:?})", self.inside)
    }
}

fn class(error: &reqwest::Error) -> CallFailure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<TargetError>() {
            return CallFailure::Refused(*refused);
        }
        cause = found.source();
    }
    if error.is_timeout() {
        CallFailure::TimedOut
    } else if error.is_connect() {
        CallFailure::NotConnected
    } else {
        CallFailure::Broken
    }
}

/// The resolver of the client: it gives only addresses that were judged, so there is no moment between the judgement and
/// the connection in which a name could come to mean another.
struct Judging {
    inside: Inside,
    lookup: Lookup,
}

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.lookup)(name.as_str().to_owned());
        let inside = self.inside;
        Box::pin(async move {
            let found = found.await.map_err(|_| TargetError::Unresolved)?;
            judge(&found, inside)?;
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name service that knows one answer to everything.
    fn answering(addresses: &[&str]) -> Lookup {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        Arc::new(move |_| {
            let addresses = addresses.clone();
            Box::pin(async move { Ok(addresses) })
        })
    }

    #[test]
    fn a_target_is_https_on_the_public_internet() {
        for (text, expected) in [
            ("https://hooks.example.kz/nesie?x=1", Ok(())),
            ("https://1.1.1.1/", Ok(())),
            ("https://hooks.example.kz:8443/", Ok(())),
            ("http://hooks.example.kz/", Err(TargetError::Scheme)),
            ("ftp://hooks.example.kz/", Err(TargetError::Scheme)),
            ("file:///etc/passwd", Err(TargetError::Scheme)),
            ("hooks.example.kz", Err(TargetError::Malformed)),
            ("https://user:word@hooks.example.kz/", Err(TargetError::Parts)),
            ("https://hooks.example.kz/#part", Err(TargetError::Parts)),
            ("https://localhost/", Err(TargetError::Internal)),
            ("https://LOCALHOST./", Err(TargetError::Internal)),
            ("https://api.localhost/", Err(TargetError::Internal)),
            ("https://nesie-api:8080/", Err(TargetError::Internal)),
            ("https://127.0.0.1/", Err(TargetError::Internal)),
            ("https://0x7f.1/", Err(TargetError::Internal)),
            ("https://2130706433/", Err(TargetError::Internal)),
            ("https://10.1.2.3/", Err(TargetError::Internal)),
            ("https://169.254.169.254/latest", Err(TargetError::Internal)),
            ("https://100.64.0.1/", Err(TargetError::Internal)),
            ("https://[::1]/", Err(TargetError::Internal)),
            ("https://[::ffff:10.0.0.1]/", Err(TargetError::Internal)),
            ("https://[fd00::1]/", Err(TargetError::Internal)),
        ] {
            assert_eq!(parse(text, Inside::Refused).map(|_| ()), expected, "{text}");
        }
        assert!(parse(&format!("https://a.kz/{}", "x".repeat(URL_LENGTH_MAX)), Inside::Refused).is_err());
    }

    #[test]
    fn the_development_setting_opens_this_machine_and_no_other() {
        for (text, allowed) in [
            ("http://127.0.0.1:8090/webhooks", true),
            ("http://localhost:8090/", true),
            ("http://[::1]:8090/", true),
            ("http://10.0.0.1/", false),
            ("http://169.254.169.254/", false),
        ] {
            assert_eq!(parse(text, Inside::Allowed).is_ok(), allowed, "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_every_address_that_it_resolves_to() {
        let url = parse("https://hooks.example.kz/", Inside::Refused).expect("a target");
        for (addresses, expected) in [
            (&["1.1.1.1", "2606:4700::1111"][..], Ok(())),
            (&["1.1.1.1", "10.0.0.1"], Err(TargetError::Internal)),
            (&["::ffff:192.168.0.1"], Err(TargetError::Internal)),
            (&["127.0.0.1"], Err(TargetError::Internal)),
            (&[], Err(TargetError::Unresolved)),
        ] {
            assert_eq!(check(&url, Inside::Refused, &answering(addresses)).await, expected, "{addresses:?}");
        }
        let failing: Lookup = Arc::new(|_| Box::pin(async { Err(std::io::Error::other("no such name")) }));
        assert_eq!(check(&url, Inside::Refused, &failing).await, Err(TargetError::Unresolved));
    }

    #[tokio::test]
    async fn a_name_that_came_to_mean_an_internal_address_is_not_connected_to() {
        // A listener that would answer anybody: it must never be asked.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let timeout = Duration::from_secs(5);
        let client = OutwardClient::try_new(timeout, Inside::Refused, answering(&["127.0.0.1"])).expect("a client");
        let answer = client.post(&format!("https://hooks.example.kz:{port}/"), &[], "{}".to_owned()).await;
        assert_eq!(answer, Err(CallFailure::Refused(TargetError::Internal)));
        let connected = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(connected.is_err(), "nobody connected");
    }
}
