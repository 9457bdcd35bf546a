//! The reconciliation: what our API says happened against what the providers' own ledgers say.
//! It compares given data and touches nothing; a difference is never explained away.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a ledger's entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Money moved.
    Payout,
    /// A loan was opened in the loan accounting.
    Loan,
    /// A contract was reported to the credit bureau.
    Contract,
    /// A notice was sent to the client.
    Notice,
}

impl Kind {
    /// Every kind, in the order of the report.
    pub(super) const ALL: [Self; 4] = [Self::Payout, Self::Loan, Self::Contract, Self::Notice];
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Payout => "payout",
            Self::Loan => "loan",
            Self::Contract => "bureau contract",
            Self::Notice => "notice",
        })
    }
}

/// One entry of a ledger of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Our reference, the application's id, or the person's number: whatever this ledger knows.
    pub(super) owner: String,
    /// What is compared, by name.
    pub(super) facts: BTreeMap<&'static str, String>,
}

/// What our API says of one application of this run.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// The story's name.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) iin: String,
    /// Whether it has any outcome.
    pub(super) closed: bool,
    pub(super) granted: bool,
    pub(super) reference: Option<String>,
    /// In tiyn.
    pub(super) amount: i64,
    /// `account`, `card` or `merchant`.
    pub(super) method: Option<String>,
    /// Where the client said that the money is to go.
    pub(super) destination: Option<String>,
    /// The method of repayment.
    pub(super) repayment: Option<String>,
}

impl Claim {
    /// By what this kind of ledger knows the application.
    fn owner(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Payout => self.reference.as_deref(),
            Kind::Loan | Kind::Notice => Some(&self.id),
            Kind::Contract => Some(&self.iin),
        }
    }

    /// Whether there must be an entry: a notice tells every end, everything else is for what was granted.
    fn is_due(&self, kind: Kind) -> bool {
        match kind {
            Kind::Payout | Kind::Loan | Kind::Contract => self.granted,
            Kind::Notice => self.closed,
        }
    }

    /// What the entry must say.
    fn facts(&self, kind: Kind) -> Vec<(&'static str, String)> {
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        let amount = ("amount", self.amount.to_string());
        match kind {
            Kind::Payout => {
                let mut facts = vec![amount, ("method", said(&self.method)), ("destination", said(&self.destination))];
                // A merchant is paid for the client, and is no account of his.
                if self.method.as_deref() != Some("merchant") {
                    facts.push(("holder", self.iin.clone()));
                }
                facts
            }
            Kind::Loan => vec![amount, ("repayment", said(&self.repayment))],
            Kind::Contract => vec![amount],
            Kind::Notice => Vec::new(),
        }
    }
}

/// Something in which the ledgers and our API differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// Granted, and the API names no payment.
    NoReference { application: String },
    /// Two applications claim one payment.
    SharedReference { applications: [String; 2] },
    /// The ledger knows nothing of what the API says was done.
    Missing { application: String, kind: Kind },
    /// Done more than once.
    Repeated { application: String, kind: Kind, times: usize },
    /// Done for an application for which it must not be.
    NotDue { application: String, kind: Kind, times: usize },
    /// Done, but otherwise than the API says.
    Otherwise { application: String, kind: Kind, fact: &'static str, claimed: String, entered: String },
    /// Done for no application of this run.
    Unclaimed { kind: Kind, owner: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoReference { application } => write!(formatter, "{application}: granted, but no payment is named"),
            Self::SharedReference { applications: [one, other] } => {
                write!(formatter, "{one} and {other}: both claim one payment")
            }
            Self::Missing { application, kind } => write!(formatter, "{application}: no {kind} in the ledger"),
            Self::Repeated { application, kind, times } => {
                write!(formatter, "{application}: {times} entries instead of one {kind}")
            }
            Self::NotDue { application, kind, times } => {
                write!(formatter, "{application}: not granted, and yet {kind} in the ledger ({times})")
            }
            // The holder's number stays out of the output.
            Self::Otherwise { application, kind, fact: "holder", .. } => {
                write!(formatter, "{application}: the {kind} went to another person")
            }
            Self::Otherwise { application, kind, fact, claimed, entered } => {
                write!(
                    formatter,
                    "{application}: {fact} of the {kind} is {entered} in the ledger, {claimed} in our API"
                )
            }
            Self::Unclaimed { kind: Kind::Contract, .. } => {
                write!(formatter, "a bureau contract of a person who is not of this run")
            }
            Self::Unclaimed { kind, owner } => {
                write!(formatter, "{kind} {owner}: no application of this run claims it")
            }
        }
    }
}

/// Every difference between what the API says and what the ledgers say.
pub(super) fn differences(claims: &[Claim], entries: &[Entry]) -> Vec<Difference> {
    let mut found = references(claims);
    for kind in Kind::ALL {
        let of_kind: Vec<&Entry> = entries.iter().filter(|entry| entry.kind == kind).collect();
        for claim in claims {
            compare(claim, kind, &of_kind, &mut found);
        }
        let owners: BTreeSet<&str> = claims.iter().filter_map(|claim| claim.owner(kind)).collect();
        let unclaimed = of_kind.iter().filter(|entry| !owners.contains(entry.owner.as_str()));
        found.extend(unclaimed.map(|entry| Difference::Unclaimed { kind, owner: entry.owner.clone() }));
    }
    found
}

/// Each granted application has a reference of its own.
fn references(claims: &[Claim]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
    for claim in claims {
        match &claim.reference {
            None if claim.granted => found.push(Difference::NoReference { application: claim.name.clone() }),
            None => {}
            Some(reference) => {
                if let Some(other) = holders.insert(reference, &claim.name) {
                    let applications = [other.to_owned(), claim.name.clone()];
                    found.push(Difference::SharedReference { applications });
                }
            }
        }
    }
    found
}

fn compare(claim: &Claim, kind: Kind, of_kind: &[&Entry], found: &mut Vec<Difference>) {
    // A granted application without a reference is a difference already.
    let Some(owner) = claim.owner(kind) else { return };
    let application = claim.name.clone();
    let own: Vec<&Entry> = of_kind.iter().copied().filter(|entry| entry.owner == owner).collect();
    match (claim.is_due(kind), own.len()) {
        (true, 0) => found.push(Difference::Missing { application, kind }),
        (true, 1) | (false, 0) => {}
        (true, times) => found.push(Difference::Repeated { application, kind, times }),
        (false, times) => found.push(Difference::NotDue { application, kind, times }),
    }
    for entry in own {
        for (fact, claimed) in claim.facts(kind) {
            let entered = entry.facts.get(fact).cloned().unwrap_or_else(|| "nothing".to_owned());
            if claim.is_due(kind) && entered != claimed {
                let application = claim.name.clone();
                found.push(Difference::Otherwise { application, kind, fact, claimed, entered });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, granted: bool) -> Claim {
        Claim {
            name: name.to_owned(),
            id: format!("id-{name}"),
            iin: format!("iin-{name}"),
            closed: true,
            granted,
            reference: granted.then(|| format!("our-{name}")),
            amount: 100,
            method: Some("account".to_owned()),
            destination: Some("KZ1".to_owned()),
            repayment: Some("annuity".to_owned()),
        }
    }

    fn entry(kind: Kind, name: &str) -> Entry {
        let owner = match kind {
            Kind::Payout => format!("our-{name}"),
            Kind::Loan | Kind::Notice => format!("id-{name}"),
            Kind::Contract => format!("iin-{name}"),
        };
        let holder = format!("iin-{name}");
        let facts: &[(&'static str, &str)] = match kind {
            Kind::Payout => &[("amount", "100"), ("method", "account"), ("destination", "KZ1"), ("holder", &holder)],
            Kind::Loan => &[("amount", "100"), ("repayment", "annuity")],
            Kind::Contract => &[("amount", "100")],
            Kind::Notice => &[],
        };
        Entry { kind, owner, facts: facts.iter().map(|(fact, value)| (*fact, (*value).to_owned())).collect() }
    }

    /// One granted application, one refused, and the ledgers as they must be.
    fn agreed() -> (Vec<Claim>, Vec<Entry>) {
        let mut entries: Vec<Entry> = Kind::ALL.map(|kind| entry(kind, "granted")).to_vec();
        entries.push(entry(Kind::Notice, "refused"));
        (vec![claim("granted", true), claim("refused", false)], entries)
    }

    #[test]
    fn ledgers_that_agree_have_no_difference() {
        let (claims, entries) = agreed();
        assert_eq!(differences(&claims, &entries), []);
        assert_eq!(differences(&[], &[]), []);
    }

    #[test]
    fn what_the_ledger_does_not_know_is_missing() {
        let (claims, entries) = agreed();
        for kind in Kind::ALL {
            let without: Vec<Entry> =
                entries.iter().filter(|known| **known != entry(kind, "granted")).cloned().collect();
            let missing = Difference::Missing { application: "granted".to_owned(), kind };
            assert_eq!(differences(&claims, &without), [missing]);
        }
        let untold = entries[..4].to_vec();
        let missing = Difference::Missing { application: "refused".to_owned(), kind: Kind::Notice };
        assert_eq!(differences(&claims, &untold), [missing], "every end is told to the client");
    }

    #[test]
    fn what_was_done_twice_is_repeated() {
        for kind in Kind::ALL {
            let (claims, mut entries) = agreed();
            entries.push(entry(kind, "granted"));
            let repeated = Difference::Repeated { application: "granted".to_owned(), kind, times: 2 };
            assert_eq!(differences(&claims, &entries), [repeated]);
        }
    }

    #[test]
    fn what_was_done_without_a_grant_is_not_due() {
        for kind in [Kind::Payout, Kind::Loan, Kind::Contract] {
            let (mut claims, mut entries) = agreed();
            claims[1].reference = Some("our-refused".to_owned());
            assert_eq!(differences(&claims, &entries), [], "a released payment has a reference too");
            entries.push(entry(kind, "refused"));
            let not_due = Difference::NotDue { application: "refused".to_owned(), kind, times: 1 };
            assert_eq!(differences(&claims, &entries), [not_due]);
        }
        let (mut claims, entries) = agreed();
        claims[1].closed = false;
        let not_due = Difference::NotDue { application: "refused".to_owned(), kind: Kind::Notice, times: 1 };
        assert_eq!(differences(&claims, &entries), [not_due], "a notice of an end that is none");
    }

    #[test]
    fn what_was_done_otherwise_is_named_by_its_fact() {
        let facts = [
            (Kind::Payout, "amount"),
            (Kind::Payout, "method"),
            (Kind::Payout, "destination"),
            (Kind::Payout, "holder"),
            (Kind::Loan, "amount"),
            (Kind::Loan, "repayment"),
            (Kind::Contract, "amount"),
        ];
        for (kind, fact) in facts {
            let (claims, mut entries) = agreed();
            let known = entries.iter_mut().find(|known| known.kind == kind).expect("there");
            known.facts.insert(fact, "another".to_owned());
            let found = differences(&claims, &entries);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                matches!(&found[0], Difference::Otherwise { kind: of, fact: named, .. } if (*of, *named) == (kind, fact)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_merchant_is_paid_without_a_holder() {
        let (mut claims, mut entries) = agreed();
        claims[0].method = Some("merchant".to_owned());
        entries[0].facts.extend([("method", "merchant".to_owned()), ("holder", "null".to_owned())]);
        assert_eq!(differences(&claims, &entries), []);
    }

    #[test]
    fn what_nobody_claims_is_a_difference() {
        for kind in Kind::ALL {
            let (claims, mut entries) = agreed();
            entries.push(entry(kind, "stranger"));
            let owner = entry(kind, "stranger").owner;
            assert_eq!(differences(&claims, &entries), [Difference::Unclaimed { kind, owner }]);
        }
    }

    #[test]
    fn a_grant_needs_a_reference_of_its_own() {
        let (mut claims, entries) = agreed();
        claims[0].reference = None;
        let found = differences(&claims, &entries);
        let unclaimed = Difference::Unclaimed { kind: Kind::Payout, owner: "our-granted".to_owned() };
        assert_eq!(found, [Difference::NoReference { application: "granted".to_owned() }, unclaimed]);

        let (mut claims, entries) = agreed();
        claims[1].reference = Some("our-granted".to_owned());
        let found = differences(&claims, &entries);
        assert!(
            found.contains(&Difference::SharedReference { applications: ["granted".to_owned(), "refused".to_owned()] })
        );
    }

    #[test]
    fn a_difference_names_its_application_and_no_persons_number() {
        let (mut claims, mut entries) = agreed();
        claims[0].iin = "871008401427".to_owned();
        entries.push(Entry { owner: "760212350620".to_owned(), ..entry(Kind::Contract, "x") });
        let found = differences(&claims, &entries);
        assert!(found.len() >= 3, "{found:?}");
        for difference in found.iter().map(ToString::to_string) {
            assert!(!difference.contains("871008401427") && !difference.contains("760212350620"), "{difference}");
        }
    }
}
