//! What every process of Nesie needs once: settings, telemetry, the connection to Temporal, the system clock, the one
//! HTTP client factory, and the protection of personal data.
//! Never a rule of the business.

pub mod clock;
pub mod http;
pub mod outward;
pub mod protection;
pub mod settings;
pub mod telemetry;
pub mod temporal;
pub mod webhook;

use std::sync::LazyLock;

/// The most characters that the name of a build may have.
const BUILD_LENGTH_MAX: usize = 64;

/// The build that runs, stored with every decision (design invariant 12): what `NESIE_BUILD` was when it was compiled, else
/// what it is for this process, else `development`.
#[must_use]
pub fn build() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let told = std::env::var("NESIE_BUILD").ok();
        build_name([option_env!("NESIE_BUILD"), told.as_deref()]).to_owned()
    });
    &NAME
}

/// The first that can be stored and logged as a word: 1 to 64 printable ASCII characters without spaces. Others are ignored:
/// a process does not stay down for its name.
fn build_name(told: [Option<&str>; 2]) -> &str {
    let is_word =
        |name: &&str| (1..=BUILD_LENGTH_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    told.into_iter().flatten().map(str::trim).find(is_word).unwrap_or("development")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_named_by_the_compiler_then_by_the_process() {
        assert_eq!(build_name([Some("v1.2.0"), Some("v1.3.0")]), "v1.2.0");
        assert_eq!(build_name([None, Some(" 821a135-dirty\n")]), "821a135-dirty");
        assert_eq!(build_name([None, None]), "development");
    }

    #[test]
    fn what_is_no_word_names_nothing() {
        let (longest, too_long) = ("b".repeat(64), "b".repeat(65));
        for ignored in ["", "  ", "two words", "tab\tinside", "сборка", "bell\u{7}", too_long.as_str()] {
            assert_eq!(build_name([None, Some(ignored)]), "development", "{ignored:?}");
            assert_eq!(build_name([Some(ignored), Some("v1")]), "v1", "{ignored:?}");
        }
        assert_eq!(build_name([None, Some(&longest)]), longest);
    }
}
