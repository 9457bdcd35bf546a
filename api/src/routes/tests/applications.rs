//! Applications: stored once, read by what their reader may learn, acted on under one key.

use nesie_domain::application::{Outcome, RefusalGround, Stage};
use nesie_domain::ids::{ApplicationId, ParkedStepId, PaymentReference};
use nesie_storage::facts::{self, Actor, Fact, Move};
use nesie_storage::money::{self, Payment, PaymentState};
use nesie_storage::parked::{self, NewParkedStep};
use nesie_storage::screening::Decision;

use super::*;

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_application_is_stored_once_and_its_key_gives_the_same_answer(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let first = api.post(&service, "/v1/applications", "key-1", &application()).await;
    assert_eq!(first.status, StatusCode::ACCEPTED, "{}", first.body);
    assert_eq!(first.headers["location"], first.body["links"]["self"].as_str().expect("a link"));
    let again = api.post(&service, "/v1/applications", "key-1", &application()).await;
    assert_eq!(
        (again.status, &again.body, &again.headers["location"]),
        (first.status, &first.body, &first.headers["location"])
    );
    let mut other = application();
    other["amount"] = "200000.00".into();
    let reused = api.post(&service, "/v1/applications", "key-1", &other).await;
    assert_eq!((reused.status, reused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"));
    assert_eq!(api.count("SELECT count(*) FROM applications").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'submit_application' AND allowed").await, 1);

    let path = first.body["links"]["self"].as_str().expect("a link");
    let own = api.get(&service, path).await;
    assert_eq!(
        (own.status, &own.body["amount"], &own.body["annual_rate"]),
        (StatusCode::OK, &json!("300000.00"), &json!("36.0"))
    );
    assert_eq!(own.body["stage"]["stage"], "assessing");
    let foreign = api.get(&token("other", &["service"]), path).await;
    let unknown = api.get(&service, "/v1/applications/6f8ff3c4-0c2c-4f0a-9d53-3c8a3a1d8a10").await;
    assert_eq!(
        (foreign.status, foreign.code(), &foreign.body["detail"]),
        (unknown.status, unknown.code(), &unknown.body["detail"])
    );
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE reason = 'not_the_submitter'").await, 1);
    assert_eq!(api.get(&token("other", &["service"]), "/v1/applications").await.body["items"], json!([]));
    assert_eq!(
        api.get(&token("o", &["operations"]), "/v1/applications").await.body["items"].as_array().map(Vec::len),
        Some(1)
    );
    let sealed: bool =
        sqlx::query_scalar("SELECT position('900101300017'::bytea IN applicant_sealed) = 0 FROM applications")
            .fetch_one(&api.pool)
            .await
            .expect("read");
    assert!(sealed, "the applicant is not stored in plain text");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_bad_request_names_its_fields_and_stores_nothing(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let mut bad = application();
    bad["client"]["iin"] = "900101300018".into();
    bad["annual_rate"] = 36.into();
    let answer = api.post(&service, "/v1/applications", "key-1", &bad).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"));
    let pointers: Vec<_> =
        answer.body["errors"].as_array().expect("errors").iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/client/iin", "/annual_rate"]);
    bad["channel"] = "fax".into();
    bad["annual_rate"] = "99.0".into();
    let answer = api.post(&service, "/v1/applications", "key-1", &bad).await;
    let mut codes: Vec<_> =
        answer.body["errors"].as_array().expect("errors").iter().map(|error| error["code"].clone()).collect();
    codes.dedup();
    for code in ["iin.checksum", "channel.unknown", "limit.effective_rate"] {
        assert!(codes.contains(&code.into()), "each is named at once: {codes:?}");
    }
    let list = api.get(&service, "/v1/applications?stage=no&limit=0").await;
    let pointers: Vec<_> =
        list.body["errors"].as_array().expect("errors").iter().map(|error| &error["pointer"]).collect();
    assert_eq!(pointers, ["?stage", "?limit"]);
    let misspelt = api.get(&service, "/v1/applications?stages=closed").await;
    assert_eq!((misspelt.status, misspelt.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"));
    let huge = json!({"amount": "92233720368547758.07", "annual_rate": "36.0", "term_months": 12});
    let quotes = api.post(&service, "/v1/quotes", "key-2", &huge).await;
    assert_eq!(quotes.body["errors"][0]["pointer"], "/amount", "{}", quotes.body);
    for (change, code) in
        [(json!({"channel": "fax"}), "channel.unknown"), (json!({"annual_rate": "99.0"}), "limit.effective_rate")]
    {
        let mut body = application();
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = api.post(&service, "/v1/applications", "key-1", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{code}: {}", answer.body);
        assert_eq!(answer.body["errors"][0]["code"], code);
    }
    let empty = [
        api.count("SELECT count(*) FROM applications").await,
        api.count("SELECT count(*) FROM idempotency_keys").await,
        api.count("SELECT count(*) FROM audit").await,
    ];
    assert_eq!(empty, [0, 0, 0]);
    let keyless = Request::post("/v1/applications")
        .header("authorization", format!("Bearer {service}"))
        .header("content-type", "application/json")
        .body(Body::from(application().to_string()))
        .expect("a request");
    assert_eq!(api.send(keyless).await.code(), "idempotency_key_required");
    let large = json!({"amount": "1".repeat(70_000)});
    assert_eq!(api.post(&service, "/v1/applications", "key-2", &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_service_learns_nothing_of_a_list(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let fact = Fact {
        owner: id.into(),
        fact_key: "end",
        kind: "application_closed",
        details: json!({"outcome": {"outcome": "refused", "ground": "terrorism_financing_list"}}),
        at: crate::time::now(),
        actor: Actor::System,
        build: "test",
        moves: Move::Application {
            stage: &Stage::Closed,
            outcome: Some(&Outcome::Refused { ground: RefusalGround::TerrorismFinancingList }),
        },
        event: None,
    };
    let mut connection = api.pool.acquire().await.expect("a connection");
    facts::record(&mut connection, fact).await.expect("recorded");
    let path = format!("/v1/applications/{id}");
    for (role, shown) in
        [("service", "not_granted"), ("operations", "not_granted"), ("compliance", "terrorism_financing_list")]
    {
        let token = token("front", &[role]);
        assert_eq!(api.get(&token, &path).await.body["outcome"]["ground"], shown, "{role}");
        let story = api.get(&token, &format!("{path}/timeline")).await.body;
        assert_eq!(story["items"][0]["details"]["outcome"]["ground"], shown, "{role}");
        assert_eq!(api.get(&token, "/v1/applications").await.body["items"][0]["outcome"]["ground"], shown);
    }
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_parked_application_says_whose_decision_it_waits_for(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let path = format!("/v1/applications/{id}");
    let before = api.get(&service, &path).await.body;
    assert_eq!((&before["expected"], &before["waiting_for"]), (&Value::Null, &json!("lender")));
    assert_eq!(api.get(&token("o", &["operations"]), &path).await.body["expected"], Value::Null);

    let step = NewParkedStep {
        id: ParkedStepId::from_uuid(uuid::Uuid::from_u128(7)),
        owner: id.into(),
        step: "screen_client",
        occasion: 1,
        provider: Some("aml"),
        failure_code: "aml.lists_missing",
        retry_is_safe: true,
        nothing_sent: false,
        explanation: "Перечни еще не загружены.",
        parked_at: crate::time::now(),
    };
    let mut connection = api.pool.acquire().await.expect("a connection");
    parked::insert(&mut connection, &step).await.expect("parked");
    let after = api.get(&service, &path).await.body;
    assert_eq!((&after["expected"], &after["waiting_for"]), (&before["expected"], &before["waiting_for"]));
    for role in ["operations", "approver", "compliance", "auditor"] {
        let expected = api.get(&token("o", &[role]), &path).await.body["expected"].clone();
        let decision = json!({
            "act": "decide_parked_step", "of": "operations", "method": "POST",
            "path": format!("/v1/parked-steps/{}/decision", step.id), "parked_step_id": step.id,
            "decisions": ["retry", "fail_and_compensate"], "with_second_person": [],
        });
        assert_eq!(expected, decision, "{role}");
    }
    for (role, code) in
        [("operations", "check.waits"), ("compliance", "aml.lists_missing"), ("auditor", "aml.lists_missing")]
    {
        let list = api.get(&token("o", &[role]), "/v1/parked-steps").await.body;
        assert_eq!(list["items"][0]["failure_code"], code, "{role}");
        assert_eq!(list["items"][0]["explanation"] == step.explanation, role != "operations", "{role}");
    }
    let decided = Decision { decision: "retry", decided_by: "o", reason: "loaded", at: crate::time::now() };
    parked::decide(&mut connection, id, step.id, &decided).await.expect("decided");
    assert_eq!(api.get(&token("o", &["operations"]), &path).await.body["expected"], Value::Null);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_payout_that_was_sent_after_all_is_not_given_up_and_one_that_was_released_is_asked_of_its_workflow(
    pool: PgPool,
) {
    let api = Api::start(pool).await;
    let (service, operations) = (token("front", &["service"]), token("o", &["operations"]));
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let step = NewParkedStep {
        id: ParkedStepId::from_uuid(uuid::Uuid::from_u128(8)),
        owner: id.into(),
        step: "transfer_money",
        occasion: 1,
        provider: None,
        failure_code: "client.leak_unverified",
        retry_is_safe: true,
        nothing_sent: true,
        explanation: "Деньги не отправлены.",
        parked_at: crate::time::now(),
    };
    let mut connection = api.pool.acquire().await.expect("a connection");
    parked::insert(&mut connection, &step).await.expect("parked");
    let payment = Payment {
        our_reference: PaymentReference::from_uuid(uuid::Uuid::from_u128(9)),
        method: "account".to_owned(),
        payment_profile: "dedup".to_owned(),
        amount: nesie_domain::money::Money::from_tiyn(30_000_000),
        state: PaymentState::Reserved,
        provider_reference: None,
        sent_at: None,
        confirmed_at: None,
    };
    money::reserve(&mut connection, id, &payment, crate::time::now()).await.expect("reserved");
    let shown = api.get(&operations, &format!("/v1/applications/{id}")).await.body;
    assert_eq!(shown["expected"]["decisions"], json!(["retry", "fail_and_compensate"]));
    let give_up = async |key: &str| {
        let body = json!({"decision": "fail_and_compensate", "reason": "клиент не проверен"});
        api.post(&operations, &format!("/v1/parked-steps/{}/decision", step.id), key, &body).await
    };
    money::mark_sent(&mut connection, payment.our_reference, crate::time::now()).await.expect("sent after all");
    let refused = give_up("k-1").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "remedy_not_possible"));
    let denials = "SELECT count(*) FROM audit WHERE reason = 'payment_was_sent' AND NOT allowed";
    assert_eq!(api.count(denials).await, 1);
    // Released by the very decision whose answer was lost: the workflow, not the payment, says what became of it.
    let released = format!("UPDATE payments SET state = 'released' WHERE our_reference = '{}'", payment.our_reference);
    sqlx::query(sqlx::AssertSqlSafe(released)).execute(&api.pool).await.expect("released");
    let repeated = give_up("k-2").await;
    assert_eq!((repeated.status, repeated.code()), (StatusCode::SERVICE_UNAVAILABLE, "not_known_to_be_done"));
    assert_eq!(api.count(denials).await, 1, "no denial that is not one");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_page_is_waited_for_until_what_its_reader_sees_has_changed(pool: PgPool) {
    let api = Api::start(pool).await;
    let (service, officer) = (token("front", &["service"]), token("o", &["compliance"]));
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let path = format!("/v1/applications/{id}");
    let tag_of = |answer: &Answer| answer.headers["etag"].to_str().expect("a tag").to_owned();
    let first = tag_of(&api.get(&service, &path).await);
    let first_of_officer = tag_of(&api.get(&officer, &path).await);
    let same = api.changed(&service, &path, &first, 0).await;
    assert_eq!((same.status, &same.body, tag_of(&same)), (StatusCode::NOT_MODIFIED, &Value::Null, first.clone()));

    let move_to = async |key: &str, stage: &Stage| {
        let fact = Fact {
            owner: id.into(),
            fact_key: key,
            kind: "moved",
            details: json!({}),
            at: crate::time::now(),
            actor: Actor::System,
            build: "test",
            moves: Move::Application { stage, outcome: None },
            event: None,
        };
        let mut connection = api.pool.acquire().await.expect("a connection");
        facts::record(&mut connection, fact).await.expect("recorded");
    };
    // A wait for compliance begins: the officer learns of it at once, the front end of nothing.
    let match_id = nesie_domain::ids::ScreeningMatchId::from_uuid(uuid::Uuid::from_u128(5));
    let matched = Stage::AwaitingScreeningDecision { match_id };
    let (seen, unseen, ()) = tokio::join!(
        api.changed(&officer, &path, &first_of_officer, 10),
        api.changed(&service, &path, &first, 1),
        move_to("match", &matched),
    );
    assert_eq!((seen.status, &seen.body["stage"]["stage"]), (StatusCode::OK, &json!("awaiting_screening_decision")));
    assert_eq!(unseen.status, StatusCode::NOT_MODIFIED);

    let waiting = std::time::Instant::now();
    let (seen, ()) =
        tokio::join!(api.changed(&service, &path, &first, 10), move_to("cleared", &Stage::Processing { act: None }));
    assert_eq!((seen.status, &seen.body["stage"]["stage"]), (StatusCode::OK, &json!("processing")));
    assert!(waiting.elapsed() < std::time::Duration::from_secs(9), "woken, not timed out");
    let stranger = api.changed(&token("somebody-else", &["service"]), &path, &first, 10).await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_act_that_nobody_answers_is_503_and_its_repeat_goes_on_with_the_same_submission(pool: PgPool) {
    let api = Api::start(pool).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let path = format!("{}/withdrawal", submitted.body["links"]["self"].as_str().expect("a link"));
    let body = json!({"reason": "changed my mind"});
    for _ in 0..2 {
        // Its workflow was never started, and no worker would answer.
        let answer = api.post(&service, &path, "key-2", &body).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "not_known_to_be_done"));
        assert_eq!(answer.headers["retry-after"], "2");
    }
    assert_eq!(api.count("SELECT count(*) FROM submissions").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'received:withdraw'").await, 1);
    assert_eq!(
        api.count("SELECT count(*) FROM audit WHERE action = 'withdraw'").await,
        0,
        "the guard has not answered"
    );
    let plain = nesie_platform::protection::sha256(body.to_string().as_bytes());
    for table in ["submissions", "idempotency_keys"] {
        let hashes: Vec<Vec<u8>> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT body_sha256 FROM {table}")))
            .fetch_all(&api.pool)
            .await
            .expect("read");
        assert!(!hashes.is_empty() && hashes.iter().all(|hash| hash.len() == 32 && *hash != plain), "{table}");
    }
    let other = api.post(&service, &path, "key-2", &json!({"reason": "another"})).await;
    assert_eq!((other.status, other.code()), (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"));
    let foreign = api.post(&token("other", &["service"]), &path, "key-3", &body).await;
    assert_eq!((foreign.status, foreign.code()), (StatusCode::NOT_FOUND, "not_found"));
    // A role of staff lets read what others submitted, never act in a client's name.
    let reader = token("reader", &["service", "auditor"]);
    let own = submitted.body["links"]["self"].as_str().expect("a link");
    assert_eq!(api.get(&reader, own).await.status, StatusCode::OK);
    let foreign = api.post(&reader, &path, "key-4", &body).await;
    assert_eq!((foreign.status, foreign.code()), (StatusCode::NOT_FOUND, "not_found"));
    let denials =
        "SELECT count(*) FROM audit WHERE actor LIKE '%|reader' AND reason = 'not_the_submitter' AND NOT allowed";
    assert_eq!(api.count(denials).await, 1);
    let sealed: bool =
        sqlx::query_scalar("SELECT position('changed my mind'::bytea IN body_sealed) = 0 FROM submissions")
            .fetch_one(&api.pool)
            .await
            .expect("read");
    assert!(sealed, "what a client sent is sealed");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn an_act_on_a_closed_application_is_answered_from_postgresql(pool: PgPool) {
    assert!(std::env::var("TEMPORAL_ADDRESS").is_ok(), "this test asks Temporal for a workflow that is not there");
    let api = Api::start(over_one_connection(&pool).await).await;
    let service = token("front", &["service"]);
    let submitted = api.post(&service, "/v1/applications", "key-1", &application()).await;
    let id: ApplicationId = submitted.body["id"].as_str().expect("an id").parse().expect("a UUID");
    let fact = Fact {
        owner: id.into(),
        fact_key: "end",
        kind: "application_closed",
        details: json!({}),
        at: crate::time::now(),
        actor: Actor::System,
        build: "test",
        moves: Move::Application { stage: &Stage::Closed, outcome: Some(&Outcome::Expired) },
        event: None,
    };
    let mut connection = pool.acquire().await.expect("a connection");
    facts::record(&mut connection, fact).await.expect("recorded");
    let path = format!("/v1/applications/{id}/withdrawal");
    let body = json!({"reason": "too late"});
    let first = api.post(&service, &path, "key-2", &body).await;
    assert_eq!((first.status, first.code()), (StatusCode::CONFLICT, "act_not_expected"), "{}", first.body);
    assert_eq!(first.body["expected"], Value::Null);
    let again = api.post(&service, &path, "key-2", &body).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "act_not_expected"));
    assert_ne!(again.body["request_id"], first.body["request_id"], "each request keeps its own id");
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'withdraw' AND NOT allowed").await, 1);
}
