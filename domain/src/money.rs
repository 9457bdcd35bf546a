//! `Money`: an amount in tenge, kept as a whole number of tiyn.
//! It never passes through floating point, and never overflows silently.

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};

use crate::{rejection::rejections, text_form::shown_text};

/// An amount of tenge, exact to the tiyn (a hundredth).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

shown_text!(Money);

rejections! {
    /// Why something is not an amount of money.
    pub enum MoneyError {
        /// Not digits with at most one point.
        Format = "money.format", "an amount is written as digits with a point, such as 300000.00",
            "Сумма записывается цифрами с точкой, например 300000.00";
        /// Finer than a tiyn.
        Precision = "money.precision", "an amount has at most two decimals", "В сумме не больше двух знаков после точки";
        /// Below zero.
        Negative = "money.negative", "the amount is below zero", "Сумма не может быть отрицательной";
        /// More than can be held.
        TooLarge = "money.too_large", "the amount is too large", "Сумма слишком велика";
    }
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Takes a number of tiyn.
    #[must_use]
    pub const fn from_tiyn(tiyn: i64) -> Self {
        Self(tiyn)
    }

    /// The number of tiyn.
    #[must_use]
    pub const fn tiyn(self) -> i64 {
        self.0
    }

    /// Whether there is more than nothing.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Reads an amount from outside, such as `300000.00`: never below zero, at most two decimals.
    pub fn parse_decimal(text: &str) -> Result<Self, MoneyError> {
        if text.starts_with('-') {
            return Err(MoneyError::Negative);
        }
        text.parse()
    }

    /// The amount in tenge, with two decimals.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// Rounds half up (away from zero) to the tiyn: the one rounding rule of the house (`domain.md` §5).
    pub fn round_half_up(tenge: Decimal) -> Result<Self, MoneyError> {
        let rounded = tenge.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        let tiyn = rounded.checked_mul(Decimal::ONE_HUNDRED).ok_or(MoneyError::TooLarge)?;
        tiyn.to_i64().map(Self).ok_or(MoneyError::TooLarge)
    }

    /// The sum, or nothing if it cannot be held.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or nothing if it cannot be held.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The sum of many, or nothing if it cannot be held.
    #[must_use]
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let tiyn = self.0.unsigned_abs();
        formatter.pad(&format!("{sign}{}.{:02}", tiyn / 100, tiyn % 100))
    }
}

impl std::str::FromStr for Money {
    type Err = MoneyError;

    /// Reads what `Display` writes, below zero included: for what we stored ourselves.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "00"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(MoneyError::Format);
        }
        if fraction.len() > 2 {
            return Err(MoneyError::Precision);
        }
        let sign = if negative { "-" } else { "" };
        format!("{sign}{whole}{fraction:0<2}").parse().map(Self).map_err(|_| MoneyError::TooLarge)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (text, tiyn) in [("300000.00", 30_000_000), ("300000", 30_000_000), ("0.5", 50), ("0.01", 1), ("0", 0)] {
            assert_eq!(Money::parse_decimal(text), Ok(Money::from_tiyn(tiyn)), "{text}");
        }
        assert_eq!(Money::from_tiyn(30_000_000).to_string(), "300000.00");
        assert_eq!(Money::from_tiyn(-5).to_string(), "-0.05");
        assert_eq!(serde_json::to_string(&Money::from_tiyn(1)).expect("writes"), "\"0.01\"");
        assert!(serde_json::from_str::<Money>("300000").is_err(), "a JSON number is no amount");
    }

    #[test]
    fn each_kind_of_bad_amount_has_its_own_answer() {
        for malformed in ["", ".", "1.", ".5", "1,5", "1 000", "+1", "1e3", "1.2.3", "１", "--1"] {
            let error = Money::parse_decimal(malformed).expect_err(malformed);
            assert!(matches!(error, MoneyError::Format | MoneyError::Negative), "{malformed}");
        }
        assert_eq!(Money::parse_decimal("1.001"), Err(MoneyError::Precision));
        assert_eq!(Money::parse_decimal("-1"), Err(MoneyError::Negative));
        assert_eq!(Money::parse_decimal("92233720368547758.08"), Err(MoneyError::TooLarge));
    }

    #[test]
    fn halves_are_rounded_up_and_overflow_is_noticed() {
        let rounded = |digits, scale| Money::round_half_up(Decimal::new(digits, scale)).expect("fits").tiyn();
        assert_eq!(
            (rounded(1_005, 3), rounded(1_015, 3), rounded(10_049, 4), rounded(-1_005, 3)),
            (101, 102, 100, -101)
        );
        assert_eq!(Money::from_tiyn(i64::MAX).checked_add(Money::from_tiyn(1)), None);
        assert_eq!(Money::checked_sum([Money::from_tiyn(1), Money::from_tiyn(2)]), Some(Money::from_tiyn(3)));
        assert_eq!(Money::round_half_up(Decimal::MAX), Err(MoneyError::TooLarge));
    }

    proptest! {
        #[test]
        fn every_amount_reads_what_it_writes(tiyn in any::<i64>()) {
            let money = Money::from_tiyn(tiyn);
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
            prop_assert_eq!(Money::round_half_up(money.to_decimal()), Ok(money));
            prop_assert_eq!(serde_json::from_str::<Money>(&serde_json::to_string(&money).expect("writes")).expect("reads"), money);
        }
    }
}
