//! Two people over the whole router: who is refused, that it is audited, and that a decision is taken once.

use chrono::{DateTime, TimeDelta, Utc};
use nesie_domain::approval::{ApprovalKind, ApprovalRule};
use nesie_domain::ids::ApprovalId;
use nesie_storage::approvals::{self, NewApproval, approval_object};
use uuid::Uuid;

use super::*;

/// A request of Marat's, made at an instant.
async fn asked(api: &Api, at: DateTime<Utc>) -> ApprovalId {
    let id = ApprovalId::from_uuid(Uuid::now_v7());
    let new = NewApproval {
        id,
        kind: ApprovalKind::PublishCalendar,
        owner: None,
        object: &approval_object(id),
        proposal: &json!({"version": "kz-2"}),
        proposal_sealed: None,
        difference: &json!({"before": "kz-1", "after": "kz-2"}),
        rule: &ApprovalRule::current(ApprovalKind::PublishCalendar),
        maker: &format!("{ISSUER}|marat"),
        maker_reason: "приказ опубликован",
        at,
    };
    let mut connection = api.pool.acquire().await.expect("a connection");
    assert!(approvals::insert(&mut connection, &new).await.expect("asked"));
    id
}

async fn decide(api: &Api, token: &str, id: ApprovalId, key: &str, decision: &str) -> Answer {
    let body = json!({"decision": decision, "reason": "проверено"});
    api.post(token, &format!("/v1/approvals/{id}/decision"), key, &body).await
}

/// How often a decision on a request was denied to somebody, for a reason.
async fn denials(api: &Api, actor: &str, reason: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM audit WHERE NOT allowed AND action IN ('approve', 'reject')
         AND object LIKE 'approval/%' AND actor = $1 AND reason = $2",
    )
    .bind(format!("{ISSUER}|{actor}"))
    .bind(reason)
    .fetch_one(&api.pool)
    .await
    .expect("counted")
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn the_same_person_never_decides_whatever_his_roles_and_the_denial_is_audited(pool: PgPool) {
    let api = Api::start(pool).await;
    let id = asked(&api, crate::time::now()).await;
    let both = token("marat", &["operations", "approver"]);
    for (key, decision) in [("key-1", "approve"), ("key-2", "reject"), ("key-2", "reject")] {
        let answer = decide(&api, &both, id, key, decision).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "same_person"), "{}", answer.body);
    }
    assert_eq!(denials(&api, "marat", "same_person").await, 2, "the repeat got the first one's answer");
    assert_eq!(api.get(&both, &format!("/v1/approvals/{id}")).await.body["state"], "pending");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_decision_needs_a_role_of_the_request_and_is_taken_once(pool: PgPool) {
    let api = Api::start(pool).await;
    let id = asked(&api, crate::time::now()).await;
    let refused = decide(&api, &token("dana", &["operations", "compliance"]), id, "key-1", "approve").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "forbidden"));
    assert_eq!(denials(&api, "dana", "role_missing").await, 1);

    let approver = token("aliya", &["approver"]);
    let bad = api.post(&approver, &format!("/v1/approvals/{id}/decision"), "key-0", &json!({"decision": "yes"})).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let pointers: Vec<_> =
        bad.body["errors"].as_array().expect("errors").iter().map(|e| e["pointer"].clone()).collect();
    assert_eq!(pointers, ["/decision", "/reason"]);

    let first = decide(&api, &approver, id, "key-1", "approve").await;
    assert_eq!((first.status, &first.body["state"]), (StatusCode::OK, &json!("approved")), "{}", first.body);
    let again = decide(&api, &approver, id, "key-1", "approve").await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &first.body));
    let twice = decide(&api, &approver, id, "key-2", "reject").await;
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "approval_not_pending"));
    assert_eq!(denials(&api, "aliya", "approval_not_pending").await, 1);
    let allowed = "SELECT count(*) FROM audit WHERE allowed AND action = 'approve' AND reason = 'проверено'
                   AND actor = 'http://issuer.test|aliya'";
    assert_eq!(api.count(allowed).await, 1);

    let shown = api.get(&token("auditor", &["auditor"]), &format!("/v1/approvals/{id}")).await.body;
    assert_eq!((&shown["state"], &shown["decided_by"]), (&json!("approved"), &json!("http://issuer.test|aliya")));
    assert_eq!((&shown["maker"], &shown["roles"]), (&json!("http://issuer.test|marat"), &json!(["approver"])));
    assert_eq!(
        (&shown["maker_reason"], &shown["decision_reason"]),
        (&json!("приказ опубликован"), &json!("проверено"))
    );
    let unknown = decide(&api, &approver, ApprovalId::from_uuid(Uuid::nil()), "key-3", "approve").await;
    assert_eq!(unknown.code(), "not_found");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn a_request_that_waited_too_long_is_kept_as_expired(pool: PgPool) {
    let api = Api::start(pool).await;
    let id = asked(&api, crate::time::now() - TimeDelta::hours(73)).await;
    let approver = token("aliya", &["approver"]);
    let late = decide(&api, &approver, id, "key-1", "approve").await;
    assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "approval_expired"), "{}", late.body);
    assert_eq!(denials(&api, "aliya", "approval_expired").await, 1);
    assert_eq!(api.count("SELECT count(*) FROM audit WHERE action = 'expire_approval' AND actor = 'system'").await, 1);
    let later = decide(&api, &approver, id, "key-2", "reject").await;
    assert_eq!(later.code(), "approval_not_pending");
    assert_eq!(api.get(&approver, &format!("/v1/approvals/{id}")).await.body["state"], "expired");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn requests_are_listed_by_state_and_kind_a_page_at_a_time(pool: PgPool) {
    let api = Api::start(pool).await;
    let now = crate::time::now();
    let mut ids = Vec::new();
    for hours in [3, 2, 1] {
        ids.push(asked(&api, now - TimeDelta::hours(hours)).await);
    }
    let approver = token("aliya", &["approver"]);
    assert_eq!(decide(&api, &approver, ids[1], "key-1", "reject").await.body["state"], "rejected");
    let listed = async |query: &str| {
        let body = api.get(&approver, &format!("/v1/approvals{query}")).await.body;
        let items = body["items"].as_array().expect("items").iter().map(|item| item["id"].to_string()).collect();
        (items, body["next"].as_str().map(str::to_owned))
    };
    let quoted = |at: &[usize]| -> Vec<String> { at.iter().map(|at| json!(ids[*at]).to_string()).collect() };
    assert_eq!(listed("?state=pending&kind=publish_calendar").await, (quoted(&[2, 0]), None));
    assert_eq!(listed("?state=rejected").await, (quoted(&[1]), None));
    assert_eq!(listed("?kind=write_off").await, (Vec::new(), None));
    let (first, next) = listed("?limit=2").await;
    assert_eq!(first, quoted(&[2, 1]));
    let rest = listed(&format!("?limit=2&cursor={}", next.expect("a next page"))).await;
    assert_eq!(rest, (quoted(&[0]), None));
    let bad = api.get(&approver, "/v1/approvals?state=open&kind=all").await;
    let pointers: Vec<_> =
        bad.body["errors"].as_array().expect("errors").iter().map(|e| e["pointer"].clone()).collect();
    assert_eq!((bad.status, pointers), (StatusCode::UNPROCESSABLE_ENTITY, vec![json!("?state"), json!("?kind")]));
}
