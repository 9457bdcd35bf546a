//! What the developer sees: lines on standard output and the wish to stop (Ctrl-C, SIGTERM).
//! It never decides anything, and a closed pipe never ends the programme.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Prints one line; a reader that has gone away is no reason to leave servers half started.
pub(crate) fn say(line: impl Display) {
    let _gone = writeln!(std::io::stdout(), "{line}");
}

/// Prints one line beside the result, on standard error, so that `token` can be used in `$(…)`.
pub(crate) fn note(line: impl Display) {
    let _gone = writeln!(std::io::stderr(), "{line}");
}

/// Set once the developer, or whoever runs us, has asked us to end.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP; a second one ends us at once, as without a handler.
    pub(crate) fn catch() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // Order matters: the conditional default looks at the flag before the second line sets it.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))
                .with_context(|| format!("catching signal {signal}"))?;
            signal_hook::flag::register(signal, Arc::clone(&flag))
                .with_context(|| format!("catching signal {signal}"))?;
        }
        Ok(Self(flag))
    }

    /// Whether we were asked to end.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Fails if we were asked to end, so that `?` unwinds to whoever stops what was started.
    pub(crate) fn check(&self) -> Result<()> {
        if self.asked() {
            bail!("interrupted");
        }
        Ok(())
    }
}
