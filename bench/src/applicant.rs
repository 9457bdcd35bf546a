//! Made-up applicants: people whom no provider knows anything against.
//! Never a real person: the names are those of the demo, the numbers are random.

use rand::Rng as _;
use serde_json::{Value, json};

/// An application of 300 000 ₸ at 36 % for twelve months, and the IIN of who makes it.
pub(crate) struct Applicant {
    /// The client's IIN.
    pub(crate) iin: String,
    /// What the front end sends.
    pub(crate) application: Value,
}

impl Applicant {
    /// Somebody whom nobody has seen before.
    pub(crate) fn somebody() -> Self {
        let mut random = rand::rng();
        let (year, month, day) = (random.random_range(60..100), random.random_range(1..13), random.random_range(1..29));
        let iin = loop {
            // 4: a woman born in the twentieth century.
            let stem = format!("{year:02}{month:02}{day:02}4{:04}", random.random_range(0..10_000));
            if let Some(digit) = control_digit(&stem) {
                break format!("{stem}{digit}");
            }
        };
        let application = json!({
            "client": {
                "kind": "individual", "iin": iin,
                "surname": "Сағынбаева", "given_name": "Айгерім", "patronymic": "Қанатқызы",
                "birth_date": format!("19{year:02}-{month:02}-{day:02}"),
                "identity_document": {"kind": "identity_card", "number": "045678912", "expires_on": "2044-01-01"},
                "phone": "+77011234567", "politically_exposed": false
            },
            "channel": "web", "purpose": "consumer",
            "amount": "300000.00", "annual_rate": "36.0", "term_months": 12
        });
        Self { iin, application }
    }
}

/// The twelfth digit; none for a stem that is never given out.
fn control_digit(stem: &str) -> Option<u32> {
    let digits: Vec<u32> = stem.chars().filter_map(|digit| digit.to_digit(10)).collect();
    let sum = |weights: [u32; 11]| digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    match sum([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
        10 => Some(sum([3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2])).filter(|digit| *digit < 10),
        digit => Some(digit),
    }
}

#[cfg(test)]
mod tests {
    use nesie_domain::iin::Iin;

    use super::*;

    #[test]
    fn the_numbers_are_well_formed_and_agree_with_the_birth_date() {
        for _ in 0..200 {
            let somebody = Applicant::somebody();
            assert!(Iin::parse(&somebody.iin).is_ok(), "{}", somebody.iin);
            let born = somebody.application["client"]["birth_date"].as_str().expect("a date").replace('-', "");
            assert_eq!(born[2..], somebody.iin[..6]);
        }
    }
}
