//! The book of applications: a file that says who applies for what, what befalls him, and how it must end.
//! It is read strictly: a field that is not known is an error, so a typing error never makes a story easier.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole book.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    pub(super) applications: Vec<Planned>,
}

/// One application, from who applies to how it must end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Planned {
    /// Names the story in the table and on the command line.
    pub(super) name: String,
    pub(super) person: Person,
    pub(super) client_kind: ClientKind,
    pub(super) purpose: Purpose,
    pub(super) amount: String,
    pub(super) annual_rate: String,
    pub(super) term: Term,
    pub(super) valid_for_seconds: Option<u64>,
    pub(super) repayment: Repayment,
    pub(super) disbursement: Disbursement,
    /// What the outside world knows of the person, where it differs from the defaults.
    #[serde(default)]
    pub(super) world: World,
    /// What goes wrong at the providers.
    #[serde(default)]
    pub(super) faults: Vec<PlannedFault>,
    #[serde(default)]
    pub(super) client: Behaviour,
    /// The step that must be parked, and what the operator decides.
    pub(super) operator: Option<OperatorPlan>,
    /// What compliance decides on a likely match, which must then come up.
    pub(super) compliance: Option<ComplianceDecision>,
    /// The outcome as the client's side sees it.
    pub(super) expected: Expected,
    /// The ground that compliance sees, where the client's side is told a neutral one.
    pub(super) compliance_sees: Option<String>,
}

/// Who applies. Every run gives him a new number.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Person {
    /// A made-up person.
    Book { surname: String, given_name: String, patronymic: Option<String>, birth_date: String, sex: Sex, seed: u32 },
    /// Somebody of the published list: with the same number, or only with the same name and birth date.
    AmlList { identified_by: IdentifiedBy, sex: Sex, seed: u32 },
}

/// What a listed person and the applicant have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IdentifiedBy {
    Iin,
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sex {
    Female,
    Male,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientKind {
    Individual,
    SoleProprietor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    Consumer,
    Business,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Term {
    Months(u16),
    Days(u16),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Repayment {
    Annuity,
    Differentiated,
    Bullet,
}

impl Repayment {
    /// As the API and the loan accounting name it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Annuity => "annuity",
            Self::Differentiated => "differentiated",
            Self::Bullet => "bullet",
        }
    }
}

/// How the money is paid out, and by which of the lender's payment providers.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disbursement {
    pub(super) method: Method,
    #[serde(default)]
    pub(super) profile: Profile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    Account,
    Card,
    Merchant,
}

impl Method {
    /// As the API and the payment provider name it.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Card => "card",
            Self::Merchant => "merchant",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Profile {
    #[default]
    Dedup,
    Plain,
    Lagging,
}

/// What providers know of the person (`docs/providers.md`, the admin endpoint).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct World {
    #[serde(skip_serializing_if = "Option::is_none")]
    voluntary_refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overdue_days_current: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overdue_days_max_12m: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_payments: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_monthly_income: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sole_proprietor: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ownership: Option<String>,
}

/// A fault of a provider that meets this application alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedFault {
    pub(super) provider: String,
    pub(super) operation: String,
    pub(super) matched_by: MatchedBy,
    /// As the sandbox's admin endpoint takes it; it refuses what it does not understand.
    pub(super) fault: Value,
    /// How many calls it meets; for ever if not given.
    pub(super) times: Option<u32>,
}

/// By what a call is known to belong to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MatchedBy {
    /// The person's number.
    Iin,
    /// The application's id within the idempotency key.
    Application,
}

/// What the client does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Behaviour {
    /// All that is expected of him.
    #[default]
    Finishes,
    /// Nothing after he has applied.
    DoesNothing,
    /// Withdraws where his signature is expected.
    WithdrawsBeforeSigning,
}

/// What the operator is to see and to decide.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperatorPlan {
    pub(super) step: String,
    pub(super) decision: OperatorDecision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OperatorDecision {
    Retry,
    FailAndCompensate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ComplianceDecision {
    FalsePositive,
    Confirmed,
}

/// An outcome as the API writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    pub(super) outcome: OutcomeName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ground: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeName {
    Granted,
    Refused,
    Withdrawn,
    Expired,
    Failed,
}

impl Book {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the book {}", path.display()))
    }

    /// Reads the text; names are unique, and amounts are amounts.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let book: Self = serde_json::from_str(text)?;
        let mut names = BTreeSet::new();
        for planned in &book.applications {
            let name = &planned.name;
            if !names.insert(name) {
                bail!("two applications are named `{name}`");
            }
            planned.tiyn().with_context(|| format!("the amount of `{name}`"))?;
            if matches!(planned.client, Behaviour::DoesNothing) && planned.valid_for_seconds.is_none() {
                bail!("`{name}` does nothing and has no valid_for_seconds: it would take days");
            }
        }
        Ok(book)
    }

    /// Only the story of this name, if one is asked for.
    pub(super) fn only(mut self, story: Option<&str>) -> Result<Self> {
        let Some(name) = story else { return Ok(self) };
        if !self.applications.iter().any(|planned| planned.name == name) {
            let known: Vec<&str> = self.applications.iter().map(|planned| planned.name.as_str()).collect();
            bail!("the book has no story `{name}`; it has: {}", known.join(", "));
        }
        self.applications.retain(|planned| planned.name == name);
        Ok(self)
    }
}

impl Planned {
    /// The amount in tiyn.
    pub(super) fn tiyn(&self) -> Result<i64> {
        tiyn(&self.amount)
    }
}

/// Reads an amount with two decimals, as the API writes it, without ever touching a float.
pub(super) fn tiyn(amount: &str) -> Result<i64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match amount.split_once('.') {
        Some((tenge, tiyn)) if digits(tenge) && digits(tiyn) && tiyn.len() == 2 => {
            format!("{tenge}{tiyn}").parse().context("the amount is too large")
        }
        _ => bail!("an amount is written with two decimals, such as 300000.00, not `{amount}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn committed() -> Book {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
        Book::read(&root.join(super::super::BOOK)).expect("the committed book is well-formed")
    }

    fn one() -> Value {
        json!({
            "name": "one", "client_kind": "individual", "purpose": "consumer",
            "person": {"from": "book", "surname": "Ким", "given_name": "Вера", "birth_date": "1990-01-31", "sex": "female", "seed": 1},
            "amount": "300000.00", "annual_rate": "36.0", "term": {"months": 12},
            "repayment": "annuity", "disbursement": {"method": "account"}, "expected": {"outcome": "granted"}
        })
    }

    fn parse(applications: &[Value]) -> Result<Book> {
        Book::parse(&json!({ "applications": applications }).to_string())
    }

    #[test]
    fn a_field_that_is_not_known_is_refused_wherever_it_stands() {
        assert!(parse(&[one()]).is_ok());
        for pointer in ["", "/person", "/term", "/disbursement", "/expected"] {
            let mut planned = one();
            planned.pointer_mut(pointer).expect("it is there")["surprise"] = json!(1);
            assert!(parse(&[planned]).is_err(), "{pointer}");
        }
        for (field, value) in [
            ("world", json!({"surprise": 1})),
            ("operator", json!({"step": "x", "decision": "retry", "surprise": 1})),
            ("faults", json!([{"provider": "p", "operation": "o", "matched_by": "iin", "fault": {}, "surprise": 1}])),
            ("client", json!("sleeps")),
        ] {
            let mut planned = one();
            planned[field] = value;
            assert!(parse(&[planned]).is_err(), "{field}");
        }
        assert!(Book::parse(r#"{"applications": [], "surprise": 1}"#).is_err());
    }

    #[test]
    fn names_are_unique_and_nobody_waits_for_days() {
        assert!(parse(&[one(), one()]).expect_err("refused").to_string().contains("two applications"));
        let mut idle = one();
        idle["client"] = json!("does_nothing");
        assert!(parse(&[idle.clone()]).is_err());
        idle["valid_for_seconds"] = json!(4);
        assert!(parse(&[idle]).is_ok());
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(tiyn("300000.00").expect("read"), 30_000_000);
        assert_eq!(tiyn("0.01").expect("read"), 1);
        for refused in ["300000", "300000.0", "3e5", "-1.00", ".00", "1.000", "99999999999999999999.00"] {
            assert!(tiyn(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn one_story_can_be_chosen_by_its_name() {
        let book = parse(&[one()]).expect("read");
        assert_eq!(book.clone().only(Some("one")).expect("there").applications.len(), 1);
        let refused = book.only(Some("two")).expect_err("not there").to_string();
        assert!(refused.contains("`two`") && refused.contains("one"), "{refused}");
    }

    #[test]
    fn the_committed_book_has_the_mix_that_is_promised() {
        let book = committed().applications;
        assert!(book.len() >= 24, "{}", book.len());
        let with = |outcome: OutcomeName| book.iter().filter(|planned| planned.expected.outcome == outcome).count();
        assert!(2 * with(OutcomeName::Granted) > book.len(), "most are granted");
        assert!(with(OutcomeName::Withdrawn) >= 1 && with(OutcomeName::Expired) >= 1);
        let granted = book.iter().filter(|planned| planned.expected.outcome == OutcomeName::Granted);
        let ways: BTreeSet<_> = granted.map(|planned| (planned.repayment, planned.disbursement.method)).collect();
        assert_eq!(ways.len(), 9, "each repayment by each way of paying out: {ways:?}");
        for ground in ["voluntary_refusal", "debt_burden", "ownership_not_confirmed", "not_granted"] {
            assert!(book.iter().any(|planned| planned.expected.ground.as_deref() == Some(ground)), "{ground}");
        }
        let retried = |planned: &Planned| {
            planned.operator.as_ref().is_some_and(|plan| plan.decision == OperatorDecision::Retry)
                && planned.expected.outcome == OutcomeName::Granted
        };
        assert!(book.iter().any(retried), "one parks and is retried");
        let paid_in_silence = |planned: &Planned| {
            planned.faults.iter().any(|fault| fault.operation == "transfer" && fault.fault["kind"] == "timeout_after")
        };
        assert!(book.iter().any(paid_in_silence), "one provider times out after paying");
    }
}
