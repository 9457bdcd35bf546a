//! Settings that more than one process has. Environment only; an unknown or missing one stops the process by name.
//! Never a default for a secret.

use anyhow::Context as _;

use crate::protection::Protection;

/// The database as the application role sees it: no DDL.
#[derive(Clone, Debug, clap::Args)]
pub struct DatabaseSettings {
    /// URL of the application role.
    #[arg(long = "database-url", env = "NESIE_DATABASE_URL", hide_env_values = true)]
    pub url: String,
    /// Most connections of this process.
    #[arg(long = "database-connections", env = "NESIE_DATABASE_CONNECTIONS", default_value_t = 24)]
    pub connections: u32,
}

/// Temporal beyond its own environment variables.
#[derive(Clone, Debug, clap::Args)]
pub struct TaskQueueSettings {
    /// The task queue of the workflows.
    #[arg(long, env = "NESIE_TASK_QUEUE", default_value = "nesie")]
    pub task_queue: String,
}

/// Keys of the protection of personal data, 64 hexadecimal digits each. They come from the lender's own environment and are
/// stored nowhere.
#[derive(Clone, clap::Args)]
pub struct ProtectionSettings {
    /// Key that seals personal data.
    #[arg(long, env = "NESIE_DATA_KEY", hide_env_values = true)]
    pub data_key: String,
    /// Key of the search index.
    #[arg(long, env = "NESIE_INDEX_KEY", hide_env_values = true)]
    pub index_key: String,
}

impl std::fmt::Debug for ProtectionSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ProtectionSettings(****)")
    }
}

impl ProtectionSettings {
    /// The protection that these keys give.
    ///
    /// # Errors
    /// When a key is not 64 hexadecimal digits, or both are the same.
    pub fn protection(&self) -> anyhow::Result<Protection> {
        let data_key = parse_key(&self.data_key).context("NESIE_DATA_KEY must be 64 hexadecimal digits")?;
        let index_key = parse_key(&self.index_key).context("NESIE_INDEX_KEY must be 64 hexadecimal digits")?;
        anyhow::ensure!(data_key != index_key, "NESIE_DATA_KEY and NESIE_INDEX_KEY must differ");
        Ok(Protection::new(&data_key, &index_key))
    }
}

fn parse_key(hexadecimal: &str) -> Option<[u8; 32]> {
    if hexadecimal.len() != 64 || !hexadecimal.is_ascii() {
        return None;
    }
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hexadecimal[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_must_be_well_formed_and_differ() {
        let settings = |data: &str, index: &str| ProtectionSettings { data_key: data.into(), index_key: index.into() };
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        assert!(settings(&one, &two).protection().is_ok());
        assert!(settings(&one, &one).protection().is_err(), "one key for two purposes");
        assert!(settings(&one[1..], &two).protection().is_err(), "short");
        assert!(settings(&"zz".repeat(32), &two).protection().is_err(), "not hexadecimal");
        assert!(!format!("{:?}", settings(&one, &two)).contains("01"), "keys are not printed");
    }
}
