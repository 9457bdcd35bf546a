//! Where the development stack lives and what each process is told: folders, ports, URLs, secrets for development.
//! It reads the environment once and never starts or changes anything.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::service::{Name, PortUse};

/// Development-only secrets, the same on every machine; production sets its own (`docs/operations.md`).
pub(crate) const DEVELOPMENT_SECRETS: [(&str, &str); 3] = [
    ("NESIE_PAYMENTS_CALLBACK_SECRET", "development-only-callback-secret"),
    ("NESIE_DATA_KEY", "6e6573696520646576656c6f706d656e742d6f6e6c792064617461206b65792e"),
    ("NESIE_INDEX_KEY", "6e6573696520646576656c6f706d656e742d6f6e6c7920696e646578206b6579"),
];

/// Budgets of a step in development: a broken provider is noticed within seconds, not within minutes. Each can be set.
pub(crate) const DEVELOPMENT_BUDGETS: [(&str, &str); 4] = [
    ("NESIE_STEP_ATTEMPTS", "4"),
    ("NESIE_STEP_FIRST_PAUSE_MILLISECONDS", "300"),
    ("NESIE_STEP_LONGEST_PAUSE_MILLISECONDS", "2000"),
    ("NESIE_HTTP_TIMEOUT_MILLISECONDS", "2500"),
];

/// Webhooks may go to the sandbox's receivers on this machine, without TLS; production never says so.
pub(crate) const DEVELOPMENT_WEBHOOKS: (&str, &str) = ("NESIE_WEBHOOKS_ALLOW_INTERNAL", "true");

/// Providers of `docs/providers.md` as (name in the sandbox's paths, settings variable).
pub(crate) const PROVIDERS: [(&str, &str); 13] = [
    ("aml", "NESIE_AML_URL"),
    ("bureau", "NESIE_BUREAU_URL"),
    ("coid", "NESIE_COID_URL"),
    ("ncanode", "NESIE_NCANODE_URL"),
    ("proprietors", "NESIE_PROPRIETORS_URL"),
    ("payments", "NESIE_PAYMENTS_URL"),
    ("merchants", "NESIE_MERCHANTS_URL"),
    ("accounting", "NESIE_ACCOUNTING_URL"),
    ("notifications", "NESIE_NOTIFICATIONS_URL"),
    ("regulator", "NESIE_REGULATOR_URL"),
    ("mobile-operators", "NESIE_MOBILE_OPERATORS_URL"),
    ("egov-mobile", "NESIE_EGOV_MOBILE_URL"),
    ("oidc", "NESIE_OIDC_ISSUER"),
];

/// Database and role that own the schema; `migrate` creates the role of the API and the worker.
pub(crate) const OWNER_ROLE: &str = "nesie";
/// Role of the API and the worker: no DDL.
pub(crate) const APPLICATION_ROLE: &str = "nesie_app";
/// Database of the development stack.
pub(crate) const DATABASE: &str = "nesie";

/// One port of the stack: who listens on it, the variable that moves it, and its default.
pub(crate) struct PortSetting {
    /// Which process listens.
    pub(crate) service: Name,
    /// What for.
    pub(crate) purpose: PortUse,
    /// Variable that changes it.
    pub(crate) variable: &'static str,
    /// Port when the variable is not set.
    pub(crate) default: u16,
}

/// Every port of the stack, in the order in which the processes start.
pub(crate) const PORTS: [PortSetting; 6] = [
    PortSetting { service: Name::Postgres, purpose: PortUse::Main, variable: "NESIE_POSTGRES_PORT", default: 54329 },
    PortSetting { service: Name::Temporal, purpose: PortUse::Main, variable: "NESIE_TEMPORAL_PORT", default: 7233 },
    PortSetting { service: Name::Temporal, purpose: PortUse::Pages, variable: "NESIE_TEMPORAL_UI_PORT", default: 8233 },
    PortSetting { service: Name::Sandbox, purpose: PortUse::Main, variable: "NESIE_SANDBOX_PORT", default: 8090 },
    PortSetting { service: Name::Worker, purpose: PortUse::Main, variable: "NESIE_WORKER_PORT", default: 8081 },
    PortSetting { service: Name::Api, purpose: PortUse::Main, variable: "NESIE_API_PORT", default: 8080 },
];

/// A port as this run will use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    /// Which process listens.
    pub(crate) service: Name,
    /// What for.
    pub(crate) purpose: PortUse,
    /// Its number.
    pub(crate) number: u16,
}

/// Everything that is decided before anything starts.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Root of the workspace.
    pub(crate) root: PathBuf,
    /// State of the stack: data, logs, `stack.json`.
    pub(crate) dev: PathBuf,
    /// Where the wheels are unpacked.
    pub(crate) packages: PathBuf,
    /// Ports by service.
    pub(crate) ports: Vec<Port>,
    /// `DATABASE_URL`, if set: then no PostgreSQL of ours.
    pub(crate) given_database: Option<String>,
    /// `NESIE_DATABASE_URL`, if set: how API and worker connect, where the derived URL would not do.
    pub(crate) given_application_database: Option<String>,
    /// `TEMPORAL_ADDRESS`, if set: then no Temporal of ours.
    pub(crate) given_temporal: Option<String>,
}

impl Settings {
    /// Reads the environment of this process.
    pub(crate) fn from_environment() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies below the workspace's root")?;
        Self::from(root, |name| env::var_os(name))
    }

    fn from(root: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let text = |name: &str| -> Result<Option<String>> {
            let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
            match value.into_string() {
                Ok(value) => Ok(Some(value)),
                Err(_) => bail!("{name} is not valid UTF-8"),
            }
        };
        let folder = |name: &str, default: PathBuf| -> Result<PathBuf> {
            Ok(text(name)?.map_or(default, |value| root.join(value)))
        };
        let dev = folder("NESIE_DEV_DIR", root.join(".dev"))?;
        let packages = folder("NESIE_PACKAGES_DIR", dev.join("py"))?;
        let mut ports = Vec::new();
        for setting in &PORTS {
            let number = match text(setting.variable)? {
                None => setting.default,
                Some(value) => match value.parse() {
                    Ok(number) if number > 0 => number,
                    _ => bail!("{} must be a port number between 1 and 65535, but is `{value}`", setting.variable),
                },
            };
            ports.push(Port { service: setting.service, purpose: setting.purpose, number });
        }
        Ok(Self {
            root: root.to_owned(),
            dev,
            packages,
            ports,
            given_database: text("DATABASE_URL")?,
            given_application_database: text("NESIE_DATABASE_URL")?,
            given_temporal: text("TEMPORAL_ADDRESS")?,
        })
    }

    /// Whether a server outside the stack plays this part.
    pub(crate) fn is_given(&self, service: Name) -> bool {
        match service {
            Name::Postgres => self.given_database.is_some(),
            Name::Temporal => self.given_temporal.is_some(),
            Name::Sandbox | Name::Worker | Name::Api => false,
        }
    }

    /// The port of a service; every service has one for each purpose it is asked for.
    pub(crate) fn port(&self, service: Name, purpose: PortUse) -> u16 {
        self.ports.iter().find(|port| port.service == service && port.purpose == purpose).map_or(0, |port| port.number)
    }

    /// A running process keeps the port it was started with, whatever the environment says now.
    pub(crate) fn keep_ports(&mut self, running: &[Port]) {
        for kept in running {
            for port in &mut self.ports {
                if port.service == kept.service && port.purpose == kept.purpose {
                    port.number = kept.number;
                }
            }
        }
    }

    /// Database as its owner: for `migrate` and for tests that make databases of their own.
    pub(crate) fn owner_database_url(&self) -> String {
        self.given_database.clone().unwrap_or_else(|| {
            format!("postgres://{OWNER_ROLE}@127.0.0.1:{}/{DATABASE}", self.port(Name::Postgres, PortUse::Main))
        })
    }

    /// The same database as the role without DDL.
    pub(crate) fn application_database_url(&self) -> Result<String> {
        match &self.given_application_database {
            Some(url) => Ok(url.clone()),
            None => with_user(&self.owner_database_url(), APPLICATION_ROLE),
        }
    }

    /// Address of Temporal's frontend.
    pub(crate) fn temporal_address(&self) -> String {
        self.given_temporal
            .clone()
            .unwrap_or_else(|| format!("http://127.0.0.1:{}", self.port(Name::Temporal, PortUse::Main)))
    }

    /// Temporal's pages, if the server is ours.
    pub(crate) fn temporal_pages(&self) -> Option<String> {
        match self.given_temporal {
            Some(_) => None,
            None => Some(format!("http://127.0.0.1:{}", self.port(Name::Temporal, PortUse::Pages))),
        }
    }

    /// Root URL of a service of ours that speaks HTTP.
    pub(crate) fn http_url(&self, service: Name) -> String {
        format!("http://127.0.0.1:{}", self.port(service, PortUse::Main))
    }

    /// Issuer of development tokens.
    pub(crate) fn issuer(&self) -> String {
        format!("{}/oidc", self.http_url(Name::Sandbox))
    }

    /// What every process of ours is told; each reads the part it needs.
    pub(crate) fn environment(&self) -> Result<Vec<(String, String)>> {
        let sandbox = self.http_url(Name::Sandbox);
        let listen = |service| format!("127.0.0.1:{}", self.port(service, PortUse::Main));
        let mut variables = vec![
            ("NESIE_DATABASE_URL".to_owned(), self.application_database_url()?),
            ("TEMPORAL_ADDRESS".to_owned(), self.temporal_address()),
            ("TEMPORAL_NAMESPACE".to_owned(), env::var("TEMPORAL_NAMESPACE").unwrap_or_else(|_| "default".to_owned())),
            ("NESIE_TASK_QUEUE".to_owned(), "nesie".to_owned()),
            ("NESIE_LISTEN".to_owned(), listen(Name::Api)),
            ("NESIE_PUBLIC_URL".to_owned(), self.http_url(Name::Api)),
            ("NESIE_WORKER_LISTEN".to_owned(), listen(Name::Worker)),
            ("NESIE_SANDBOX_LISTEN".to_owned(), listen(Name::Sandbox)),
            // So that tokens outlive a restart of the sandbox.
            ("NESIE_SANDBOX_KEY_FILE".to_owned(), self.dev.join("issuer-key").to_string_lossy().into_owned()),
        ];
        variables.extend(
            DEVELOPMENT_BUDGETS
                .map(|(name, value)| (name.to_owned(), env::var(name).unwrap_or_else(|_| value.to_owned()))),
        );
        variables.extend(PROVIDERS.map(|(name, variable)| (variable.to_owned(), format!("{sandbox}/{name}"))));
        variables.extend(DEVELOPMENT_SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned())));
        variables.push((DEVELOPMENT_WEBHOOKS.0.to_owned(), DEVELOPMENT_WEBHOOKS.1.to_owned()));
        Ok(variables)
    }
}

/// The same server and database under another role, without the first one's password.
fn with_user(url: &str, role: &str) -> Result<String> {
    let (scheme, authority, rest) = split(url)?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Ok(format!("{scheme}://{role}@{host}{rest}"))
}

/// The same server and role, another database.
pub(crate) fn with_database(url: &str, database: &str) -> Result<String> {
    let (scheme, authority, rest) = split(url)?;
    let options = rest.find('?').map_or("", |at| &rest[at..]);
    Ok(format!("{scheme}://{authority}/{database}{options}"))
}

/// Scheme, authority, and everything from the path on. The message never shows the URL: it may hold a password.
fn split(url: &str) -> Result<(&str, &str, &str)> {
    let parts = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"));
    let Some((scheme, rest)) = parts else { bail!("DATABASE_URL must begin with postgres:// or postgresql://") };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Ok((scheme, &rest[..end], &rest[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings> {
        Settings::from(Path::new("/workspace"), |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn defaults_are_the_documented_ports_and_urls() {
        let settings = settings(&[]).expect("an empty environment is valid");
        assert_eq!(settings.owner_database_url(), "postgres://nesie@127.0.0.1:54329/nesie");
        let application = settings.application_database_url().expect("derived from a valid URL");
        assert_eq!(application, "postgres://nesie_app@127.0.0.1:54329/nesie");
        assert_eq!(settings.temporal_address(), "http://127.0.0.1:7233");
        assert_eq!(settings.temporal_pages().as_deref(), Some("http://127.0.0.1:8233"));
        assert_eq!(settings.issuer(), "http://127.0.0.1:8090/oidc");
        assert_eq!(settings.packages, Path::new("/workspace/.dev/py"));
    }

    #[test]
    fn given_servers_win_and_an_empty_variable_counts_as_unset() {
        let variables =
            [("DATABASE_URL", "postgres://o:s@db.example/loans?sslmode=require"), ("TEMPORAL_ADDRESS", "http://t:1")];
        let given = settings(&variables).expect("valid");
        assert!(given.is_given(Name::Postgres) && given.is_given(Name::Temporal) && !given.is_given(Name::Api));
        let application = given.application_database_url().expect("derived");
        assert_eq!(application, "postgres://nesie_app@db.example/loans?sslmode=require");
        assert_eq!(given.temporal_address(), "http://t:1");
        assert_eq!(given.temporal_pages(), None);
        let unset = settings(&[("DATABASE_URL", ""), ("TEMPORAL_ADDRESS", "")]).expect("valid");
        assert!(!unset.is_given(Name::Postgres) && !unset.is_given(Name::Temporal));
    }

    #[test]
    fn an_application_url_of_its_own_wins_over_the_derived_one() {
        let variables = [("DATABASE_URL", "postgres://o@h/d"), ("NESIE_DATABASE_URL", "postgres://app:p@h/d")];
        let given = settings(&variables).expect("valid");
        assert_eq!(given.application_database_url().expect("given"), "postgres://app:p@h/d");
    }

    #[test]
    fn urls_keep_host_port_and_options() {
        let url = "postgresql://owner:p%40ss@[::1]:5433/loans?sslmode=require";
        assert_eq!(with_user(url, "app").expect("valid"), "postgresql://app@[::1]:5433/loans?sslmode=require");
        let scratch = with_database(url, "scratch").expect("valid");
        assert_eq!(scratch, "postgresql://owner:p%40ss@[::1]:5433/scratch?sslmode=require");
        assert_eq!(with_database("postgres://h", "d").expect("valid"), "postgres://h/d");
        assert_eq!(with_database("postgres://h?a=b", "d").expect("valid"), "postgres://h/d?a=b");
    }

    #[test]
    fn an_unreadable_url_is_refused_without_showing_it() {
        let error = with_user("mysql://u:secret@h/d", "app").expect_err("another scheme").to_string();
        assert!(error.contains("postgres://") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_bad_port_names_its_variable() {
        for bad in ["0", "65536", "http"] {
            let error = settings(&[("NESIE_API_PORT", bad)]).expect_err("not a port").to_string();
            assert!(error.contains("NESIE_API_PORT") && error.contains(bad), "{error}");
        }
    }

    #[test]
    fn a_running_process_keeps_its_port() {
        let mut settings = settings(&[("NESIE_POSTGRES_PORT", "6000")]).expect("valid");
        settings.keep_ports(&[Port { service: Name::Postgres, purpose: PortUse::Main, number: 6001 }]);
        assert_eq!(settings.port(Name::Postgres, PortUse::Main), 6001);
        assert_eq!(settings.port(Name::Temporal, PortUse::Main), 7233);
    }

    #[test]
    fn every_provider_points_at_the_sandbox_and_keys_are_64_hex_digits() {
        let environment = settings(&[("NESIE_SANDBOX_PORT", "9999")]).expect("valid").environment().expect("valid");
        let value = |wanted: &str| {
            environment.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(value("NESIE_AML_URL"), "http://127.0.0.1:9999/aml");
        assert_eq!(value("NESIE_OIDC_ISSUER"), "http://127.0.0.1:9999/oidc");
        assert_eq!(value("NESIE_SANDBOX_LISTEN"), "127.0.0.1:9999");
        for key in ["NESIE_DATA_KEY", "NESIE_INDEX_KEY"] {
            let key = value(key);
            assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        }
    }
}
