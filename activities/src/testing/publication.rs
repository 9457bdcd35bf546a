//! A calendar version that comes into force in mid-term: what moves is superseded and listed, once, and nothing else is.

use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::approval::ApprovalRule;
use nesie_domain::calendar::{CalendarDay, CalendarVersion, DayKind};
use nesie_domain::case::{CaseKind, CasePolicy};
use nesie_domain::duty::{DutyKind, Rung, RungTime};
use nesie_domain::ids::{ApprovalId, CaseId, DutyId};
use nesie_storage::cases::{self, NewCase};
use nesie_storage::duties::{self, DutyState};
use nesie_storage::facts::Actor;
use nesie_storage::publication::{self, NewProposal, ProposedVersion};
use nesie_storage::{calendar, pool};
use nesie_workflows::contract::{CaseStep, DutySweepDone, Publication, PublicationStep, RecomputePage};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::cases::scene_with_calendar;
use super::scene::Scene;
use crate::duties::{Opening, current_calendar, meet, open, supersede, watch_duties};
use crate::publication::{publish_calendar_version, recompute_duties};
use crate::sweep::record_duty_sweep;

pub(super) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

pub(super) async fn case(scene: &Scene, policy: &CasePolicy) -> CaseId {
    let id = CaseId::from_uuid(Uuid::from_u128(7));
    let new = NewCase {
        id,
        kind: CaseKind::FraudIncident,
        submitted_by: "i|s",
        natural_key: b"k",
        content_index: b"content",
        details_sealed: b"sealed",
        summary: &json!({}),
        policy,
        ruleset: "2025-01-01",
        build: "test",
        received_at: at("2026-11-20T09:00:00Z"),
    };
    cases::insert(&mut scene.owner.acquire().await.expect("a connection"), &new).await.expect("inserted");
    id
}

pub(super) async fn open_one(scene: &Scene, case_id: CaseId, kind: DutyKind, subject: &str, anchor: &str) -> DutyId {
    let calendar = current_calendar(&scene.world).await.expect("there is one");
    let mut transaction = pool::begin(&scene.world.pool).await.expect("begun");
    let opening = Opening { case_id, kind, subject, anchor_at: at(anchor), at: at(anchor) };
    let policy = cases::get(&mut *transaction, case_id).await.expect("read").expect("there").policy;
    let id = open(&scene.world, &mut transaction, &calendar, &policy, opening).await.expect("opened");
    pool::commit(transaction).await.expect("committed");
    id
}

/// Two people agree on a version with `add` beside the days of the one in force, without those of `remove`.
pub(super) async fn agree(scene: &Scene, version: &str, add: &[&str], remove: &str, last_day: &str) -> ApprovalId {
    let in_force = calendar::current(&scene.owner).await.expect("there is one");
    let mut days: Vec<CalendarDay> = in_force.days().filter(|day| day.on.to_string() != remove).cloned().collect();
    days.extend(add.iter().map(|on| CalendarDay {
        on: on.parse().expect("a date"),
        kind: DayKind::TransferredDayOff,
        name: "Выходной".to_owned(),
        source: "приказ Министра труда".to_owned(),
        estimated: false,
    }));
    let proposed = ProposedVersion {
        version: CalendarVersion::parse(version).expect("a version"),
        first_day: in_force.span().0,
        last_day: last_day.parse().expect("a date"),
        source: "приказ".to_owned(),
        days,
    };
    let id = ApprovalId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, version.as_bytes()));
    let new = NewProposal {
        id,
        proposed: &proposed,
        difference: &json!({}),
        rule: &ApprovalRule::current(nesie_domain::approval::ApprovalKind::PublishCalendar),
        maker: "i|maker",
        reason: "приказ опубликован",
        at: at("2026-11-21T09:00:00Z"),
    };
    publication::propose(&mut scene.owner.acquire().await.expect("a connection"), &new).await.expect("proposed");
    sqlx::query("UPDATE approvals SET state = 'approved', decided_by = 'i|approver', decision_reason = 'верно', decided_at = created_at WHERE id = $1")
        .bind(id.as_uuid())
        .execute(&scene.owner)
        .await
        .expect("approved");
    id
}

async fn recompute(scene: &Scene, version: &str, limit: u32) -> (u32, u32) {
    recompute_at(scene, version, limit, at("2026-11-21T10:00:00Z")).await
}

async fn recompute_at(scene: &Scene, version: &str, limit: u32, at: DateTime<Utc>) -> (u32, u32) {
    let (mut after, mut pages, mut changed) = (None, 0, 0);
    loop {
        let page = RecomputePage { version: version.to_owned(), after, limit, at };
        let done = recompute_duties(&scene.world, page).await.expect("recomputed");
        pages += 1;
        changed += done.changed;
        after = done.next;
        if after.is_none() {
            return (pages, changed);
        }
    }
}

async fn count(scene: &Scene, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&scene.owner).await.expect("counted")
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_version_in_mid_term_supersedes_what_moves_once_and_leaves_the_rest(owner: PgPool) {
    let scene = scene_with_calendar(owner).await;
    let case_id = case(&scene, &CasePolicy::default()).await;
    let friday = "2026-11-20T09:00:00Z";
    let moved = open_one(&scene, case_id, DutyKind::InformClient, "c-1", friday).await;
    let met = open_one(&scene, case_id, DutyKind::InformRegulator, "", friday).await;
    let stays = open_one(&scene, case_id, DutyKind::InformClient, "c-2", "2026-11-10T09:00:00Z").await;
    let undetermined = open_one(&scene, case_id, DutyKind::DecideWriteOff, "", "2027-12-29T09:00:00Z").await;
    let sooner = open_one(&scene, case_id, DutyKind::InformClient, "c-3", "2026-12-15T09:00:00Z").await;
    let mut transaction = pool::begin(&scene.world.pool).await.expect("begun");
    let evidence = json!({"receipt": "r-1"});
    let done = meet(
        &scene.world,
        &mut transaction,
        case_id,
        DutyKind::InformRegulator,
        "",
        Actor::System,
        &evidence,
        at("2026-11-20T10:00:00Z"),
    );
    assert_eq!(done.await.expect("met"), Some(DutyState::Met));
    pool::commit(transaction).await.expect("committed");
    assert_eq!(count(&scene, "SELECT count(*) FROM duty_rungs WHERE rung = 'undetermined'").await, 1);

    // Monday the 23rd becomes a day off, the 16th of December works, and 2028 is known.
    let approval_id = agree(&scene, "kz-2", &["2026-11-23"], "2026-12-16", "2028-12-31").await;
    let step = PublicationStep { approval_id, at: at("2026-11-21T10:00:00Z") };
    let published = Publication::Published { version: "kz-2".to_owned() };
    for _ in 0..2 {
        assert_eq!(publish_calendar_version(&scene.world, step).await.expect("published"), published);
    }
    assert_eq!(
        count(&scene, "SELECT count(*) FROM audit WHERE action = 'calendar_published' AND actor = 'i|approver'").await,
        1
    );

    // A worker that dies between two pages repeats one: each duty moves once.
    let first = RecomputePage { version: "kz-2".to_owned(), after: None, limit: 2, at: at("2026-11-21T10:00:00Z") };
    recompute_duties(&scene.world, first).await.expect("a page whose answer was lost");
    recompute(&scene, "kz-2", 1).await;
    assert_eq!(recompute(&scene, "kz-2", 100).await.1, 0, "nothing is left to move");
    assert_eq!(count(&scene, "SELECT count(*) FROM calendar_changes").await, 3);
    assert_eq!(count(&scene, "SELECT count(*) FROM calendar_changes WHERE earlier").await, 2);

    let get = async |id| duties::get(&scene.owner, id).await.expect("read").expect("there");
    for (id, due, next_due) in [
        (moved, Some("2026-11-23T19:00:00Z"), "2026-11-24T19:00:00Z"),
        (sooner, Some("2026-12-17T19:00:00Z"), "2026-12-16T19:00:00Z"),
        (undetermined, None, "2028-01-19T19:00:00Z"),
    ] {
        let old = get(id).await;
        assert_eq!((old.state, old.due_at), (DutyState::Superseded, due.map(at)), "{:?} {}", old.kind, old.subject);
        assert_eq!(old.calendar_version, "kz-2026-11-22");
        let new = get(old.superseded_by.expect("one took its place")).await;
        assert_eq!((new.state, new.generation, new.anchor_at), (DutyState::Open, 1, old.anchor_at));
        assert_eq!((new.calendar_version.as_str(), new.kind), ("kz-2", old.kind));
        assert_eq!(new.due_at.map(|due| due.to_rfc3339()), Some(at(next_due).to_rfc3339()), "{:?}", new.counted);
    }
    assert_eq!(get(met).await.state, DutyState::Met);
    assert_eq!((get(stays).await.state, get(stays).await.generation), (DutyState::Open, 0));
    assert_eq!(count(&scene, "SELECT count(*) FROM audit WHERE action = 'duty_superseded'").await, 3);
    assert_eq!(count(&scene, "SELECT count(*) FROM outbox WHERE event = 'duty.superseded'").await, 3);

    // The watch warns of the new duty by its own ladder, not of the old one.
    let woken = CaseStep { case_id, at: at("2026-11-23T08:00:00Z") };
    watch_duties(&scene.world, woken).await.expect("watched");
    assert_eq!(duties::rungs_of(&scene.owner, moved).await.expect("read"), []);

    assert_eq!(publication::to_wake(&scene.owner, "kz-2", 10).await.expect("read"), [case_id]);
    publication::mark_woken(&scene.world.pool, "kz-2", case_id, at("2026-11-21T10:00:01Z")).await.expect("marked");
    assert_eq!(publication::to_wake(&scene.owner, "kz-2", 10).await.expect("read"), []);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_version_that_no_longer_fits_is_refused_and_a_later_one_ends_the_work_of_the_one_before(owner: PgPool) {
    let scene = scene_with_calendar(owner).await;
    let case_id = case(&scene, &CasePolicy::default()).await;
    let duty = open_one(&scene, case_id, DutyKind::InformClient, "c-1", "2026-11-20T09:00:00Z").await;
    let shorter = agree(&scene, "kz-short", &[], "", "2027-12-31").await;
    let longer = agree(&scene, "kz-long", &["2026-11-23"], "", "2028-12-31").await;
    let taken = agree(&scene, "kz-long-2", &["2026-11-23"], "", "2028-12-31").await;
    sqlx::query("UPDATE approvals SET proposal = jsonb_set(proposal, '{version}', '\"kz-long\"') WHERE id = $1")
        .bind(taken.as_uuid())
        .execute(&scene.owner)
        .await
        .expect("the same name");
    let publish = async |approval_id| {
        publish_calendar_version(&scene.world, PublicationStep { approval_id, at: at("2026-11-21T10:00:00Z") }).await
    };
    assert!(matches!(publish(longer).await.expect("published"), Publication::Published { .. }));
    let refused = |code: &str| Publication::Refused { code: code.to_owned() };
    assert_eq!(publish(shorter).await.expect("an answer"), refused("calendar.span_shortened"));
    assert_eq!(publish(taken).await.expect("an answer"), refused("calendar.version_taken"));
    assert_eq!(count(&scene, "SELECT count(*) FROM audit WHERE action = 'calendar_not_published'").await, 2);
    assert!(publish(ApprovalId::from_uuid(Uuid::nil())).await.is_err(), "nobody approved it");

    assert_eq!(recompute(&scene, "kz-2026-11-22", 10).await, (1, 0), "no longer in force");
    assert_eq!(recompute(&scene, "kz-long", 10).await, (1, 1));
    let old = duties::get(&scene.owner, duty).await.expect("read").expect("there");
    assert_eq!(old.state, DutyState::Superseded);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn the_end_of_the_calendar_is_told_once_a_threshold_and_findings_are_audited(owner: PgPool) {
    let scene = scene_with_calendar(owner).await;
    let sweep =
        |number: u128, at, findings| DutySweepDone { id: Uuid::from_u128(number), cases: 1, duties: 2, findings, at };
    let finding = nesie_workflows::contract::SweepFinding {
        case_id: CaseId::from_uuid(Uuid::from_u128(7)),
        finding: "timer.missing".to_owned(),
    };
    let alerts = "SELECT count(*) FROM audit WHERE action = 'calendar_ends_soon'";
    let record = async |done: DutySweepDone| record_duty_sweep(&scene.world, done).await.expect("recorded");
    record(sweep(1, at("2027-10-01T09:00:00Z"), vec![])).await;
    assert_eq!(count(&scene, alerts).await, 0, "91 days before");
    let second = sweep(2, at("2027-10-01T19:00:00Z") + TimeDelta::hours(1), vec![finding]);
    record(second.clone()).await;
    record(second).await;
    record(sweep(3, at("2027-10-05T09:00:00Z"), vec![])).await;
    assert_eq!(count(&scene, alerts).await, 1, "90 days before, told once");
    assert_eq!(count(&scene, "SELECT count(*) FROM duty_sweeps").await, 3);
    assert_eq!(count(&scene, "SELECT count(*) FROM audit WHERE action = 'duty_sweep_findings'").await, 1);
    record(sweep(4, at("2027-12-01T09:00:00Z"), vec![])).await;
    assert_eq!(count(&scene, alerts).await, 2, "30 days before");
}

/// The rungs that somebody was told of, in the order of the telling: `<kind>:<rung>`.
async fn told(scene: &Scene) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT d.kind || ':' || (o.payload ->> 'rung') FROM outbox o JOIN duties d ON d.id = (o.payload ->> 'duty_id')::uuid
         WHERE o.payload ? 'rung' ORDER BY o.sequence",
    )
    .fetch_all(&scene.owner)
    .await
    .expect("rungs")
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_rung_that_was_told_of_is_told_again_only_where_it_lies_ahead_once_more(owner: PgPool) {
    let scene = scene_with_calendar(owner).await;
    let mut policy = CasePolicy::default();
    let after_opening = Rung { rung: "after_opening".to_owned(), when: RungTime::AfterOpening { seconds: 60 } };
    policy.ladders.entry(DutyKind::InformRegulator).or_default().push(after_opening);
    let case_id = case(&scene, &policy).await;
    let friday = "2026-11-20T09:00:00Z";
    open_one(&scene, case_id, DutyKind::InformRegulator, "", friday).await;
    open_one(&scene, case_id, DutyKind::TakeMeasures, "", friday).await;
    let watch = async |when| {
        watch_duties(&scene.world, CaseStep { case_id, at: at(when) }).await.expect("watched");
        told(&scene).await
    };
    // Wednesday the 25th: everything has passed, the regulator was due on Monday, the measures on Tuesday.
    let wednesday = "2026-11-25T09:00:00Z";
    let first = watch(wednesday).await;
    assert_eq!(
        first,
        [
            "inform_regulator:after_opening",
            "inform_regulator:due_day_noon",
            "inform_regulator:breached",
            "take_measures:day_1_end",
            "take_measures:breached",
        ]
    );

    // Monday was a day off: due on Tuesday and Wednesday. Whatever has passed by that count too is not told of again.
    let publish = async |version, days_off: &[&str], when: &str| {
        let approval_id = agree(&scene, version, days_off, "", "2027-12-31").await;
        let step = PublicationStep { approval_id, at: at(when) };
        publish_calendar_version(&scene.world, step).await.expect("published");
        assert_eq!(recompute_at(&scene, version, 10, at(when)).await.1, 2, "both move");
    };
    publish("kz-2", &["2026-11-23"], wednesday).await;
    assert_eq!(watch(wednesday).await, first, "the measures are due this evening: that rung lies ahead");
    let measures_again = watch("2026-11-25T19:00:00Z").await;
    assert_eq!(measures_again[5..], ["take_measures:breached"], "told again, since it passes again");

    // The rest of the week is off too: due on Monday the 30th and on Tuesday. The warnings lie ahead once more, but not
    // that after the opening: the duty was opened when it was.
    publish("kz-3", &["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"], "2026-11-25T20:00:00Z").await;
    assert_eq!(watch("2026-11-29T09:00:00Z").await.len(), 6, "nothing before its time");
    let all = watch("2026-12-02T09:00:00Z").await;
    assert_eq!(
        all[6..],
        [
            "inform_regulator:due_day_noon",
            "inform_regulator:breached",
            "take_measures:day_1_end",
            "take_measures:breached",
        ]
    );
    let left = nesie_storage::sweeps::expected(&scene.owner, None, Some(case_id), 1).await.expect("read");
    assert_eq!((left[0].open, left[0].next_at), (2, None), "nothing is left to be told of");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_duty_that_is_superseded_at_the_very_moment_is_met_by_the_one_that_takes_its_place(owner: PgPool) {
    let scene = scene_with_calendar(owner).await;
    let case_id = case(&scene, &CasePolicy::default()).await;
    let old = open_one(&scene, case_id, DutyKind::InformClient, "c-1", "2026-11-20T09:00:00Z").await;
    let (calendar, now) = (current_calendar(&scene.world).await.expect("there is one"), at("2026-11-20T10:00:00Z"));
    let policy = CasePolicy::default();
    let supersede = async |publishing: &mut PgConnection, old| {
        let old = duties::get(&mut *publishing, old).await.expect("read").expect("there");
        supersede(&scene.world, publishing, &calendar, &policy, &old, old.anchor_at, now).await.expect("superseded")
    };

    // A version is being put in force: what it does is not committed yet when the duty is to be met.
    let mut publishing = pool::begin(&scene.owner).await.expect("begun");
    let new = supersede(&mut publishing, old).await;
    let mut looking = pool::begin(&scene.world.pool).await.expect("begun");
    let looked = duties::open_of_case(&mut looking, case_id);
    let (open, ()) = tokio::join!(looked, async {
        scene.until_somebody_waits().await;
        pool::commit(publishing).await.expect("committed");
    });
    assert_eq!(open.expect("read").iter().map(|duty| duty.id).collect::<Vec<_>>(), [new], "a case has no fewer duties");
    pool::commit(looking).await.expect("committed");

    let mut publishing = pool::begin(&scene.owner).await.expect("begun");
    let newest = supersede(&mut publishing, new).await;
    let mut meeting = pool::begin(&scene.world.pool).await.expect("begun");
    let (kind, evidence) = (DutyKind::InformClient, json!({}));
    let met = meet(&scene.world, &mut meeting, case_id, kind, "c-1", Actor::System, &evidence, now);
    let (met, ()) = tokio::join!(met, async {
        scene.until_somebody_waits().await;
        pool::commit(publishing).await.expect("committed");
    });
    assert_eq!(met.expect("met"), Some(DutyState::Met));
    pool::commit(meeting).await.expect("committed");
    assert_eq!(duties::get(&scene.owner, newest).await.expect("read").expect("there").state, DutyState::Met);
    scene.end().await;
}
