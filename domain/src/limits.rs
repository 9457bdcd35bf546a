//! What the law and the lender's policy allow, as rows that take effect on a date (invariant 12, `domain.md` §4.2).
//! A limit is never a constant in code: an application is judged by the set of its own day, and keeps its version.

mod borrower;
mod seed;
mod terms;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};
use serde::{Deserialize, Serialize};

pub use self::{
    borrower::{BorrowerRefusal, CreditFacts, DebtBurden, assess_borrower},
    seed::default_rows,
    terms::{LimitBreach, assess_terms, is_short_loan},
};
use crate::{money::Money, text_form::coded_enum};

coded_enum! {
    /// A number that the law or the policy sets.
    pub enum LimitRule, "limit_rule.unknown" {
        /// МРП in tenge.
        MonthlyCalculationIndex = "monthly_calculation_index",
        /// The most that one borrower gets, in МРП.
        AmountMaximumIndices = "amount_maximum_indices",
        /// The highest annual effective rate of an ordinary microcredit, percent.
        EffectiveRateMaximum = "effective_rate_maximum",
        /// Up to how many calendar days a microcredit is short.
        ShortLoanDaysMaximum = "short_loan_days_maximum",
        /// Up to how many МРП a microcredit is short.
        ShortLoanAmountIndices = "short_loan_amount_indices",
        /// The daily rate, percent, that a short microcredit must stay below.
        ShortLoanDailyRateMaximum = "short_loan_daily_rate_maximum",
        /// The highest annual effective rate of a short microcredit, percent.
        ShortLoanEffectiveRateMaximum = "short_loan_effective_rate_maximum",
        /// The highest share of income that payments may take (КДН).
        DebtBurdenMaximum = "debt_burden_maximum",
        /// The most days that the borrower may be overdue at present.
        OverdueDaysMaximum = "overdue_days_maximum",
        /// The most days that the borrower may have been overdue in the last twelve months; off unless a row says so.
        OverdueDaysPastYearMaximum = "overdue_days_past_year_maximum",
        /// Hours between signing and disbursement (`domain.md` §10); off unless a row says so.
        CoolingOffHours = "cooling_off_hours",
        /// Above how many МРП the cooling-off applies.
        CoolingOffThresholdIndices = "cooling_off_threshold_indices",
        /// For how many hours a credit report counts as fresh.
        CreditReportFreshHours = "credit_report_fresh_hours",
        /// After how many hours an unfinished application expires.
        ApplicationValidityHours = "application_validity_hours",
        /// How often other particulars may be given after the ownership was not confirmed.
        OwnershipAttemptsMaximum = "ownership_attempts_maximum",
        /// How often the biometric identification may fail.
        IdentificationAttemptsMaximum = "identification_attempts_maximum",
        /// The lowest biometric score that identifies, 0 to 1.
        BiometricScoreMinimum = "biometric_score_minimum",
        /// The lowest likeness of names that a person must look at, 0 to 1.
        ScreeningFuzzyMinimum = "screening_fuzzy_minimum",
        /// For how many minutes a challenge of control movements can be answered.
        ChallengeLifetimeMinutes = "challenge_lifetime_minutes",
        /// For how many minutes a payment may stay without a final status before it parks.
        PaymentStatusPatienceMinutes = "payment_status_patience_minutes",
    }
}

impl LimitRule {
    /// Whether a set without this rule is still a set: the rule is an option that is off.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::CoolingOffHours | Self::OverdueDaysPastYearMaximum)
    }
}

/// One value of a rule, and from when and why it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// Which rule.
    pub rule: LimitRule,
    /// Its value, in the unit that the rule names.
    pub value: Decimal,
    /// The first day on which it holds.
    pub effective_from: NaiveDate,
    /// The act or decision that sets it.
    pub source: String,
}

/// Why rows make no set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A rule that is not optional has no row in effect: nothing may be judged without it.
    #[error("no row of {0} is in effect")]
    Missing(LimitRule),
    /// Two rows of a rule take effect on the same day.
    #[error("two rows of {0} take effect on the same day")]
    Ambiguous(LimitRule),
    /// A value below zero.
    #[error("the value of {0} is below zero")]
    BelowZero(LimitRule),
}

/// The rows in effect on one day: at most one for each rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<PolicyRow>", into = "Vec<PolicyRow>")]
pub struct PolicySet {
    rows: BTreeMap<LimitRule, PolicyRow>,
}

impl PolicySet {
    /// Picks for each rule the newest row that is in effect on the day.
    pub fn new(rows: impl IntoIterator<Item = PolicyRow>, on: NaiveDate) -> Result<Self, PolicyError> {
        let mut days = BTreeSet::new();
        let mut chosen: BTreeMap<LimitRule, PolicyRow> = BTreeMap::new();
        for row in rows {
            if row.value < Decimal::ZERO {
                return Err(PolicyError::BelowZero(row.rule));
            }
            if !days.insert((row.rule, row.effective_from)) {
                return Err(PolicyError::Ambiguous(row.rule));
            }
            let newer = chosen.get(&row.rule).is_none_or(|known| known.effective_from < row.effective_from);
            if row.effective_from <= on && newer {
                chosen.insert(row.rule, row);
            }
        }
        match LimitRule::ALL.iter().find(|rule| !rule.is_optional() && !chosen.contains_key(rule)) {
            Some(missing) => Err(PolicyError::Missing(*missing)),
            None => Ok(Self { rows: chosen }),
        }
    }

    /// A short hash of rules, values and dates: two sets with the same version judge alike.
    #[must_use]
    pub fn version(&self) -> String {
        let mut text = String::from("nesie-policy/1\n");
        for row in self.rows.values() {
            text.push_str(&format!("{}={}@{}\n", row.rule, row.value.normalize(), row.effective_from));
        }
        crate::hash::sha256_hex(text.as_bytes()).chars().take(16).collect()
    }

    /// The rows in effect, by rule.
    pub fn rows(&self) -> impl Iterator<Item = &PolicyRow> {
        self.rows.values()
    }

    /// The value in effect; nothing for an option that is off.
    #[must_use]
    pub fn value(&self, rule: LimitRule) -> Option<Decimal> {
        self.rows.get(&rule).map(|row| row.value)
    }

    /// МРП.
    #[must_use]
    pub fn monthly_calculation_index(&self) -> Decimal {
        self.required(LimitRule::MonthlyCalculationIndex)
    }

    /// The most that one borrower gets.
    #[must_use]
    pub fn amount_maximum(&self) -> Decimal {
        self.in_tenge(LimitRule::AmountMaximumIndices)
    }

    /// Whether there is a cooling-off hold at all.
    #[must_use]
    pub fn has_cooling_off(&self) -> bool {
        self.value(LimitRule::CoolingOffHours).is_some()
    }

    /// Whether the cooling-off hold applies to what a client signed for on a day, and for how many hours (`domain.md` §10).
    #[must_use]
    pub fn cooling_off_hours(&self, amount: Money) -> Option<u32> {
        let hours = self.value(LimitRule::CoolingOffHours)?;
        (amount.to_decimal() > self.in_tenge(LimitRule::CoolingOffThresholdIndices)).then(|| whole(hours))
    }

    /// For how many hours a credit report counts as fresh.
    #[must_use]
    pub fn credit_report_fresh_hours(&self) -> u32 {
        whole(self.required(LimitRule::CreditReportFreshHours))
    }

    /// After how many hours an unfinished application expires.
    #[must_use]
    pub fn application_validity_hours(&self) -> u32 {
        whole(self.required(LimitRule::ApplicationValidityHours))
    }

    /// How often the ownership of an account or card may be asked.
    #[must_use]
    pub fn ownership_attempts_maximum(&self) -> u32 {
        whole(self.required(LimitRule::OwnershipAttemptsMaximum))
    }

    /// How often the biometric identification may be tried.
    #[must_use]
    pub fn identification_attempts_maximum(&self) -> u32 {
        whole(self.required(LimitRule::IdentificationAttemptsMaximum))
    }

    /// The lowest biometric score that identifies, 0 to 1.
    #[must_use]
    pub fn biometric_score_minimum(&self) -> Decimal {
        self.required(LimitRule::BiometricScoreMinimum)
    }

    /// The lowest likeness of names that a person must look at, in percent, rounded down.
    #[must_use]
    pub fn screening_fuzzy_minimum_percent(&self) -> u8 {
        let percent = self.required(LimitRule::ScreeningFuzzyMinimum) * Decimal::ONE_HUNDRED;
        percent.trunc().to_u8().unwrap_or(u8::MAX).min(100)
    }

    /// For how many minutes a challenge can be answered.
    #[must_use]
    pub fn challenge_lifetime_minutes(&self) -> u32 {
        whole(self.required(LimitRule::ChallengeLifetimeMinutes))
    }

    /// For how many minutes a payment may stay without a final status.
    #[must_use]
    pub fn payment_status_patience_minutes(&self) -> u32 {
        whole(self.required(LimitRule::PaymentStatusPatienceMinutes))
    }

    /// A rule that counts in МРП, in tenge of the day.
    fn in_tenge(&self, rule: LimitRule) -> Decimal {
        self.required(rule) * self.monthly_calculation_index()
    }

    fn required(&self, rule: LimitRule) -> Decimal {
        self.value(rule).expect("no set is made without a rule that is not optional")
    }
}

impl TryFrom<Vec<PolicyRow>> for PolicySet {
    type Error = PolicyError;

    fn try_from(rows: Vec<PolicyRow>) -> Result<Self, Self::Error> {
        Self::new(rows, NaiveDate::MAX)
    }
}

impl From<PolicySet> for Vec<PolicyRow> {
    fn from(set: PolicySet) -> Self {
        set.rows.into_values().collect()
    }
}

/// A count: fractions of an hour or of an attempt are dropped, against the more generous reading.
fn whole(value: Decimal) -> u32 {
    value.round_dp_with_strategy(0, RoundingStrategy::ToZero).to_u32().unwrap_or(u32::MAX)
}
