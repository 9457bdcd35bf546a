//! Numbers, names and birth dates beside a list entry. All persons are made up.

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

/// Born on 8 October 1987 by the hint of the number.
fn subject() -> Subject {
    let name = PersonName::parse("Нұрланов", "Ержан", Some("Болатұлы")).expect("a name");
    Subject::new(Iin::parse("871008401427").expect("an IIN"), &name, None)
}

fn entry(name: &str, iin: Option<&str>, birth_date: Option<&str>) -> PreparedEntry {
    PreparedEntry::from(ListedPerson {
        entry_id: "1/7".to_owned(),
        iin: iin.map(str::to_owned),
        name: name.to_owned(),
        birth_date: birth_date.map(day),
        list: ListCategory::Financing,
    })
}

fn reason(name: &str, iin: Option<&str>, birth_date: Option<&str>) -> Option<MatchReason> {
    match screen(&subject(), &[entry(name, iin, birth_date)], 88) {
        ScreeningResult::Fuzzy { best } => best.first().map(|found| found.reason),
        ScreeningResult::Clear => None,
        ScreeningResult::Exact { .. } => panic!("no number was given"),
    }
}

#[test]
fn the_number_decides_whatever_the_name() {
    let exact = screen(&subject(), &[entry("Иванов Иван", Some("871008401427"), None)], 88);
    assert_eq!(exact, ScreeningResult::Exact { entry_id: "1/7".to_owned(), list: ListCategory::Financing });
    let others = [entry("Нурланов Ержан Болатулы", None, None), entry("Иванов Иван", Some("871008401427"), None)];
    assert!(matches!(screen(&subject(), &others, 88), ScreeningResult::Exact { .. }), "a likeness does not hide it");
}

#[test]
fn another_number_clears_a_namesake_unless_the_birth_date_agrees() {
    let name = "Нурланов Ержан Болатович";
    assert_eq!(reason(name, Some("760212350620"), None), None);
    assert_eq!(reason(name, Some("760212350620"), Some("1976-02-12")), None);
    assert_eq!(reason(name, Some("760212350620"), Some("1987-10-08")), Some(MatchReason::NameAndBirthDateDespiteIin));
    assert_eq!(
        reason(name, Some("760212350621"), None),
        Some(MatchReason::NameOnly),
        "a misprinted number settles nothing"
    );
}

#[test]
fn the_birth_date_opens_or_closes_the_gate() {
    let name = "NURLANOV YERZHAN BOLATULY";
    assert_eq!(reason(name, None, None), Some(MatchReason::NameOnly));
    assert_eq!(reason(name, None, Some("1987-10-08")), Some(MatchReason::NameAndBirthDate));
    assert_eq!(
        reason(name, None, Some("1987-08-10")),
        Some(MatchReason::NameAndCloseBirthDate),
        "day and month swapped"
    );
    assert_eq!(reason(name, None, Some("1988-10-08")), Some(MatchReason::NameAndCloseBirthDate), "a slip of one year");
    assert_eq!(reason(name, None, Some("1995-03-01")), None);
    assert_eq!(reason("Оспанова Айгерім Маратқызы", None, Some("1987-10-08")), None, "a birthday is shared by many");
}

#[test]
fn a_birth_date_of_the_clients_own_choosing_does_not_hide_the_one_in_his_number() {
    let name = PersonName::parse("Нұрланов", "Ержан", Some("Болатұлы")).expect("a name");
    let client = |given| Subject::new(Iin::parse("871008401427").expect("an IIN"), &name, Some(day(given)));
    let found =
        |given, listed| match screen(&client(given), &[entry("Нурланов Ержан Болатулы", None, Some(listed))], 88)
        {
            ScreeningResult::Fuzzy { best } => Some(best[0].reason),
            _ => None,
        };
    assert_eq!(found("1995-03-01", "1987-10-08"), Some(MatchReason::NameAndBirthDate), "by the number");
    assert_eq!(found("1995-03-01", "1995-03-01"), Some(MatchReason::NameAndBirthDate), "by what he gave");
    assert_eq!(found("1995-03-01", "1987-08-10"), Some(MatchReason::NameAndCloseBirthDate));
    assert_eq!(found("1995-03-01", "1976-02-12"), None, "neither");
}

#[test]
fn the_likest_come_first_and_none_is_left_out() {
    let mut entries: Vec<PreparedEntry> = (0..20).map(|_| entry("Нурланов Ержан", None, None)).collect();
    entries.push(entry("Нурланов Ержан Болатулы", None, Some("1987-10-08")));
    let ScreeningResult::Fuzzy { best } = screen(&subject(), &entries, 88) else {
        panic!("likenesses expected");
    };
    assert_eq!((best.len(), best[0].score_percent, best[0].reason), (21, 100, MatchReason::NameAndBirthDate));
    assert!(best.windows(2).all(|pair| pair[0].score_percent >= pair[1].score_percent));
}

#[test]
fn the_threshold_is_the_policys() {
    let entries = [entry("Нурланов Ержан", None, None)];
    assert!(matches!(screen(&subject(), &entries, 96), ScreeningResult::Fuzzy { .. }));
    assert_eq!(screen(&subject(), &entries, 97), ScreeningResult::Clear);
    assert_eq!(screen(&subject(), &[], 0), ScreeningResult::Clear);
}

#[test]
fn a_namesake_of_another_birth_date_is_shown_where_policy_asks_for_as_little() {
    let entries = [entry("Нурланов Ержан Болатулы", None, Some("1995-03-01"))];
    let ScreeningResult::Fuzzy { best } = screen(&subject(), &entries, 85) else { panic!("a likeness expected") };
    assert_eq!((best[0].score_percent, best[0].reason), (85, MatchReason::NameDespiteBirthDate));
    assert_eq!(screen(&subject(), &entries, 86), ScreeningResult::Clear);
}

#[test]
fn nothing_printed_shows_a_person() {
    let printed = format!("{:?} {:?}", subject(), entry("Нурланов Ержан", Some("871008401427"), Some("1987-10-08")));
    assert_eq!(printed, "Subject(****) ListedPerson(financing 1/7)");
    let result = screen(&subject(), &[entry("Нурланов Ержан Болатулы", None, None)], 88);
    let json = serde_json::to_string(&result).expect("writes");
    assert_eq!(
        json,
        r#"{"verdict":"fuzzy","best":[{"entry_id":"1/7","list":"financing","score_percent":100,"reason":"name_only"}]}"#
    );
    assert_eq!(serde_json::from_str::<ScreeningResult>(&json).expect("reads"), result);
}

#[test]
fn odd_names_are_compared_without_harm() {
    for odd in ["", " ", "-", "'", "123", "Ян", "😀", "李小龙", "улы", "Болатұлы"] {
        assert!(name_score_percent(odd, "Нұрланов Ержан Болатұлы") < 88, "{odd}");
        assert!(name_score_percent(odd, odd) <= 100);
    }
}
