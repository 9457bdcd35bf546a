//! Affected clients informed by notice: an act, evidence and a met duty each (R-132, A22).
//! Never words the notice, and never counts one as sent that the provider did not accept.

use futures::StreamExt as _;
use nesie_domain::duty::DutyKind;
use nesie_domain::phone::Phone;
use nesie_storage::bodies::cases::AffectedClient;
use nesie_storage::facts::Actor;
use nesie_storage::incidents::{self, CaseClient, client_place};
use nesie_storage::pool;
use nesie_workflows::contract::{CaseStep, Informed};
use serde_json::json;

use crate::World;
use crate::calls::Call;
use crate::duties;
use crate::failure::{Failure, FailureClass};
use crate::subject::open;
use crate::tried;
use crate::withdrawal;

/// Notices that one try sends at most: well within the time that a try has.
const BATCH: i64 = 100;
/// Notices under way at once.
const AT_ONCE: usize = 8;
/// What the provider words the notice by.
const TEMPLATE: &str = "fraud_incident";

/// Sends notices to the clients whose duty is open, those first for whom it was tried least often. One that fails does not hold the
/// others up, nor those of the next try: what only a person can mend fails the step once nobody at all could be informed. What
/// another try may mend fails it at once, so that the provider is left alone for a while.
pub(crate) async fn inform_clients(world: &World, input: CaseStep) -> Result<Informed, Failure> {
    let input = CaseStep { at: tried::at(input.at), ..input };
    if withdrawal::is_withdrawn(world, input.case_id).await? {
        return Ok(Informed { informed: 0, left: 0 });
    }
    let (clients, all) = incidents::to_inform(&world.pool, input.case_id, BATCH).await?;
    // Collected first: a closure inside the stream would tie it to lifetimes that an activity's future can not name.
    let notices: Vec<_> = clients.iter().map(|client| inform(world, input, client)).collect();
    let mut sending = futures::stream::iter(notices).buffer_unordered(AT_ONCE);
    let (mut informed, mut sent) = (0_u32, Vec::new());
    while let Some(result) = sending.next().await {
        informed += u32::from(result.is_ok());
        sent.push(result);
    }
    Failure::of_all(sent)
        .or_else(|failure| if informed == 0 || failure.class == FailureClass::Retry { Err(failure) } else { Ok(()) })?;
    let left = u32::try_from(all).unwrap_or(u32::MAX).saturating_sub(informed);
    Ok(Informed { informed, left })
}

async fn inform(world: &World, input: CaseStep, client: &CaseClient) -> Result<(), Failure> {
    let person: AffectedClient = open(world, &client_place(client.person.id), &client.person.person_sealed)?;
    let phone: &Phone = &person.phone;
    let call = Call::new(input.case_id, "inform_clients", ("notifications", "message"), client.person.id, input.at);
    let key = call.key.clone();
    let exchange = world.providers.notifications.send(&key, TEMPLATE, phone, input.case_id.into());
    let answered = call.make(world, exchange).await?;
    let mut transaction = pool::begin(&world.pool).await?;
    let evidence_id = answered.received.keep(world, &mut transaction).await?;
    let evidence = json!({
        "message_id": answered.value.message_id,
        "accepted_at": answered.value.accepted_at,
        "evidence_id": evidence_id,
    });
    let subject = client.person.id.to_string();
    let kind = DutyKind::InformClient;
    duties::meet(world, &mut transaction, input.case_id, kind, &subject, Actor::System, &evidence, input.at).await?;
    Ok(pool::commit(transaction).await?)
}
