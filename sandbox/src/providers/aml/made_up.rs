//! Made-up entries of the AML/CFT lists: the same seed gives the same entries for ever.
//! Nobody on them exists; a likeness to a real person is chance.

use chrono::{Datelike, Days, NaiveDate};

use crate::random::Sequence;

const PERSONS: u32 = 2_400;
const ORGANISATIONS: u32 = 90;
const PARTICIPANTS: u32 = 420;

/// A person of category 1.
pub(super) struct ListedPerson {
    pub(super) number: u32,
    pub(super) given_name: String,
    pub(super) patronymic: String,
    pub(super) surname: String,
    pub(super) birth_date: Option<NaiveDate>,
    /// Empty where the publisher does not know it.
    pub(super) iin: String,
    pub(super) listed_on: NaiveDate,
}

/// An organisation of category 1.
pub(super) struct Organisation {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) english_names: Vec<String>,
}

/// A person of category 2, who stands there as an organisation would.
pub(super) struct Participant {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) iin: String,
    pub(super) listed_on: NaiveDate,
}

/// Both lists.
pub(super) struct MadeUp {
    pub(super) persons: Vec<ListedPerson>,
    pub(super) organisations: Vec<Organisation>,
    pub(super) participants: Vec<Participant>,
}

impl MadeUp {
    /// The lists of a seed.
    pub(super) fn seeded(seed: u64) -> Self {
        let draws = &mut Sequence::seeded(seed);
        Self {
            persons: (1..=PERSONS).map(|number| person(number, draws)).collect(),
            organisations: (1..=ORGANISATIONS).map(|number| organisation(number, draws)).collect(),
            participants: (1..=PARTICIPANTS).map(|number| participant(number, draws)).collect(),
        }
    }
}

/// Three of four with an IIN; of the others nine of ten with a birth date.
fn person(number: u32, draws: &mut Sequence) -> ListedPerson {
    let born_on = birth_date(draws);
    let female = draws.chance(30);
    let name = full_name(female, draws);
    let with_iin = draws.chance(75);
    ListedPerson {
        number,
        given_name: name.given_name,
        patronymic: name.patronymic,
        surname: name.surname,
        birth_date: (with_iin || draws.chance(90)).then_some(born_on),
        iin: if with_iin { iin(born_on, female, draws) } else { String::new() },
        listed_on: listed_on(draws),
    }
}

fn participant(number: u32, draws: &mut Sequence) -> Participant {
    let born_on = birth_date(draws);
    let female = draws.chance(20);
    let name = full_name(female, draws);
    let with_iin = draws.chance(85);
    Participant {
        number,
        name: [name.surname, name.given_name, name.patronymic].join(" ").trim_end().to_owned(),
        iin: if with_iin { iin(born_on, female, draws) } else { String::new() },
        listed_on: listed_on(draws),
    }
}

fn organisation(number: u32, draws: &mut Sequence) -> Organisation {
    let (kind, english_kind) = [("Фонд", "Fund"), ("Общество", "Society"), ("Группа", "Group"), ("ТОО", "LLP")]
        [usize::try_from(draws.below(4)).unwrap_or(0)];
    let (name, english) = ORGANISATION_NAMES[usize::try_from(draws.below(10)).unwrap_or(0)];
    Organisation {
        number,
        name: format!("{kind} \"{name}-{number}\""),
        english_names: vec![format!("{english}-{number} {english_kind}"), format!("{english} {number}")],
    }
}

struct FullName {
    surname: String,
    given_name: String,
    patronymic: String,
}

fn full_name(female: bool, draws: &mut Sequence) -> FullName {
    if draws.chance(70) { kazakh_name(female, draws) } else { russian_name(female, draws) }
}

fn kazakh_name(female: bool, draws: &mut Sequence) -> FullName {
    let father = draws.pick(KAZAKH_MALE);
    let stem = draws.pick(KAZAKH_SURNAME_STEMS);
    // A surname may be the bare stem, as many are written now; then it has no gender.
    let surname = match (draws.chance(15), female) {
        (true, _) => stem.to_owned(),
        (false, true) => format!("{stem}ова"),
        (false, false) => format!("{stem}ов"),
    };
    let patronymic = match (draws.below(10), female) {
        (0, _) => String::new(),
        (1..=5, true) => format!("{father}қызы"),
        (1..=5, false) => format!("{father}ұлы"),
        (_, true) => format!("{father}овна"),
        (_, false) => format!("{father}ович"),
    };
    let given_name = draws.pick(if female { KAZAKH_FEMALE } else { KAZAKH_MALE }).to_owned();
    FullName { surname, given_name, patronymic }
}

fn russian_name(female: bool, draws: &mut Sequence) -> FullName {
    let stem = draws.pick(RUSSIAN_SURNAME_STEMS);
    let father = draws.pick(RUSSIAN_FATHER_STEMS);
    if female {
        FullName {
            surname: format!("{stem}а"),
            given_name: draws.pick(RUSSIAN_FEMALE).to_owned(),
            patronymic: format!("{father}на"),
        }
    } else {
        FullName {
            surname: stem.to_owned(),
            given_name: draws.pick(RUSSIAN_MALE).to_owned(),
            patronymic: format!("{father}ич"),
        }
    }
}

fn birth_date(draws: &mut Sequence) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(1950, 1, 1).unwrap_or_default();
    first + Days::new(draws.below(20_000))
}

fn listed_on(draws: &mut Sequence) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2015, 1, 1).unwrap_or_default();
    first + Days::new(draws.below(4_200))
}

/// An IIN of its birth date and sex; a prefix whose check digit would be 10 is never issued, so another is drawn.
fn iin(born_on: NaiveDate, female: bool, draws: &mut Sequence) -> String {
    let century = if born_on.year() < 2000 { 3 } else { 5 } + u32::from(female);
    loop {
        let prefix = format!("{}{century}{:04}", born_on.format("%y%m%d"), draws.below(10_000));
        if let Some(check) = check_digit(&prefix) {
            return format!("{prefix}{check}");
        }
    }
}

/// The twelfth digit of an IIN: two passes of weights modulo 11; none where both give 10.
fn check_digit(prefix: &str) -> Option<u32> {
    const PASSES: [[u32; 11]; 2] = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]];
    let digits: Vec<u32> = prefix.chars().filter_map(|letter| letter.to_digit(10)).collect();
    let remainder =
        |weights: &[u32; 11]| digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    PASSES.iter().map(remainder).find(|remainder| *remainder < 10)
}

const KAZAKH_MALE: &[&str] = &[
    "Абай",
    "Айдар",
    "Асқар",
    "Бауыржан",
    "Бекзат",
    "Болат",
    "Ғалым",
    "Дәурен",
    "Ерлан",
    "Ержан",
    "Жандос",
    "Жарас",
    "Қайрат",
    "Қуаныш",
    "Мақсат",
    "Марат",
    "Мұрат",
    "Нұрлан",
    "Олжас",
    "Өмір",
    "Рустам",
    "Самат",
    "Серік",
    "Талғат",
    "Тимур",
    "Ұлан",
    "Шыңғыс",
    "Ілияс",
    "Әділ",
    "Ақжол",
];
const KAZAKH_FEMALE: &[&str] = &[
    "Айгүл",
    "Айнұр",
    "Алия",
    "Ақмарал",
    "Әсел",
    "Баян",
    "Гүлнар",
    "Дана",
    "Динара",
    "Жанар",
    "Жанна",
    "Зарина",
    "Қарлығаш",
    "Ләззат",
    "Мадина",
    "Мәншүк",
    "Назгүл",
    "Раушан",
    "Сәуле",
    "Ұлжан",
];
const KAZAKH_SURNAME_STEMS: &[&str] = &[
    "Абдрахман",
    "Абдулл",
    "Айтбай",
    "Алимбек",
    "Аманжол",
    "Аубакир",
    "Ахмет",
    "Бекмұрат",
    "Бөлек",
    "Досжан",
    "Ескен",
    "Жақып",
    "Жұмабек",
    "Ибраим",
    "Искак",
    "Қалиқан",
    "Кенжебек",
    "Қожахмет",
    "Мұқан",
    "Мұхаметжан",
    "Нұрмағанбет",
    "Омар",
    "Оспан",
    "Рахым",
    "Садық",
    "Сағын",
    "Сейітқали",
    "Смағұл",
    "Сұлтан",
    "Тәжібай",
    "Төлеген",
    "Тұрсын",
    "Үсен",
    "Хамит",
    "Шаяхмет",
    "Ысқақ",
];
const RUSSIAN_MALE: &[&str] = &[
    "Александр",
    "Алексей",
    "Андрей",
    "Артём",
    "Виктор",
    "Владимир",
    "Дмитрий",
    "Евгений",
    "Иван",
    "Игорь",
    "Константин",
    "Максим",
    "Михаил",
    "Николай",
    "Олег",
    "Павел",
    "Пётр",
    "Роман",
    "Сергей",
    "Юрий",
];
const RUSSIAN_FEMALE: &[&str] = &[
    "Алёна",
    "Анна",
    "Валентина",
    "Вера",
    "Екатерина",
    "Елена",
    "Ирина",
    "Ксения",
    "Людмила",
    "Мария",
    "Наталья",
    "Оксана",
    "Ольга",
    "Светлана",
    "Татьяна",
    "Юлия",
];
const RUSSIAN_SURNAME_STEMS: &[&str] = &[
    "Антонов",
    "Баранов",
    "Беляев",
    "Богданов",
    "Васильев",
    "Волков",
    "Воробьёв",
    "Голубев",
    "Григорьев",
    "Давыдов",
    "Егоров",
    "Ершов",
    "Журавлёв",
    "Зайцев",
    "Захаров",
    "Казаков",
    "Киселёв",
    "Комаров",
    "Кузьмин",
    "Лебедев",
    "Макаров",
    "Назаров",
    "Орлов",
    "Поляков",
    "Рябов",
    "Семёнов",
    "Тарасов",
    "Фёдоров",
    "Шестаков",
    "Щербаков",
];
const RUSSIAN_FATHER_STEMS: &[&str] = &[
    "Александров",
    "Алексеев",
    "Андреев",
    "Борисов",
    "Викторов",
    "Владимиров",
    "Иванов",
    "Михайлов",
    "Николаев",
    "Олегов",
    "Павлов",
    "Петров",
    "Романов",
    "Сергеев",
    "Фёдоров",
];
const ORGANISATION_NAMES: [(&str, &str); 10] = [
    ("Акниет", "Akniyet"),
    ("Вымысел", "Vymysel"),
    ("Дала", "Dala"),
    ("Жалын", "Zhalyn"),
    ("Керуен", "Keruen"),
    ("Мираж", "Mirage"),
    ("Самал", "Samal"),
    ("Тень", "Ten"),
    ("Тулпар", "Tulpar"),
    ("Юрта", "Yurta"),
];

#[cfg(test)]
mod tests {
    //! Check digits against published numbers, and the lists against their promises.

    use super::{MadeUp, check_digit};

    #[test]
    fn check_digits_are_those_of_the_published_numbers() {
        for iin in ["871008401427", "760212350620", "061211600012", "900101300811", "680503450037"] {
            let (prefix, check) = iin.split_at(11);
            assert_eq!(check_digit(prefix), check.parse().ok());
        }
        assert_eq!(check_digit("90010130080"), None);
    }

    #[test]
    fn a_seed_gives_the_same_entries_and_another_seed_others() {
        let names = |seed| MadeUp::seeded(seed).persons.into_iter().map(|person| person.surname).collect::<Vec<_>>();
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }

    #[test]
    fn every_iin_is_valid_and_some_entries_have_only_name_and_birth_date() {
        let persons = MadeUp::seeded(1).persons;
        let without: Vec<_> = persons.iter().filter(|person| person.iin.is_empty()).collect();
        assert!(without.len() > 300, "few entries without IIN: {}", without.len());
        assert!(without.iter().filter(|person| person.birth_date.is_some()).count() > 200);
        for person in persons.iter().filter(|person| !person.iin.is_empty()) {
            let (prefix, check) = person.iin.split_at(11);
            assert_eq!(check_digit(prefix), check.parse().ok());
        }
    }
}
