//! Duties over the whole router and a real PostgreSQL: as they stand, as they stood, page by page.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::calendar::{CalendarDay, CalendarVersion, DayKind, local_date};
use nesie_domain::case::{CaseKind, CasePolicy};
use nesie_domain::duty::DutyKind;
use nesie_domain::ids::{CaseId, DutyId};
use nesie_storage::cases::{self, NewCase};
use nesie_storage::duties::{self, NewDuty, PlannedRung};
use nesie_storage::{PgPool, calendar};
use serde_json::json;
use uuid::Uuid;

use crate::routes::tests::{Api, token};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

async fn case(pool: &PgPool, number: u128) -> CaseId {
    let id = CaseId::from_uuid(Uuid::from_u128(number));
    let new = NewCase {
        id,
        kind: CaseKind::FraudIncident,
        submitted_by: "i|s",
        natural_key: &number.to_be_bytes(),
        content_index: b"content",
        details_sealed: b"sealed",
        summary: &json!({}),
        policy: &CasePolicy::default(),
        ruleset: "2025-01-01",
        build: "test",
        received_at: at("2026-11-20T09:00:00Z"),
    };
    cases::insert(&mut pool.acquire().await.expect("a connection"), &new).await.expect("inserted");
    id
}

/// Opens a duty as the activities do; its id is made of the case and the kind.
async fn open(pool: &PgPool, case_id: CaseId, kind: DutyKind, generation: i32, anchor: &str) -> DutyId {
    let calendar = calendar::current(pool).await.expect("there is one");
    let counted = calendar.count(local_date(at(anchor)), kind.legal_basis().2).ok();
    let name = format!("{case_id}|{kind:?}|{generation}");
    let id = DutyId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()));
    let new = NewDuty {
        id,
        case_id,
        kind,
        subject: "",
        generation,
        anchor_at: at(anchor),
        calendar_version: calendar.version().as_str(),
        due: counted.as_ref().map(|counted| (counted.due_on, counted.due_at)),
        estimated: counted.as_ref().is_some_and(|counted| counted.crosses_estimated),
        counted: &json!(counted),
        ladder: &[PlannedRung { rung: "due_day_noon".to_owned(), at: at("2026-11-23T07:00:00Z") }],
        opened_at: at(anchor),
    };
    duties::open(&mut pool.acquire().await.expect("a connection"), &new).await.expect("opened");
    id
}

fn ids(answer: &serde_json::Value) -> Vec<String> {
    let items = answer["items"].as_array().expect("items");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn duties_are_listed_as_they_stood_at_an_instant(pool: PgPool) {
    let api = Api::start(pool.clone()).await;
    let auditor = token("a", &["auditor"]);
    let (first, second) = (case(&pool, 1).await, case(&pool, 2).await);
    let anchor = "2026-11-20T09:00:00Z";
    let client = open(&pool, first, DutyKind::InformClient, 0, anchor).await.to_string();
    let regulator = open(&pool, first, DutyKind::InformRegulator, 0, anchor).await;
    let measures = open(&pool, second, DutyKind::TakeMeasures, 0, anchor).await.to_string();
    let undetermined = open(&pool, second, DutyKind::DecideWriteOff, 0, "2027-12-29T09:00:00Z").await.to_string();
    // The 23rd ends at 19:00 UTC; the very instant is late.
    let mut connection = pool.acquire().await.expect("a connection");
    let (evidence, midnight) = (json!({"receipt": "r-1"}), at("2026-11-23T19:00:00Z"));
    let met = duties::meet(&mut connection, regulator, "i|op", &evidence, midnight).await.expect("met");
    assert_eq!(met, Some(duties::DutyState::MetLate));
    let regulator = regulator.to_string();

    let list = |query: String| {
        let (api, auditor) = (&api, &auditor);
        async move {
            let answer = api.get(auditor, &format!("/v1/duties?{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
            answer.body
        }
    };
    // On the 22nd everything was open, and nothing of the future is told.
    let then = list("as_of=2026-11-22T00:00:00Z".to_owned()).await;
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(ids(&then)), sorted(vec![client.clone(), regulator.clone(), measures.clone()]));
    for item in then["items"].as_array().expect("items") {
        assert_eq!(
            (&item["state"], &item["ended_at"], &item["evidence"]),
            (&json!("open"), &json!(null), &json!(null))
        );
    }
    assert_eq!(ids(&list("as_of=2026-11-22T00:00:00Z&state=met_late".to_owned()).await), [""; 0]);
    // On the 23rd at 24:00 the first two are due.
    let due = "as_of=2026-11-23T19:00:00Z";
    let breached = list(format!("{due}&state=breached")).await;
    assert_eq!(ids(&breached), std::slice::from_ref(&client));
    assert_eq!(breached["items"][0]["due_at"], "2026-11-23T19:00:00Z");
    assert_eq!(breached["items"][0]["due_at_almaty"], "2026-11-24T00:00:00+05:00");
    let late = list(format!("{due}&state=met_late")).await;
    assert_eq!(ids(&late), std::slice::from_ref(&regulator));
    assert_eq!(late["items"][0]["evidence"], json!({"receipt": "r-1"}));
    assert_eq!(ids(&list(format!("{due}&state=open")).await), [client.clone(), measures.clone()]);
    // Filters, and the undetermined one, which comes last.
    let later = "as_of=2027-12-30T00:00:00Z";
    assert_eq!(
        ids(&list(format!("{later}&state=open")).await),
        [client.clone(), measures.clone(), undetermined.clone()]
    );
    assert_eq!(ids(&list(format!("{later}&kind=take_measures")).await), std::slice::from_ref(&measures));
    assert_eq!(ids(&list(format!("{later}&paragraph=13(4)")).await), std::slice::from_ref(&undetermined));
    assert_eq!(
        sorted(ids(&list(format!("{later}&case_id={first}")).await)),
        sorted(vec![client.clone(), regulator.clone()])
    );
    assert_eq!(
        ids(&list(format!("{later}&due_from=2026-11-24&due_to=2026-11-24")).await),
        std::slice::from_ref(&measures)
    );
    // Page by page, each once.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(format!("{later}&limit=1{cursor}")).await;
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 4);
    assert_eq!(sorted(seen), sorted(vec![client, regulator, measures, undetermined]));

    let bad = "state=x&kind=x&paragraph=x&due_from=x&due_to=2026-1-1&case_id=x&as_of=today&limit=0";
    let answer = api.get(&auditor, &format!("/v1/duties?{bad}")).await;
    let errors = answer.body["errors"].as_array().expect("errors").len();
    assert_eq!((answer.status, errors), (StatusCode::UNPROCESSABLE_ENTITY, 8), "{}", answer.body);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_duty_shows_its_count_its_rungs_and_what_took_its_place(pool: PgPool) {
    let api = Api::start(pool.clone()).await;
    let operations = token("o", &["operations"]);
    let case_id = case(&pool, 1).await;
    let anchor = at("2026-11-20T09:00:00Z");
    let old = open(&pool, case_id, DutyKind::InformClient, 0, "2026-11-20T09:00:00Z").await;
    let mut connection = pool.acquire().await.expect("a connection");
    let rung = PlannedRung { rung: "due_day_noon".to_owned(), at: at("2026-11-23T07:00:00Z") };
    assert!(duties::claim_rung(&mut connection, old, &rung, anchor).await.expect("claimed"));

    // Another calendar takes the Monday off.
    let shipped = calendar::current(&pool).await.expect("there is one");
    let mut days: Vec<CalendarDay> = shipped.days().cloned().collect();
    days.push(CalendarDay {
        on: "2026-11-23".parse().expect("a date"),
        kind: DayKind::TransferredDayOff,
        name: "Выходной".to_owned(),
        source: "приказ Министра труда".to_owned(),
        estimated: false,
    });
    let new = calendar::NewVersion {
        version: CalendarVersion::parse("kz-2").expect("a version"),
        first_day: shipped.span().0,
        last_day: shipped.span().1,
        source: "приказ".to_owned(),
        published_at: anchor,
        days,
    };
    calendar::insert(&mut connection, &new, "i|s", None).await.expect("published");
    let name = format!("{case_id}|{:?}|1", DutyKind::InformClient);
    let next = DutyId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()));
    let mut transaction = nesie_storage::pool::begin(&pool).await.expect("begun");
    duties::supersede(&mut transaction, old, next, anchor + TimeDelta::hours(1)).await.expect("superseded");
    let calendar = calendar::current(&pool).await.expect("there is one");
    let counted = calendar.count(local_date(anchor), 1).expect("counted");
    let new = NewDuty {
        id: next,
        case_id,
        kind: DutyKind::InformClient,
        subject: "",
        generation: 1,
        anchor_at: anchor,
        calendar_version: "kz-2",
        due: Some((counted.due_on, counted.due_at)),
        estimated: false,
        counted: &json!(counted),
        ladder: &[],
        opened_at: anchor + TimeDelta::hours(1),
    };
    duties::open(&mut transaction, &new).await.expect("opened");
    nesie_storage::pool::commit(transaction).await.expect("committed");

    let answer = api.get(&operations, &format!("/v1/duties/{old}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let duty = answer.body;
    assert_eq!((&duty["state"], &duty["due_on"]), (&json!("superseded"), &json!("2026-11-23")));
    assert_eq!(duty["superseded_by"], json!(next));
    assert_eq!(duty["count"]["counted"], json!(["2026-11-23"]));
    assert_eq!(duty["count"]["skipped"][0], json!({"on": "2026-11-21", "reason": "weekend"}));
    assert_eq!(duty["rungs"][0]["rung"], "due_day_noon");
    assert_eq!(duty["rungs"][0]["planned_at_almaty"], "2026-11-23T12:00:00+05:00");
    assert_eq!(duty["rungs"][0]["claimed_at"], json!(anchor));
    let due: Vec<_> =
        duty["generations"].as_array().expect("generations").iter().map(|one| one["due_on"].clone()).collect();
    assert_eq!(due, ["2026-11-23", "2026-11-24"]);
    let answer = api.get(&operations, &format!("/v1/duties/{next}")).await;
    assert_eq!(answer.body["count"]["skipped"][2], json!({"on": "2026-11-23", "reason": "Выходной"}));
    assert_eq!(api.get(&operations, &format!("/v1/duties/{case_id}")).await.status, StatusCode::NOT_FOUND);
}
