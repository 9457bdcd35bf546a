//! The rows that a new installation starts with, each with its source (`domain.md` §4.2).
//! They are never consulted by a rule: rules read the table that was seeded from them.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::{LimitRule, PolicyRow};

/// The day on which the edition of the Rules that is implemented took effect.
const RULESET: (i32, u32, u32) = (2025, 1, 1);

const RATES: &str = "АРРФР №62 от 16.08.2024 и НБ РК №45 от 19.08.2024, в редакции №83/№97 от 24.12.2025";
const BUDGET: &str = "Закон о республиканском бюджете: МРП";
const POLICY: &str = "внутренняя политика кредитора";

/// The seed: МРП of 2024 to 2026, the limits of the law, and the lender's own policy. Options that are off have no row.
#[must_use]
pub fn default_rows() -> Vec<PolicyRow> {
    let law = [
        (LimitRule::AmountMaximumIndices, (20_000, 0), "Закон о микрофинансовой деятельности, ст. 3"),
        (LimitRule::EffectiveRateMaximum, (46, 0), RATES),
        (LimitRule::ShortLoanDaysMaximum, (45, 0), RATES),
        (LimitRule::ShortLoanAmountIndices, (45, 0), RATES),
        (LimitRule::ShortLoanDailyRateMaximum, (3, 1), RATES),
        (LimitRule::ShortLoanEffectiveRateMaximum, (179, 0), RATES),
        (LimitRule::DebtBurdenMaximum, (5, 1), "АРРФР №192 от 14.11.2019 в редакции №65 от 16.10.2025"),
        (LimitRule::OverdueDaysMaximum, (90, 0), "Закон №97-VIII от 19.06.2024"),
        (LimitRule::CoolingOffThresholdIndices, (75, 0), "АРРФР №53 от 29.08.2025 (период охлаждения выключен)"),
    ];
    let policy = [
        (LimitRule::CreditReportFreshHours, (24, 0), POLICY),
        (LimitRule::ApplicationValidityHours, (240, 0), POLICY),
        (LimitRule::OwnershipAttemptsMaximum, (3, 0), POLICY),
        (
            LimitRule::IdentificationAttemptsMaximum,
            (3, 0),
            "Правила биометрической аутентификации: три неудачные попытки",
        ),
        (LimitRule::BiometricScoreMinimum, (90, 2), POLICY),
        (LimitRule::ScreeningFuzzyMinimum, (88, 2), POLICY),
        (LimitRule::ChallengeLifetimeMinutes, (15, 0), POLICY),
        (LimitRule::PaymentStatusPatienceMinutes, (30, 0), POLICY),
    ];
    let index = [(2024, 3_692), (2025, 3_932), (2026, 4_325)];
    let index = index.map(|(year, tenge)| row(LimitRule::MonthlyCalculationIndex, (tenge, 0), (year, 1, 1), BUDGET));
    let rows = law.into_iter().chain(policy).map(|(rule, value, source)| row(rule, value, RULESET, source));
    rows.chain(index).collect()
}

fn row(rule: LimitRule, (digits, scale): (i64, u32), (year, month, day): (i32, u32, u32), source: &str) -> PolicyRow {
    let effective_from = NaiveDate::from_ymd_opt(year, month, day).expect("dates of the seed exist");
    PolicyRow { rule, value: Decimal::new(digits, scale), effective_from, source: source.to_owned() }
}
