//! The payouts and what each profile promises about them.
//! Money moves here and nowhere else, and every movement is one entry of the ledger.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::request::TransferRequest;
use crate::{ambient, faults::Circumstances, ledger::Ledgers, operation::Operation, state::locked};

const DONE: u8 = 2;
const PROCESSING: u8 = 1;
const REJECTED: u8 = 0;

/// What the provider promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Profile {
    /// One payment per order id.
    Dedup,
    /// Nothing: every call pays.
    Plain,
    /// One payment per order id, but for a while the status does not know it.
    Lagging,
}

impl Profile {
    /// The profile of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Dedup, Self::Plain, Self::Lagging].into_iter().find(|profile| profile.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Dedup => "dedup",
            Self::Plain => "plain",
            Self::Lagging => "lagging",
        }
    }
}

/// One payout as the provider knows it.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    profile: Profile,
    request: TransferRequest,
    provider_id: String,
    status: u8,
    accepted_at: Instant,
    hidden_until: Option<Instant>,
}

impl Transfer {
    /// Our reference.
    pub(super) fn order_id(&self) -> &str {
        &self.request.order_id
    }

    /// The provider's reference.
    pub(super) fn provider_id(&self) -> &str {
        &self.provider_id
    }

    /// 2 done, 1 processing, 0 rejected.
    pub(super) fn status(&self) -> u8 {
        self.status
    }

    /// Whether the status will not change any more.
    pub(super) fn is_final(&self) -> bool {
        self.status != PROCESSING
    }

    /// The transfer as the provider answers it.
    pub(super) fn written(&self) -> Value {
        let err = (self.status == REJECTED).then_some("rejected by the receiving bank");
        json!({
            "order_id": self.request.order_id, "provider_id": self.provider_id, "status": self.status, "err": err,
        })
    }
}

/// What became of a request to pay.
pub(super) enum Accepted {
    /// A new payout.
    Anew(Transfer),
    /// The payout that this order id has had already.
    Before(Transfer),
    /// The order id belongs to another payout: nothing was done.
    Differs,
}

/// Every payout, by profile and order id, oldest first.
#[derive(Default)]
pub(crate) struct Transfers {
    inner: Mutex<HashMap<(Profile, String), Vec<Transfer>>>,
}

impl Transfers {
    /// Takes a request in and moves the money, unless it is told to wait or to reject.
    ///
    /// Question, record and ledger happen under one lock: of two concurrent requests, one pays.
    pub(super) fn accept(
        &self,
        profile: Profile,
        request: &TransferRequest,
        circumstances: &Circumstances,
        lag: Duration,
        ledgers: &Ledgers,
    ) -> Accepted {
        let mut transfers = locked(&self.inner);
        let known = transfers.entry((profile, request.order_id.clone())).or_default();
        if profile != Profile::Plain
            && let Some(first) = known.first()
        {
            return if first.request.pays_the_same(request) {
                Accepted::Before(first.clone())
            } else {
                Accepted::Differs
            };
        }
        let status = match (circumstances.reject, circumstances.processing) {
            (true, _) => REJECTED,
            (false, Some(_)) => PROCESSING,
            (false, None) => DONE,
        };
        let accepted_at = Instant::now();
        let lag = circumstances.lag.or((profile == Profile::Lagging).then_some(lag));
        let transfer = Transfer {
            profile,
            request: request.clone(),
            provider_id: ambient::new_id("payment"),
            status,
            accepted_at,
            hidden_until: lag.and_then(|lag| accepted_at.checked_add(lag)),
        };
        known.push(transfer.clone());
        enter_if_done(&transfer, ledgers);
        Accepted::Anew(transfer)
    }

    /// Finishes a payout that was processing; none if a reset has taken it away.
    pub(super) fn settle(&self, transfer: &Transfer, ledgers: &Ledgers) -> Option<Transfer> {
        let mut transfers = locked(&self.inner);
        let known = transfers.get_mut(&(transfer.profile, transfer.request.order_id.clone()))?;
        let open = known.iter_mut().find(|known| known.provider_id == transfer.provider_id)?;
        open.status = DONE;
        enter_if_done(open, ledgers);
        Some(open.clone())
    }

    /// The newest payout under an order id, unless it is hidden still.
    pub(super) fn visible(&self, profile: Profile, order_id: &str, lag: Option<Duration>) -> Option<Transfer> {
        let transfers = locked(&self.inner);
        let newest = transfers.get(&(profile, order_id.to_owned()))?.last()?;
        let now = Instant::now();
        let hidden = newest.hidden_until.is_some_and(|until| now < until)
            || lag.is_some_and(|lag| now.duration_since(newest.accepted_at) < lag);
        (!hidden).then(|| newest.clone())
    }

    /// Whom the newest payout under an order id is for.
    pub(super) fn holder_iin(&self, profile: Profile, order_id: &str) -> Option<String> {
        let transfers = locked(&self.inner);
        transfers.get(&(profile, order_id.to_owned()))?.last()?.request.holder_iin.clone()
    }

    /// Forgets every payout.
    pub(crate) fn clear(&self) {
        locked(&self.inner).clear();
    }
}

/// Enters the movement of money, if there was one.
fn enter_if_done(transfer: &Transfer, ledgers: &Ledgers) {
    if transfer.status != DONE {
        return;
    }
    let entry = json!({
        "profile": transfer.profile.name(),
        "order_id": transfer.request.order_id,
        "provider_id": transfer.provider_id,
        "method": transfer.request.method,
        "amount": transfer.request.amount,
        "destination": transfer.request.destination(),
        "iin": transfer.request.holder_iin,
        "status": transfer.status,
    });
    ledgers.enter(Operation::PaymentsTransfer, entry);
}
