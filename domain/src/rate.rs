//! `Rate`: the annual rate of interest agreed on, in percent.
//! It never includes costs: that is the annual effective rate.

use rust_decimal::Decimal;

use crate::{rejection::rejections, text_form::shown_text};

/// Annual interest in percent, from 0 to 1000, at most four decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(Decimal);

shown_text!(Rate);

rejections! {
    /// Why something is not an annual rate.
    pub enum RateError {
        /// Not digits with at most one point.
        Format = "rate.format", "a rate is written in percent, such as 36.0", "Ставка записывается в процентах годовых, например 36.0";
        /// Finer than four decimals.
        Precision = "rate.precision", "a rate has at most four decimals", "В ставке не больше четырёх знаков после точки";
        /// Above the widest bound that any product can have.
        OutOfRange = "rate.out_of_range", "a rate is between 0 and 1000 percent", "Ставка должна быть от 0 до 1000 процентов годовых";
    }
}

impl Rate {
    /// Reads a rate in percent, such as `36.0`.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && text.starts_with(|first: char| first.is_ascii_digit())
            && text.ends_with(|last: char| last.is_ascii_digit());
        if !plain {
            return Err(RateError::Format);
        }
        Self::from_percent(Decimal::from_str_exact(text).map_err(|_| RateError::Format)?)
    }

    /// Takes a rate in percent.
    pub fn from_percent(percent: Decimal) -> Result<Self, RateError> {
        let percent = percent.normalize();
        if percent.is_sign_negative() && !percent.is_zero() || percent > Decimal::ONE_THOUSAND {
            return Err(RateError::OutOfRange);
        }
        if percent.scale() > 4 {
            return Err(RateError::Precision);
        }
        Ok(Self(percent))
    }

    /// The rate in percent a year.
    #[must_use]
    pub const fn percent(self) -> Decimal {
        self.0
    }

    /// The rate as a fraction of one: 36 % is 0.36.
    #[must_use]
    pub fn fraction(self) -> Decimal {
        self.0 / Decimal::ONE_HUNDRED
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimals = usize::try_from(self.0.scale().max(1)).unwrap_or(1);
        formatter.pad(&format!("{:.decimals$}", self.0))
    }
}

impl std::str::FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        for (text, written) in [
            ("36.0", "36.0"),
            ("36", "36.0"),
            ("36.50", "36.5"),
            ("106.945", "106.945"),
            ("0", "0.0"),
            ("1000", "1000.0"),
        ] {
            let rate = Rate::parse(text).expect(text);
            assert_eq!(rate.to_string(), written);
            assert_eq!(written.parse::<Rate>(), Ok(rate));
        }
        assert_eq!(Rate::parse("36.0").expect("valid").fraction(), Decimal::new(36, 2));
    }

    #[test]
    fn each_kind_of_bad_rate_has_its_own_answer() {
        for malformed in ["", "-1", "+1", "36%", "36,0", ".5", "5.", "1e2", "1.2.3", "1_0", "٣"] {
            assert_eq!(Rate::parse(malformed), Err(RateError::Format), "{malformed}");
        }
        assert_eq!(Rate::parse("1000.0001"), Err(RateError::OutOfRange));
        assert_eq!(Rate::parse("36.00001"), Err(RateError::Precision));
        assert_eq!(Rate::from_percent(Decimal::NEGATIVE_ONE), Err(RateError::OutOfRange));
    }
}
