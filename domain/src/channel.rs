//! Notices of channels (paras 4, 5; ): what one says, which act may come when, and the first day on which
//! the channel may open or the change take effect. Never a clock and never a count of days: both are passed in.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::calendar::{OutsideCalendar, WorkingCalendar, local_date};
use crate::case::CaseStage;
use crate::person::Channel;
use crate::rejection::rejections;
use crate::text_form::coded_enum;

/// Working days that must pass between the notice and what it announces (paras 4, 5).
pub const NOTICE_WORKING_DAYS: u32 = 10;

/// Longest name or location of a channel, in characters.
const NAME_MAX: usize = 500;

/// Longest description of the approved procedures, in characters.
const PROCEDURES_MAX: usize = 8_000;

coded_enum! {
    /// What a channel is (para 4).
    pub enum ChannelKind, "channel.kind_unknown" {
        /// A web resource.
        WebResource = "web_resource",
        /// A mobile application.
        MobileApplication = "mobile_application",
        /// A terminal, each by its location.
        Terminal = "terminal",
    }
}

coded_enum! {
    /// An operation that may be provided through a channel (para 4(2), R-034).
    pub enum ChannelOperation, "channel.operation_unknown" {
        /// A microcredit paid to the client's bank account.
        MicrocreditAccount = "microcredit_account",
        /// A microcredit paid to the client's card.
        MicrocreditCard = "microcredit_card",
        /// A microcredit paid to a merchant at the client's request.
        MicrocreditMerchant = "microcredit_merchant",
        /// A microcredit paid out in cash.
        MicrocreditCash = "microcredit_cash",
    }
}

coded_enum! {
    /// What a notice announces.
    pub enum NoticeKind, "channel_notice.kind_unknown" {
        /// A channel that is to open (para 4).
        Opening = "opening",
        /// A change of what was notified (para 5).
        Change = "change",
    }
}

coded_enum! {
    /// What compliance does with a notice.
    pub enum NoticeAct, "channel_notice.act_unknown" {
        /// Amends the draft.
        Amend = "amend_draft",
        /// Sends it to the regulator.
        Send = "send_notice",
        /// Opens the channel, or puts the change in effect.
        Activate = "activate",
        /// Withdraws it before it took effect.
        Withdraw = "withdraw",
    }
}

rejections! {
    /// Why a part of a notice can not be taken.
    pub enum NoticeError {
        /// No name, or one that is too long.
        Name = "channel_notice.name", "a name or location of 1 to 500 characters",
            "Укажите наименование или место нахождения: от 1 до 500 знаков";
        /// No operation.
        NoOperation = "channel_notice.no_operation", "at least one operation",
            "Укажите хотя бы одну услугу (операцию)";
        /// An operation stands twice.
        OperationTwice = "channel_notice.operation_twice", "an operation stands twice",
            "Услуга (операция) указана дважды";
        /// No description of procedures, or one that is too long.
        Procedures = "channel_notice.procedures", "1 to 8000 characters on the approved procedures",
            "Опишите утверждённые процедуры безопасности и защиты информации: от 1 до 8000 знаков";
        /// A change without the day on which it takes effect.
        NoEffectiveDay = "channel_notice.effective_on", "a change needs the day on which it takes effect",
            "Укажите день вступления изменений в силу";
        /// A planned day that has passed.
        PlannedInPast = "channel_notice.planned_in_past", "the planned day lies in the past",
            "Планируемый день не может быть в прошлом";
        /// A notice that was sent before the Rules took effect.
        BeforeRules = "channel_notice.before_rules", "before the Rules took effect on 1 January 2020",
            "Дата раньше введения Правил в действие (1 января 2020 года)";
        /// A notice that was sent in the future.
        InFuture = "channel_notice.in_future", "the date lies in the future",
            "Дата не может быть в будущем";
        /// A receipt before the notice was sent.
        ReceivedBeforeSent = "channel_notice.received_before_sent", "received before it was sent",
            "Уведомление не могло быть получено раньше, чем отправлено";
        /// No receipt number, or one that is too long.
        ReceiptNumber = "channel_notice.receipt_number", "a receipt number of 1 to 100 characters",
            "Укажите регистрационный номер: от 1 до 100 знаков";
    }
}

/// Which channel a notice is about; never changed by an amendment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeSubject {
    /// Opening or change.
    pub notice: NoticeKind,
    /// The channel's code.
    pub code: Channel,
    /// What the channel is.
    pub kind: ChannelKind,
}

/// What para 4 makes a notice say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeContents {
    /// Name of the web resource or the application, or the terminal's location.
    pub name: String,
    /// What can be provided through it.
    pub operations: Vec<ChannelOperation>,
    /// On the approved procedures of security and data protection.
    pub security_procedures: String,
    /// The day on which it is to open, or the change to take effect.
    pub planned_on: Option<NaiveDate>,
}

impl NoticeContents {
    /// What is wrong with it, each with its field.
    #[must_use]
    pub fn faults(&self, notice: NoticeKind, today: NaiveDate) -> Vec<(&'static str, NoticeError)> {
        let mut faults = Vec::new();
        if !bounded(&self.name, NAME_MAX) {
            faults.push(("name", NoticeError::Name));
        }
        if self.operations.is_empty() {
            faults.push(("operations", NoticeError::NoOperation));
        }
        let mut sorted = self.operations.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != self.operations.len() {
            faults.push(("operations", NoticeError::OperationTwice));
        }
        if !bounded(&self.security_procedures, PROCEDURES_MAX) {
            faults.push(("security_procedures", NoticeError::Procedures));
        }
        match (notice, self.planned_on) {
            (NoticeKind::Change, None) => faults.push(("effective_on", NoticeError::NoEffectiveDay)),
            (NoticeKind::Change, Some(day)) if day < today => faults.push(("effective_on", NoticeError::PlannedInPast)),
            (NoticeKind::Opening, Some(day)) if day < today => faults.push(("planned_on", NoticeError::PlannedInPast)),
            _ => {}
        }
        faults
    }
}

/// A notice that was sent before this system existed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentOutside {
    /// The day on which it was sent: the term is counted from it.
    pub sent_on: NaiveDate,
    /// The regulator's number of its receipt.
    pub receipt_number: String,
    /// When the regulator received it.
    pub received_at: DateTime<Utc>,
}

impl SentOutside {
    /// What is wrong with it, each with its field.
    #[must_use]
    pub fn faults(&self, now: DateTime<Utc>) -> Vec<(&'static str, NoticeError)> {
        let mut faults = Vec::new();
        if self.sent_on < rules_in_force_on() {
            faults.push(("sent_on", NoticeError::BeforeRules));
        } else if self.sent_on > local_date(now) {
            faults.push(("sent_on", NoticeError::InFuture));
        }
        if !bounded(&self.receipt_number, 100) {
            faults.push(("receipt_number", NoticeError::ReceiptNumber));
        }
        if self.received_at > now {
            faults.push(("received_at", NoticeError::InFuture));
        } else if local_date(self.received_at) < self.sent_on {
            faults.push(("received_at", NoticeError::ReceivedBeforeSent));
        }
        faults
    }
}

/// The day on which the Rules took effect.
#[must_use]
pub fn rules_in_force_on() -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 1, 1).expect("a date")
}

fn bounded(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most
}

/// The first day on which the channel may open, or the change take effect: not before the term has passed, nor before
/// the day that was announced.
///
/// # Errors
/// [`OutsideCalendar`].
pub fn earliest_effect(
    calendar: &WorkingCalendar,
    counted_from: NaiveDate,
    planned_on: Option<NaiveDate>,
    strict: bool,
) -> Result<NaiveDate, OutsideCalendar> {
    let earliest = calendar.earliest_opening(counted_from, NOTICE_WORKING_DAYS, strict)?;
    Ok(planned_on.map_or(earliest, |planned| planned.max(earliest)))
}

/// Why an act on a notice may not come now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeRefusal {
    /// It was sent; what it says can no longer be changed.
    AlreadySent,
    /// It was not sent yet.
    NotSent,
    /// The term has not passed.
    TooEarly {
        /// The first day on which it may be.
        earliest_on: NaiveDate,
    },
    /// It is in effect, or over.
    Over,
}

impl NoticeRefusal {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::AlreadySent => "channel_notice.already_sent",
            Self::NotSent => "channel_notice.not_sent",
            Self::TooEarly { .. } => "channel_notice.too_early",
            Self::Over => "channel_notice.over",
        }
    }
}

/// Whether an act may come at this stage, on this day of Almaty.
///
/// # Errors
/// [`NoticeRefusal`].
pub fn permit(stage: &CaseStage, act: NoticeAct, today: NaiveDate) -> Result<(), NoticeRefusal> {
    match (stage, act) {
        (CaseStage::Draft, NoticeAct::Amend | NoticeAct::Send | NoticeAct::Withdraw)
        | (CaseStage::AwaitingTerm { .. }, NoticeAct::Withdraw) => Ok(()),
        (CaseStage::Draft, NoticeAct::Activate) => Err(NoticeRefusal::NotSent),
        (CaseStage::AwaitingTerm { earliest_on }, NoticeAct::Activate) => {
            if today < *earliest_on {
                Err(NoticeRefusal::TooEarly { earliest_on: *earliest_on })
            } else {
                Ok(())
            }
        }
        (CaseStage::AwaitingTerm { .. }, NoticeAct::Amend | NoticeAct::Send) => Err(NoticeRefusal::AlreadySent),
        _ => Err(NoticeRefusal::Over),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{CalendarDay, CalendarVersion, DayKind};
    use crate::case::CaseOutcome;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn calendar() -> WorkingCalendar {
        let independence = CalendarDay {
            on: day("2026-12-16"),
            kind: DayKind::PublicHoliday,
            name: "День Независимости".to_owned(),
            source: "закон".to_owned(),
            estimated: false,
        };
        let version = CalendarVersion::parse("test").expect("a version");
        WorkingCalendar::new(version, day("2026-01-01"), day("2026-12-31"), vec![independence]).expect("a calendar")
    }

    fn contents() -> NoticeContents {
        NoticeContents {
            name: "nesie.kz".to_owned(),
            operations: vec![ChannelOperation::MicrocreditAccount],
            security_procedures: "Политика информационной безопасности".to_owned(),
            planned_on: None,
        }
    }

    #[test]
    fn ten_full_working_days_lie_between_and_the_other_reading_is_a_day_less() {
        let sent = day("2026-12-03");
        let earliest = |planned, strict| earliest_effect(&calendar(), sent, planned, strict).expect("within the year");
        // Counted: 4, 7–11, 14, 15, 17, 18 December.
        assert_eq!(earliest(None, true), day("2026-12-19"));
        assert_eq!(earliest(None, false), day("2026-12-18"));
        assert_eq!(earliest(Some(day("2026-12-10")), true), day("2026-12-19"), "an early plan moves nothing");
        assert_eq!(earliest(Some(day("2026-12-24")), true), day("2026-12-24"), "nor does it open before its plan");
        assert!(earliest_effect(&calendar(), day("2026-12-20"), None, true).is_err());
    }

    #[test]
    fn activation_waits_for_its_day_and_a_sent_notice_is_not_amended() {
        let waiting = CaseStage::AwaitingTerm { earliest_on: day("2026-12-19") };
        let before = permit(&waiting, NoticeAct::Activate, day("2026-12-18"));
        assert_eq!(before, Err(NoticeRefusal::TooEarly { earliest_on: day("2026-12-19") }));
        assert_eq!(permit(&waiting, NoticeAct::Activate, day("2026-12-19")), Ok(()));
        assert_eq!(permit(&waiting, NoticeAct::Amend, day("2026-12-19")), Err(NoticeRefusal::AlreadySent));
        assert_eq!(permit(&waiting, NoticeAct::Send, day("2026-12-19")), Err(NoticeRefusal::AlreadySent));
        assert_eq!(permit(&waiting, NoticeAct::Withdraw, day("2026-12-19")), Ok(()));
        assert_eq!(permit(&CaseStage::Draft, NoticeAct::Activate, day("2026-12-19")), Err(NoticeRefusal::NotSent));
        let closed = CaseStage::Closed { outcome: CaseOutcome::Completed };
        for act in NoticeAct::ALL {
            assert_eq!(permit(&closed, *act, day("2027-01-01")), Err(NoticeRefusal::Over), "{act}");
            assert_eq!(act.as_str().parse(), Ok(*act));
        }
    }

    #[test]
    fn each_fault_names_its_field() {
        let today = day("2026-11-25");
        assert_eq!(contents().faults(NoticeKind::Opening, today), []);
        let fields = |contents: &NoticeContents, notice| {
            contents.faults(notice, today).into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert_eq!(fields(&contents(), NoticeKind::Change), ["effective_on"]);
        let twice = vec![ChannelOperation::MicrocreditCard; 2];
        let bad = NoticeContents {
            name: " ".to_owned(),
            operations: twice,
            security_procedures: String::new(),
            planned_on: Some(day("2026-11-24")),
        };
        assert_eq!(fields(&bad, NoticeKind::Opening), ["name", "operations", "security_procedures", "planned_on"]);
        let none = NoticeContents { operations: Vec::new(), ..contents() };
        assert_eq!(fields(&none, NoticeKind::Opening), ["operations"]);
    }

    #[test]
    fn a_notice_sent_outside_lies_between_the_rules_and_now() {
        let now: DateTime<Utc> = "2026-11-25T09:00:00Z".parse().expect("an instant");
        let sent = |sent_on: &str, received_at: &str| SentOutside {
            sent_on: day(sent_on),
            receipt_number: "ЗТ-1".to_owned(),
            received_at: received_at.parse().expect("an instant"),
        };
        assert_eq!(sent("2026-11-24", "2026-11-24T10:00:00Z").faults(now), []);
        let code = |sent: SentOutside| sent.faults(now).into_iter().map(|(_, error)| error).collect::<Vec<_>>();
        assert_eq!(code(sent("2019-12-31", "2026-11-24T10:00:00Z")), [NoticeError::BeforeRules]);
        assert_eq!(code(sent("2026-11-26", "2026-11-27T10:00:00Z")), [NoticeError::InFuture, NoticeError::InFuture]);
        assert_eq!(code(sent("2026-11-24", "2026-11-23T10:00:00Z")), [NoticeError::ReceivedBeforeSent]);
    }
}
