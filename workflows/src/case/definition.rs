//! What every workflow of a case answers to, whatever its kind: for relays, the API and the sweep, which know only ids.
//! Never a handler: each kind has its own, under these names.

use chrono::{DateTime, Utc};
use nesie_domain::case::CaseKind;
use temporalio_common::{QueryDefinition, SignalDefinition, UpdateDefinition, WorkflowDefinition};

use super::{CaseAct, CaseInput, workflow_type};
use crate::contract::CaseAnswer;

/// The workflow of a case of some kind.
#[derive(Clone, Copy, Debug)]
pub struct AnyCase(pub CaseKind);

impl WorkflowDefinition for AnyCase {
    type Input = CaseInput;
    type Output = nesie_domain::case::CaseOutcome;

    fn name(&self) -> &str {
        workflow_type(self.0)
    }
}

impl temporalio_common::HasWorkflowDefinition for AnyCase {
    type Run = Self;
}

/// An act of a person on a case.
#[derive(Clone, Copy, Debug)]
pub struct ActOnCase;

impl UpdateDefinition for ActOnCase {
    type Workflow = AnyCase;
    type Input = CaseAct;
    type Output = CaseAnswer;

    fn name(&self) -> &str {
        "act"
    }
}

/// Something outside may have changed what the case waits for: it looks again.
#[derive(Clone, Copy, Debug)]
pub struct Stirred;

impl SignalDefinition for Stirred {
    type Workflow = AnyCase;
    type Input = ();

    fn name(&self) -> &str {
        "stirred"
    }
}

/// Until when the watch over the duties of the case sleeps; `None` where nothing will fall due.
#[derive(Clone, Copy, Debug)]
pub struct Watched;

impl QueryDefinition for Watched {
    type Workflow = AnyCase;
    type Input = ();
    type Output = Option<DateTime<Utc>>;

    fn name(&self) -> &str {
        "watched"
    }
}
