//! The credit bureaus that a case tells of something: a duty each, whose subject is the bureau's name, so that one that
//! fails holds up no other (para 13 ¶2, ¶4; ). Never what a bureau is told: that is the step's.

use nesie_domain::duty::DutyKind;
use nesie_domain::ids::CaseId;
use nesie_storage::duties::{self as rows, DutyState};

use crate::World;
use crate::failure::Failure;
use crate::providers::Bureau;
use crate::providers::bureau::FIRST;

/// A bureau that a case has a duty towards.
pub(crate) struct Owed<'a> {
    pub(crate) bureau: &'a Bureau,
    /// The duty's subject; empty in a case from before there were several.
    pub(crate) subject: String,
}

/// The names under which duties of a new case are opened: every bureau that is configured now.
pub(crate) fn names(world: &World) -> Vec<&'static str> {
    world.providers.bureaus().map(Bureau::name).collect()
}

/// The bureaus towards which a duty of the case is in one of these states. One that is configured no longer parks the
/// step: nobody may forget it.
pub(crate) async fn owed<'a>(
    world: &'a World,
    case_id: CaseId,
    kind: DutyKind,
    states: &[DutyState],
) -> Result<Vec<Owed<'a>>, Failure> {
    let duties = rows::of_case(&world.pool, case_id).await?;
    let of_kind = duties.into_iter().filter(|duty| duty.kind == kind && states.contains(&duty.state));
    of_kind
        .map(|duty| {
            let name = if duty.subject.is_empty() { FIRST } else { &duty.subject };
            let bureau = world.providers.bureaus().find(|bureau| bureau.name() == name);
            let bureau = bureau.ok_or_else(|| Failure::park("bureau.not_configured"))?;
            Ok(Owed { bureau, subject: duty.subject })
        })
        .collect()
}
