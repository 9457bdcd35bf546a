//! A notice of a channel, step by step: taken up, amended with its duty, sent once whatever the regulator's channel does,
//! its term counted, and in effect only after it.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use nesie_domain::calendar::{CalendarDay, CalendarVersion, DayKind, local_date};
use nesie_domain::case::{CaseKind, CaseOutcome, CaseStage};
use nesie_domain::channel::{ChannelKind, ChannelOperation, NoticeContents, NoticeKind, NoticeSubject};
use nesie_domain::ids::DocumentId;
use nesie_domain::person::Channel;
use nesie_platform::protection::sha256;
use nesie_storage::bodies::{ChannelNoticeDetails, NoticeAmendment};
use nesie_storage::calendar::{self, NewVersion};
use nesie_storage::cases::{self, CaseDocument, document_place};
use nesie_storage::policy;
use nesie_workflows::contract::{CaseAnswer, CaseStep, RecomputePage};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::cases::{Case, scene_with_calendar};
use super::idempotence::{Before, Care, take};
use crate::channel::{count_notice_term, open_channel_notice, record_channel_acts, send_notice, tell_of_term};
use crate::publication::recompute_duties;

fn contents() -> NoticeContents {
    NoticeContents {
        name: "Nesie для Android".to_owned(),
        operations: vec![ChannelOperation::MicrocreditCard],
        security_procedures: "Политика информационной безопасности".to_owned(),
        planned_on: "2027-06-01".parse().ok(),
    }
}

/// A case of a notice of a mobile application, of which no step was taken.
async fn notice_of(pool: PgPool, notice: NoticeKind, contents: NoticeContents) -> Case {
    let scene = scene_with_calendar(pool).await;
    let document = DocumentId::from_uuid(Uuid::now_v7());
    let subject =
        NoticeSubject { notice, code: Channel::parse("mobile").expect("a code"), kind: ChannelKind::MobileApplication };
    let details = ChannelNoticeDetails { subject, contents, document_ids: vec![document], sent_outside: None };
    let case = Case::new(scene, CaseKind::ChannelNotice, &details).await;
    let world = &case.scene.world;
    let attached = CaseDocument {
        id: document,
        case_id: case.id,
        name: "policy.pdf",
        content_type: "application/pdf",
        content_sealed: &world.protection.seal(&document_place(document), b"%PDF a policy"),
        sha256: &sha256(b"%PDF a policy"),
        received_at: case.scene.now(),
    };
    let mut connection = world.pool.acquire().await.expect("a connection");
    cases::insert_document(&mut connection, &attached).await.expect("a document");
    drop(connection);
    case
}

impl Case {
    /// Takes the notice up.
    async fn drafted(&self) {
        let step = async || open_channel_notice(&self.scene.world, self.step()).await;
        let stage = take(&self.scene, Care::Thorough, "open_channel_notice", Before::Nothing, &[], step).await;
        assert_eq!(stage, CaseStage::Draft);
    }

    async fn notice_act(&self, act: &str, mut body: Value, at: DateTime<Utc>) -> (CaseAnswer, CaseStage) {
        body["act"] = json!(act);
        let run = async |acts| record_channel_acts(&self.scene.world, acts).await;
        self.act_at("record_channel_acts", &body, at, &[], run).await
    }

    async fn send(&self) {
        let step = async || send_notice(&self.scene.world, self.step()).await;
        let asked = [("regulator", "submit")];
        let stage = take(&self.scene, Care::Thorough, "send_notice", Before::Nothing, &asked, step).await;
        assert_eq!(stage, CaseStage::Handling);
    }

    async fn count_term(&self) -> CaseStage {
        let step = async || count_notice_term(&self.scene.world, self.step()).await;
        take(&self.scene, Care::Thorough, "count_notice_term", Before::Nothing, &[], step).await
    }

    async fn tell_of_term(&self, at: DateTime<Utc>) {
        let step = async || tell_of_term(&self.scene.world, CaseStep { case_id: self.id, at }).await;
        take(&self.scene, Care::Thorough, "tell_of_term", Before::Nothing, &[], step).await;
    }

    /// Up to the term: taken up, said to be sent, sent, counted.
    async fn sent(&self) -> CaseStage {
        self.drafted().await;
        let said = self.notice_act("send_notice", json!({}), self.scene.now()).await;
        assert_eq!(said, (CaseAnswer::DONE, CaseStage::Handling));
        self.send().await;
        self.count_term().await
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_notice_is_sent_once_whatever_the_regulators_channel_does(pool: PgPool) {
    let notice = notice_of(pool, NoticeKind::Opening, contents()).await;
    let scene = &notice.scene;
    notice.drafted().await;
    notice.notice_act("send_notice", json!({}), scene.now()).await;
    notice.send().await;
    let letters = scene.ledger("regulator").await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["idempotency_key"], format!("{}:send_notice:1", notice.id));
    let kept = "SELECT receipt_number FROM channel_notice_receipts r JOIN evidence e ON e.id = r.evidence_id";
    assert_eq!(scene.value(kept).await, letters[0]["receipt_number"].as_str().expect("a number"));
    assert_eq!(scene.value("SELECT state || ':' || ended_by FROM duties").await, "met:issuer|aigul");
    notice.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_channel_opens_on_its_day_with_what_was_notified(pool: PgPool) {
    let notice = notice_of(pool, NoticeKind::Opening, contents()).await;
    let (scene, world) = (&notice.scene, &notice.scene.world);
    let stage = notice.sent().await;
    let CaseStage::AwaitingTerm { earliest_on } = stage else { panic!("{stage:?}") };
    assert_eq!(earliest_on.to_string(), "2027-06-01", "the day that was announced");
    assert!(local_date(scene.now()) < earliest_on, "it lies ahead");
    notice.tell_of_term(scene.now()).await;
    let told = "SELECT count(*) FROM timeline WHERE kind = 'channel_notice_term_passed'";
    assert_eq!(scene.value(told).await, "0", "a timer that fires early tells nothing");

    let early = earliest_on.pred_opt().expect("a day");
    let refused =
        CaseAnswer::Refused { code: "channel_notice.too_early".to_owned(), detail: Some(earliest_on.to_string()) };
    let noon = |day: NaiveDate| day.and_hms_opt(7, 0, 0).expect("noon in Almaty").and_utc();
    assert_eq!(notice.notice_act("activate", json!({}), noon(early)).await, (refused, stage));
    assert_eq!(policy::channel(&world.pool, "mobile").await.expect("read"), None);
    notice.tell_of_term(noon(earliest_on)).await;
    assert_eq!(scene.value(told).await, "1");
    let opened = notice.notice_act("activate", json!({}), noon(earliest_on)).await;
    assert_eq!(opened, (CaseAnswer::DONE, CaseStage::InEffect));
    let channel = policy::channel(&world.pool, "mobile").await.expect("read").expect("open");
    assert_eq!(channel.operations, ["microcredit_card"]);
    assert_eq!(channel.active_from, noon(earliest_on));
    notice.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_amended_day_supersedes_the_duty_and_a_late_notice_meets_it_late(pool: PgPool) {
    let notice = notice_of(pool, NoticeKind::Opening, contents()).await;
    let scene = &notice.scene;
    notice.drafted().await;
    let tomorrow = local_date(scene.now() + TimeDelta::days(1));
    let amendment = |planned_on| {
        json!(NoticeAmendment { contents: NoticeContents { planned_on, ..contents() }, document_ids: Vec::new() })
    };
    let (answer, _) = notice.notice_act("amend_draft", amendment(Some(tomorrow)), scene.now()).await;
    assert_eq!(answer, CaseAnswer::DONE);
    let chain = "SELECT string_agg(state || ':' || generation, ' ' ORDER BY generation) FROM duties";
    assert_eq!(scene.value(chain).await, "superseded:0 open:1");
    let (answer, _) = notice.notice_act("amend_draft", amendment(None), scene.now()).await;
    let stays = CaseAnswer::Refused { code: "channel_notice.planned_day_stays".to_owned(), detail: None };
    assert_eq!(answer, stays);
    notice.notice_act("send_notice", json!({}), scene.now()).await;
    notice.send().await;
    assert_eq!(scene.value(chain).await, "superseded:0 met_late:1");
    let letter = &scene.ledger("regulator").await[0];
    assert_eq!(letter["body"]["planned_on"], tomorrow.to_string());
    notice.scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_withdrawn_notice_takes_no_more_acts_and_a_change_needs_an_open_channel(pool: PgPool) {
    let notice = notice_of(pool, NoticeKind::Change, contents()).await;
    let stage = notice.sent().await;
    let CaseStage::AwaitingTerm { earliest_on } = stage else { panic!("{stage:?}") };
    let later = earliest_on.and_hms_opt(7, 0, 0).expect("noon in Almaty").and_utc();
    assert_eq!(notice.scene.ledger("regulator").await[0]["kind"], "channel_change");
    let refused = CaseAnswer::Refused { code: "channel.not_open".to_owned(), detail: None };
    assert_eq!(notice.notice_act("activate", json!({}), later).await, (refused, stage), "no such channel");
    let withdrawn = CaseStage::Closed { outcome: CaseOutcome::Withdrawn };
    assert_eq!(notice.notice_act("withdraw", json!({}), later).await, (CaseAnswer::DONE, withdrawn));
    let over = CaseAnswer::Refused { code: "channel_notice.over".to_owned(), detail: None };
    assert_eq!(notice.notice_act("activate", json!({}), later).await, (over, withdrawn));
    notice.scene.end().await;
}

/// Puts a version in force in which one more day is off, and works through what is open by the one before; how much moved.
async fn publish(notice: &Case, version: &str, day_off: NaiveDate, at: DateTime<Utc>) -> u32 {
    let scene = &notice.scene;
    let in_force = calendar::current(&scene.owner).await.expect("there is one");
    let mut days: Vec<CalendarDay> = in_force.days().cloned().collect();
    days.push(CalendarDay {
        on: day_off,
        kind: DayKind::TransferredDayOff,
        name: "Выходной".to_owned(),
        source: "приказ Министра труда".to_owned(),
        estimated: false,
    });
    let new = NewVersion {
        version: CalendarVersion::parse(version).expect("a version"),
        first_day: in_force.span().0,
        last_day: in_force.span().1,
        source: "приказ".to_owned(),
        published_at: at,
        days,
    };
    let mut connection = scene.owner.acquire().await.expect("a connection");
    assert!(calendar::insert(&mut connection, &new, "i|s", None).await.expect("published"));
    drop(connection);
    let page = RecomputePage { version: version.to_owned(), after: None, limit: 100, at };
    recompute_duties(&scene.world, page).await.expect("recomputed").changed
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_calendar_version_moves_the_term_of_a_notice_that_waits_and_is_told_of_on_the_new_day(pool: PgPool) {
    let notice = notice_of(pool, NoticeKind::Opening, NoticeContents { planned_on: None, ..contents() }).await;
    let (scene, world) = (&notice.scene, &notice.scene.world);
    let CaseStage::AwaitingTerm { earliest_on } = notice.sent().await else { panic!("it waits for its term") };
    // The last of the ten working days becomes a day off: the next working day takes its place.
    let tenth = earliest_on.pred_opt().expect("a day");
    let shipped = calendar::current(&scene.owner).await.expect("there is one");
    let moved_to = shipped.count(tenth, 1).expect("within the span").due_on.succ_opt().expect("a day");
    assert_eq!(publish(&notice, "kz-2", tenth, scene.now()).await, 1);
    let page = RecomputePage { version: "kz-2".to_owned(), after: None, limit: 100, at: scene.now() };
    assert_eq!(recompute_duties(world, page).await.expect("again").changed, 0, "once");

    let stage = CaseStage::AwaitingTerm { earliest_on: moved_to };
    assert_eq!(notice.count_term().await, stage, "what the workflow reads when it is woken");
    let shown = "SELECT stage ->> 'earliest_on' FROM cases WHERE kind = 'channel_notice'";
    assert_eq!(scene.value(shown).await, moved_to.to_string());
    let terms = "SELECT string_agg(earliest_on || ' ' || calendar_version, ', ' ORDER BY recorded_at) FROM channel_notice_terms";
    assert_eq!(
        scene.value(terms).await,
        format!("{earliest_on} kz-2026-11-22, {moved_to} kz-2"),
        "the old one is kept"
    );
    let listed = "SELECT string_agg(version || ' ' || old_earliest_on || ' ' || new_earliest_on || ' ' || earlier, ', ') FROM calendar_changes";
    assert_eq!(scene.value(listed).await, format!("kz-2 {earliest_on} {moved_to} false"));
    let counted = "SELECT count(*) FROM audit WHERE action = 'channel_notice_term_counted'";
    assert_eq!(scene.value(counted).await, "2");

    let noon = |day: NaiveDate| day.and_hms_opt(7, 0, 0).expect("noon in Almaty").and_utc();
    let told = "SELECT count(*) FROM timeline WHERE kind = 'channel_notice_term_passed'";
    let tell = async |day| {
        notice.tell_of_term(noon(day)).await;
        scene.value(told).await
    };
    assert_eq!(tell(earliest_on).await, "0", "the day that it was is none any more");
    let refused =
        CaseAnswer::Refused { code: "channel_notice.too_early".to_owned(), detail: Some(moved_to.to_string()) };
    assert_eq!(notice.notice_act("activate", json!({}), noon(earliest_on)).await, (refused, stage));
    assert_eq!(tell(moved_to).await, "1", "once");

    // It moves once more, after it was told of: the day lies ahead again, and is told of again.
    let eleventh = moved_to.pred_opt().expect("a day");
    let last = shipped.count(eleventh, 1).expect("within the span").due_on.succ_opt().expect("a day");
    assert_eq!(publish(&notice, "kz-3", eleventh, scene.now()).await, 1);
    assert_eq!(tell(moved_to).await, "1");
    assert_eq!(tell(last).await, "2");
    assert_eq!(notice.notice_act("activate", json!({}), noon(last)).await, (CaseAnswer::DONE, CaseStage::InEffect));
    // In effect: no calendar moves it any more.
    assert_eq!(publish(&notice, "kz-4", last.pred_opt().expect("a day"), scene.now()).await, 0);
    notice.scene.end().await;
}
