//! What a client has borrowed or asked for already, against the most that one borrower gets (domain.md §4.2).
//! Never counts twice: of two applications, the later one is judged beside the earlier.

use chrono::{DateTime, Utc};
use nesie_domain::calendar::local_date;
use nesie_domain::money::Money;
use nesie_storage::applications;

use crate::World;
use crate::calls::{Call, Received};
use crate::failure::Failure;
use crate::subject::Subject;

/// Whether the application would bring the client above the limit, and what the books said where they were asked.
pub(crate) struct Borrowed {
    pub(crate) above_the_limit: bool,
    pub(crate) received: Vec<Received>,
}

/// Sums what the client asked for before and has not been denied. A loan counts by what is still owed of it, which the books
/// are asked for only where the amounts that were lent would be too much.
pub(crate) async fn with_what_is_borrowed(
    world: &World,
    subject: &Subject,
    step: &'static str,
    at: DateTime<Utc>,
) -> Result<Borrowed, Failure> {
    let before = applications::of_client_before(&world.pool, subject.id()).await?;
    let above = |tiyn: i64| {
        let in_all = Money::from_tiyn(subject.amount.tiyn().saturating_add(tiyn));
        in_all.to_decimal() > subject.policies.amount_maximum()
    };
    let lent: i64 = before.iter().map(|one| one.amount_tiyn).fold(0, i64::saturating_add);
    if !above(lent) {
        return Ok(Borrowed { above_the_limit: false, received: Vec::new() });
    }
    let (mut owed, mut received) = (0_i64, Vec::new());
    for one in before {
        let Some(loan) = one.loan_reference else {
            owed = owed.saturating_add(one.amount_tiyn);
            continue;
        };
        let call = Call::new(subject.id(), step, ("accounting", "balance"), &loan, at);
        let balance = call.make(world, world.providers.accounting.balance(&loan, local_date(at))).await?;
        owed = owed.saturating_add(balance.value.principal.tiyn());
        received.push(balance.received);
    }
    Ok(Borrowed { above_the_limit: above(owed), received })
}
