//! Where each provider is: one base URL each, by the variables of `docs/providers.md`.
//! Never a default: production and sandbox differ in nothing but these, so a missing one must stop the process.

use std::time::Duration;

use nesie_platform::http::TIMEOUT_MILLISECONDS_MAX;
use nesie_workflows::TRY_SECONDS_MAX;
use reqwest::Url;

const BUREAU_NAME_LENGTH_MAX: usize = 40;
/// The longest that one of the AML lists may be waited for.
const AML_TIMEOUT_MILLISECONDS_MAX: u64 = 18_000;

// A call is given up before the try of the step that makes it; so are both lists, one after the other.
const _: () = assert!(TIMEOUT_MILLISECONDS_MAX < TRY_SECONDS_MAX * 1_000);
const _: () = assert!(2 * AML_TIMEOUT_MILLISECONDS_MAX < TRY_SECONDS_MAX * 1_000);

/// The base URLs of all providers.
#[derive(Clone, Debug, clap::Args)]
pub struct ProviderSettings {
    /// Publisher of the AML/CFT lists.
    #[arg(long, env = "NESIE_AML_URL", value_parser = base_url)]
    pub aml_url: Url,
    /// Credit bureau.
    #[arg(long, env = "NESIE_BUREAU_URL", value_parser = base_url)]
    pub bureau_url: Url,
    /// Further credit bureaus, as `name=URL` with commas between.
    #[arg(long, env = "NESIE_FURTHER_BUREAUS", default_value = "", value_parser = further_bureaus)]
    pub further_bureaus: FurtherBureaus,
    /// ЦОИД.
    #[arg(long, env = "NESIE_COID_URL", value_parser = base_url)]
    pub coid_url: Url,
    /// NCANode v3.
    #[arg(long, env = "NESIE_NCANODE_URL", value_parser = base_url)]
    pub ncanode_url: Url,
    /// Register of sole proprietors.
    #[arg(long, env = "NESIE_PROPRIETORS_URL", value_parser = base_url)]
    pub proprietors_url: Url,
    /// Payment provider; the profile is the next path segment.
    #[arg(long, env = "NESIE_PAYMENTS_URL", value_parser = base_url)]
    pub payments_url: Url,
    /// Registry of merchants under contract.
    #[arg(long, env = "NESIE_MERCHANTS_URL", value_parser = base_url)]
    pub merchants_url: Url,
    /// Loan accounting.
    #[arg(long, env = "NESIE_ACCOUNTING_URL", value_parser = base_url)]
    pub accounting_url: Url,
    /// Notices to clients.
    #[arg(long, env = "NESIE_NOTIFICATIONS_URL", value_parser = base_url)]
    pub notifications_url: Url,
    /// The regulator's channel.
    #[arg(long, env = "NESIE_REGULATOR_URL", value_parser = base_url)]
    pub regulator_url: Url,
    /// Base of the mobile operators.
    #[arg(long, env = "NESIE_MOBILE_OPERATORS_URL", value_parser = base_url)]
    pub mobile_operators_url: Url,
    /// Base of eGov mobile.
    #[arg(long, env = "NESIE_EGOV_MOBILE_URL", value_parser = base_url)]
    pub egov_mobile_url: Url,
    /// Longest wait for a whole AML list, in milliseconds: megabytes take longer than other answers. Both lists
    /// together must stay below the time that a step may take in one try.
    #[arg(long, env = "NESIE_AML_TIMEOUT_MILLISECONDS", default_value_t = 15_000,
        value_parser = clap::value_parser!(u64).range(1..=AML_TIMEOUT_MILLISECONDS_MAX))]
    pub aml_timeout_milliseconds: u64,
}

/// Credit bureaus beside the first one, each with a name of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FurtherBureaus(Vec<(&'static str, Url)>);

impl ProviderSettings {
    pub(super) fn further_bureaus(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        self.further_bureaus.0.iter().map(|(name, url)| (*name, url))
    }

    pub(super) fn list_timeout(&self) -> Duration {
        Duration::from_millis(self.aml_timeout_milliseconds)
    }
}

/// Reads a base URL: `http` or `https`, without credentials (they would reach logs), query or fragment (they would be
/// kept on every request).
fn base_url(text: &str) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| "not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the URL must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL must hold no credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the URL must have neither query nor fragment");
    }
    Ok(url)
}

/// Reads the list of further bureaus. A name ends in `-bureau`, so that it can be taken for no other provider's; it is
/// never changed afterwards, since the duties of open cases carry it.
fn further_bureaus(text: &str) -> Result<FurtherBureaus, &'static str> {
    let mut bureaus: Vec<(&'static str, Url)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, url) = part.split_once('=').ok_or("each bureau is name=URL")?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.len() > BUREAU_NAME_LENGTH_MAX || !name.ends_with("-bureau") || !name.bytes().all(plain) {
            return Err("a bureau's name is lower-case letters, digits and hyphens, and ends in -bureau");
        }
        if bureaus.iter().any(|(known, _)| *known == name) {
            return Err("two bureaus have one name");
        }
        // Once a process: the names of providers live as long as it does.
        bureaus.push((name.to_owned().leak(), base_url(url)?));
    }
    Ok(FurtherBureaus(bureaus))
}

#[cfg(test)]
mod tests {
    use super::{base_url, further_bureaus};

    #[test]
    fn further_bureaus_have_names_of_their_own() {
        let names =
            |text| further_bureaus(text).map(|read| read.0.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
        assert_eq!(names(""), Ok(Vec::new()), "one bureau is enough");
        let two = "state-bureau=https://a.example/v1, second-bureau=http://127.0.0.1:8090/second-bureau";
        assert_eq!(names(two), Ok(vec!["state-bureau", "second-bureau"]));
        for bad in [
            "state-bureau",
            "bureau=https://a.example",
            "payments=https://a.example",
            "State-bureau=https://a.example",
            "state-bureau=ftp://a.example",
            "state-bureau=https://a.example,state-bureau=https://b.example",
        ] {
            assert!(further_bureaus(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_plain_base_urls_are_taken() {
        assert!(base_url("http://127.0.0.1:8090/aml").is_ok());
        assert!(base_url("https://provider.example").is_ok());
        for bad in [
            "provider",
            "ftp://a.example/",
            "https://user:secret@a.example/",
            "https://a.example/?x=1",
            "http://a.example/#x",
        ] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
