//! Two people, over a real PostgreSQL: who may decide, once, in time; and that nothing is ever deleted.

use chrono::TimeDelta;

use super::*;

const MAKER: &str = "http://issuer.test|marat";
const OTHER: &str = "http://issuer.test|dana";

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
}

fn id(number: u128) -> ApprovalId {
    ApprovalId::from_uuid(Uuid::from_u128(number))
}

fn approver() -> Vec<String> {
    vec!["approver".to_owned()]
}

/// Asks for the second person at the hour of the same number.
async fn ask(connection: &mut PgConnection, number: u128, kind: ApprovalKind, object: &str) -> bool {
    let new = NewApproval {
        id: id(number),
        kind,
        owner: None,
        object,
        proposal: &json!({ "version": "kz-2" }),
        proposal_sealed: Some(b"sealed"),
        difference: &json!({ "before": "kz-1", "after": "kz-2" }),
        rule: &ApprovalRule::current(kind),
        maker: MAKER,
        maker_reason: "приказ опубликован",
        at: at(i64::try_from(number).expect("small")),
    };
    insert(connection, &new).await.expect("asked")
}

async fn state(pool: &PgPool, number: u128) -> ApprovalState {
    get(pool, id(number)).await.expect("read").expect("there").state
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn another_person_with_a_role_of_the_request_decides_once(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    let decide = async |connection: &mut PgConnection, by: &str, roles: &[String], approve: bool| {
        decide(connection, id(1), by, roles, approve, "проверено", at(2)).await.expect("answered")
    };
    assert_eq!(decide(&mut connection, OTHER, &approver(), true).await, DecideOutcome::Missing);
    assert!(ask(&mut connection, 1, ApprovalKind::PublishCalendar, "calendar/kz-2").await);
    let both = vec!["operations".to_owned(), "approver".to_owned()];
    assert_eq!(decide(&mut connection, MAKER, &both, true).await, DecideOutcome::SamePerson);
    assert_eq!(decide(&mut connection, MAKER, &both, false).await, DecideOutcome::SamePerson);
    assert_eq!(decide(&mut connection, OTHER, &["operations".to_owned()], true).await, DecideOutcome::RoleMissing);
    assert_eq!(state(&pool, 1).await, ApprovalState::Pending);
    assert!(to_pass_on(&mut connection, 10).await.expect("read").is_empty(), "nothing is decided");

    let approved = DecideOutcome::Decided(ApprovalState::Approved);
    assert_eq!(decide(&mut connection, OTHER, &approver(), true).await, approved);
    let again = DecideOutcome::NotPending(ApprovalState::Approved);
    assert_eq!(decide(&mut connection, "http://issuer.test|aliya", &approver(), false).await, again);
    let stored = get(&pool, id(1)).await.expect("read").expect("there");
    assert_eq!((stored.maker.as_str(), stored.maker_reason.as_str()), (MAKER, "приказ опубликован"));
    assert_eq!((stored.decided_by.as_deref(), stored.decision_reason.as_deref()), (Some(OTHER), Some("проверено")));
    assert_eq!((stored.decided_at, stored.expires_at), (Some(at(2)), at(73)));
    assert_eq!(stored.rule, ApprovalRule::current(ApprovalKind::PublishCalendar));

    let mut relay = pool.begin().await.expect("a transaction");
    assert_eq!(to_pass_on(&mut relay, 10).await.expect("read"), [stored]);
    assert!(to_pass_on(&mut connection, 10).await.expect("read").is_empty(), "another relay holds it");
    mark_passed_on(&mut relay, id(1), at(3)).await.expect("marked");
    relay.commit().await.expect("committed");
    assert!(to_pass_on(&mut connection, 10).await.expect("read").is_empty());
    assert!(mark_passed_on(&mut connection, id(1), at(3)).await.is_err(), "once");
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn of_two_who_decide_at_once_one_does(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    ask(&mut connection, 1, ApprovalKind::WriteOff, "case/1").await;
    let mut first = pool.begin().await.expect("a transaction");
    let approved = decide(&mut first, id(1), OTHER, &approver(), true, "да", at(2)).await.expect("answered");
    assert_eq!(approved, DecideOutcome::Decided(ApprovalState::Approved));
    let roles = approver();
    let second = decide(&mut connection, id(1), "http://issuer.test|aliya", &roles, false, "нет", at(2));
    let (second, committed) = tokio::join!(second, first.commit());
    committed.expect("committed");
    assert_eq!(second.expect("answered"), DecideOutcome::NotPending(ApprovalState::Approved));
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn a_request_that_waits_too_long_expires_and_says_so(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    for number in [1, 2, 3] {
        ask(&mut connection, number, ApprovalKind::Resumption, "case/1").await;
    }
    let late = decide(&mut connection, id(1), OTHER, &approver(), true, "да", at(73)).await.expect("answered");
    assert_eq!(late, DecideOutcome::Expired);
    assert_eq!(state(&pool, 1).await, ApprovalState::Expired);
    assert_eq!(expire_due(&mut connection, at(74)).await.expect("expired"), 1, "the second; the third may still wait");
    assert_eq!(expire_due(&mut connection, at(74)).await.expect("expired"), 0);
    let expired = get(&pool, id(2)).await.expect("read").expect("there");
    assert_eq!((expired.state, expired.decided_at, expired.decided_by), (ApprovalState::Expired, Some(at(74)), None));
    assert_eq!(state(&pool, 3).await, ApprovalState::Pending);
    let told: Vec<_> = to_pass_on(&mut connection, 10).await.expect("read").iter().map(|one| one.id).collect();
    assert_eq!(told, [id(1), id(2)]);
    let audited: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM audit WHERE action = 'expire_approval' AND actor = 'system' AND object LIKE 'approval/%'",
    )
    .fetch_one(&pool)
    .await
    .expect("counted");
    assert_eq!(audited, 2);
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn a_parked_step_has_one_request_that_waits(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    assert!(ask(&mut connection, 1, ApprovalKind::CompleteByHand, "parked_step/1").await);
    assert!(!ask(&mut connection, 2, ApprovalKind::RetryCorrected, "parked_step/1").await, "one waits");
    assert!(ask(&mut connection, 3, ApprovalKind::CompleteByHand, "parked_step/2").await);
    decide(&mut connection, id(1), OTHER, &approver(), false, "не доказано", at(2)).await.expect("answered");
    assert!(
        ask(&mut connection, 4, ApprovalKind::CompleteByHand, "parked_step/1").await,
        "a rejection stays, and ends it"
    );
    assert_eq!(state(&pool, 1).await, ApprovalState::Rejected);

    let all = page(&pool, Filter::default(), None, 10).await.expect("read");
    assert_eq!(all.iter().map(|one| one.id).collect::<Vec<_>>(), [id(4), id(3), id(1)]);
    let filter = Filter { state: Some(ApprovalState::Pending), kind: Some(ApprovalKind::CompleteByHand) };
    let next = page(&pool, filter, Some((at(4), Uuid::from_u128(4))), 10).await.expect("read");
    assert_eq!(next.iter().map(|one| one.id).collect::<Vec<_>>(), [id(3)]);
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned)
}

#[sqlx::test(migrator = "crate::migrate::MIGRATOR")]
async fn the_application_role_can_neither_delete_nor_rewrite_a_request(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    ask(&mut connection, 1, ApprovalKind::WriteOff, "case/1").await;
    for statement in [
        "DELETE FROM approvals",
        "TRUNCATE approvals",
        "UPDATE approvals SET maker = 'x|y'",
        "UPDATE approvals SET rule = '{}'",
        "UPDATE approvals SET proposal = '{}'",
        "UPDATE approvals SET difference = '{}'",
        "UPDATE approvals SET expires_at = now()",
        "UPDATE approvals SET maker_reason = 'z'",
    ] {
        let mut transaction = pool.begin().await.expect("a transaction");
        sqlx::query("SET LOCAL ROLE nesie_app").execute(&mut *transaction).await.expect("the role exists");
        let refused = sqlx::query(statement).execute(&mut *transaction).await.expect_err(statement);
        let code = code_of(&refused);
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
    // What the row itself refuses, whoever writes it.
    for statement in [
        "UPDATE approvals SET state = 'approved', decided_at = now(), decided_by = maker, decision_reason = 'r'",
        "UPDATE approvals SET state = 'approved', decided_at = now(), decided_by = 'x|y', decision_reason = ''",
        "UPDATE approvals SET state = 'approved', decided_at = now()",
        "UPDATE approvals SET maker_reason = ''",
    ] {
        let refused = sqlx::query(statement).execute(&pool).await.expect_err(statement);
        let code = code_of(&refused);
        assert_eq!(code.as_deref(), Some("23514"), "{statement}: {refused}");
    }
}
