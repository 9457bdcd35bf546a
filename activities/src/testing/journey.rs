//! The way of an application through all steps, in their order, with as much care as a test asks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nesie_domain::act::ActKind;
use nesie_domain::application::{Outcome, Stage};
use nesie_domain::person::ClientKind;
use nesie_storage::views::agreement as views;
use nesie_workflows::contract::{ActInput, CreditVerdict, Screening, Transfer, Verdict};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::idempotence::{Before, Care, take};
use super::scene::{Ask, IBAN, IIN, Scene};
use crate::failure::Failure;
use crate::record::hex;
use crate::{
    agreement, closing, contract, credit, disbursement_method, identification, lists, loan, offer, payment,
    renewed_consent, screening, signature, transfer,
};

/// What the client chooses on his way.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) care: Care,
    pub(super) method: &'static str,
    pub(super) disbursement: Value,
}

impl Plan {
    pub(super) fn to_account(profile: &str) -> Self {
        let disbursement = json!({ "method": "account", "iban": IBAN, "payment_profile": profile });
        Self { care: Care::Quick, method: "annuity", disbursement }
    }

    fn thorough(method: &'static str, disbursement: Value) -> Self {
        Self { care: Care::Thorough, method, disbursement }
    }
}

impl Scene {
    /// Screening, credit report and offer.
    pub(super) async fn reach_offer(&self, care: Care) {
        let refreshed = take(self, care, "refresh_aml_lists", Before::Nothing, &[("aml", "list")], async || {
            // Whether it changed anything, a repeat can not say again.
            let refreshed = lists::refresh_aml_lists(&self.world, self.now()).await?;
            Ok((refreshed.versions, refreshed.entries))
        });
        let (versions, entries) = refreshed.await;
        assert!(versions.len() == 2 && entries >= 2_000, "{versions:?} {entries}");
        let proprietor = self.value("SELECT client_kind FROM applications").await == "sole_proprietor";
        let register: &[(&str, &str)] = if proprietor { &[("proprietors", "lookup")] } else { &[] };
        let screening = take(self, care, "screen_client", Before::Nothing, register, async || {
            screening::screen_client(&self.world, self.step()).await
        });
        assert_eq!(screening.await, Screening::Clear);
        let report = take(self, care, "fetch_credit_report", Before::Nothing, &[("bureau", "report")], async || {
            credit::fetch_credit_report(&self.world, self.step()).await
        });
        assert_eq!(report.await, CreditVerdict::Eligible);
        let drafted = take(self, care, "draft_offer", Before::Nothing, &[], async || {
            offer::draft_offer(&self.world, self.step()).await
        });
        self.expect(drafted.await, Stage::AwaitingAcknowledgement).await;
    }

    /// Acknowledgement, choice and method of disbursement.
    pub(super) async fn reach_method(&self, plan: &Plan) {
        let act = self.submit(ActKind::Acknowledge, self.acknowledgements().await).await;
        let acknowledged = self.act(plan.care, "record_acknowledgement", act, &[], async |act| {
            agreement::record_acknowledgement(&self.world, act).await
        });
        self.expect(acknowledged.await, Stage::AwaitingScheduleChoice).await;
        let draft_id = self.value(&format!("SELECT id FROM schedule_drafts WHERE method = '{}'", plan.method)).await;
        let act = self.submit(ActKind::ChooseSchedule, json!({ "draft_id": draft_id })).await;
        let chosen = self.act(plan.care, "record_schedule_choice", act, &[], async |act| {
            agreement::record_schedule_choice(&self.world, act).await
        });
        self.expect(chosen.await, Stage::AwaitingDisbursementMethod { tries_left: 3 }).await;
    }

    /// The three texts as they were shown.
    pub(super) async fn acknowledgements(&self) -> Value {
        let shown = views::disclosures(&self.world.pool, self.id).await.expect("read");
        assert_eq!(shown.len(), 3);
        let texts: Vec<Value> =
            shown.iter().map(|text| json!({ "kind": text.kind, "sha256": hex(&text.sha256) })).collect();
        json!({ "acknowledged": texts })
    }

    /// Confirmed method.
    pub(super) async fn choose_account(&self, plan: &Plan) {
        let act = self.submit(ActKind::ChooseDisbursementMethod, plan.disbursement.clone()).await;
        let asked = if plan.disbursement["method"] == "merchant" {
            [("merchants", "lookup")]
        } else {
            [("payments", "ownership")]
        };
        let checked = self.act(plan.care, "check_disbursement_method", act, &asked, async |act| {
            disbursement_method::check_disbursement_method(&self.world, act).await
        });
        self.expect(checked.await, Stage::Processing { act: None }).await;
    }

    /// Confirmed method and frozen contract.
    pub(super) async fn reach_contract(&self, plan: &Plan) {
        self.choose_account(plan).await;
        let frozen = take(self, plan.care, "freeze_contract", Before::Nothing, &[], async || {
            contract::freeze_contract(&self.world, self.step()).await
        });
        let verdict = frozen.await;
        assert!(matches!(verdict, Verdict::Next { stage: Stage::AwaitingIdentification { tries_left: 3, .. } }));
    }

    /// Passes the identification that the stage asks for; the stage that follows.
    pub(super) async fn identify(&self, care: Care) -> Stage {
        let act = self.submit(ActKind::Identify, self.image().await).await;
        let verdict = self.act(care, "identify_client", act, &[("coid", "verify")], async |act| {
            identification::identify_client(&self.world, act).await
        });
        self.follow(verdict.await).await
    }

    /// An image for the challenge of the stage.
    pub(super) async fn image(&self) -> Value {
        let (Stage::AwaitingIdentification { challenge_id, .. }
        | Stage::AwaitingPaymentIdentification { challenge_id, .. }
        | Stage::AwaitingLeakVerification { challenge_id, .. }) = self.stage().await
        else {
            panic!("no identification is awaited")
        };
        json!({ "challenge_id": challenge_id, "image": STANDARD.encode(b"\x89PNG an image"), "image_type": "image/png" })
    }

    /// Signs the frozen contract; the stage that follows.
    pub(super) async fn sign(&self, care: Care) -> Stage {
        let act = self.submit(ActKind::Sign, self.signature(&json!({})).await).await;
        let verdict = self.act(care, "verify_signature", act, &[("ncanode", "verify")], async |act| {
            signature::verify_signature(&self.world, act).await
        });
        self.follow(verdict.await).await
    }

    /// The client's EDS over the frozen contract.
    pub(super) async fn signature(&self, with: &Value) -> Value {
        let contract =
            views::contract(&self.world.pool, self.id, |place, sealed| self.world.protection.open(place, sealed).ok())
                .await
                .expect("read")
                .expect("frozen");
        let mut request = json!({ "iin": IIN, "data": STANDARD.encode(contract.content) });
        for (name, value) in with.as_object().expect("fields") {
            request[name] = value.clone();
        }
        self.post("eds/sign", &request).await
    }

    /// Everything up to the reservation of the money.
    pub(super) async fn reach_money(&self, plan: &Plan) {
        self.reach_offer(plan.care).await;
        self.reach_method(plan).await;
        self.reach_contract(plan).await;
        if let Stage::AwaitingSignature { .. } = self.identify(plan.care).await {
            self.sign(plan.care).await;
        }
        if let Stage::CoolingOff { .. } = self.stage().await {
            self.renew_consent(plan.care).await;
        }
        if let Stage::AwaitingPaymentIdentification { .. } = self.stage().await {
            self.identify(plan.care).await;
        }
        assert_eq!(self.stage().await, Stage::Processing { act: None });
    }

    async fn renew_consent(&self, care: Care) {
        let asked = take(self, care, "ask_renewed_consent", Before::Nothing, &[], async || {
            renewed_consent::ask_renewed_consent(&self.world, self.step()).await
        });
        self.expect(asked.await, Stage::AwaitingRenewedConsent).await;
        let sha256 = self.value("SELECT encode(sha256, 'hex') FROM contracts").await;
        for (sha256, stage) in
            [("00".repeat(32), Stage::AwaitingRenewedConsent), (sha256, Stage::Processing { act: None })]
        {
            let consent = json!({ "acknowledged": [{ "kind": "renewed_consent", "sha256": sha256 }] });
            let act = self.submit(ActKind::RenewConsent, consent).await;
            let renewed = self.act(care, "record_renewed_consent", act, &[], async |act| {
                renewed_consent::record_renewed_consent(&self.world, act).await
            });
            self.expect(renewed.await, stage).await;
        }
    }

    /// Reservation and the last checks.
    pub(super) async fn reserve(&self, plan: &Plan) -> Verdict {
        let mut asked = vec![("bureau", "report")];
        asked.push(if plan.disbursement["method"] == "merchant" {
            ("merchants", "lookup")
        } else {
            ("payments", "ownership")
        });
        take(self, plan.care, "reserve_and_check", Before::Committed, &asked, async || {
            payment::reserve_and_check(&self.world, self.step()).await
        })
        .await
    }

    /// An application granted to an account, with no more care than it takes; the reference of its loan.
    pub(super) async fn grant(&self) -> String {
        let plan = Plan::to_account("dedup");
        self.reach_money(&plan).await;
        assert_eq!(self.reserve(&plan).await, Verdict::Next { stage: Stage::Disbursing });
        assert_eq!(self.transfer().await, Ok(Transfer::Confirmed));
        self.finish(plan.care).await;
        self.value("SELECT loan_reference FROM loans").await
    }

    /// One try of the transfer.
    pub(super) async fn transfer(&self) -> Result<Transfer, Failure> {
        transfer::transfer_money(&self.world, self.step()).await
    }

    /// Loan, closing and notice of a granted application.
    async fn finish(&self, care: Care) {
        let asked = [("accounting", "open_loan"), ("bureau", "contract")];
        take(self, care, "record_loan", Before::Nothing, &asked, async || {
            loan::record_loan(&self.world, self.step()).await
        })
        .await;
        self.end_as(care, Outcome::Granted).await;
    }

    /// Closing and notice.
    pub(super) async fn end_as(&self, care: Care, outcome: Outcome) {
        take(self, care, "close_application", Before::Nothing, &[], async || {
            closing::close_application(&self.world, self.close(outcome.clone())).await
        })
        .await;
        assert_eq!(self.stage().await, Stage::Closed);
        take(self, care, "notify_client", Before::Nothing, &[("notifications", "message")], async || {
            closing::notify_client(&self.world, self.close(outcome.clone())).await
        })
        .await;
        assert_eq!(self.ledger("notifications").await.len(), 1, "one notice");
    }

    /// Takes a step that works on an act, always on the same one.
    pub(super) async fn act(
        &self,
        care: Care,
        name: &str,
        act: ActInput,
        providers: &[(&str, &str)],
        run: impl AsyncFn(ActInput) -> Result<Verdict, Failure>,
    ) -> Verdict {
        take(self, care, name, Before::Nothing, providers, async || run(ActInput { at: self.now(), ..act }).await).await
    }

    pub(super) async fn expect(&self, verdict: Verdict, stage: Stage) {
        assert_eq!(self.follow(verdict).await, stage);
    }

    /// The stage of a verdict, which must be the stored one.
    pub(super) async fn follow(&self, verdict: Verdict) -> Stage {
        let Verdict::Next { stage } = verdict else { panic!("refused: {verdict:?}") };
        assert_eq!(self.stage().await, stage, "what the workflow knows is what pages show");
        stage
    }
}

/// Drives an application through all steps in order, every one of them failed on its way and run twice.
async fn steps_are_idempotent(scene: &Scene, plan: &Plan) {
    scene.reach_money(plan).await;
    assert_eq!(scene.reserve(plan).await, Verdict::Next { stage: Stage::Disbursing });
    assert_eq!(scene.payouts().await, 0, "nothing is paid by a reservation");
    let verdict = take(scene, plan.care, "transfer_money", Before::Committed, &[], async || scene.transfer().await);
    assert_eq!(verdict.await, Transfer::Confirmed);
    assert_eq!(scene.stage().await, Stage::Recording);
    assert_eq!(scene.payouts().await, 1, "one payout");
    scene.finish(plan.care).await;
    assert_eq!(scene.payouts().await, 1, "still one payout");
    assert_eq!(scene.ledger("accounting").await.len(), 1, "one loan");
    assert_eq!(scene.value("SELECT state FROM payments").await, "confirmed");
    assert_eq!(scene.value("SELECT outcome_name FROM applications").await, "granted");
    let unfinished = "SELECT count(*) FROM provider_calls WHERE result NOT IN ('begun', 'answered')
                      AND result NOT LIKE 'provider.%'";
    assert_eq!(scene.value(unfinished).await, "0");
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn to_an_account_by_annuity(pool: PgPool) {
    let scene = Scene::new(pool, Ask { politically_exposed: true, ..Ask::default() }).await;
    let plan = Plan::thorough("annuity", json!({ "method": "account", "iban": IBAN, "payment_profile": "dedup" }));
    steps_are_idempotent(&scene, &plan).await;
    assert_eq!(scene.value("SELECT risk_level FROM due_diligence").await, "high");
    let warned = scene.value("SELECT verdict -> 'iin_warnings' FROM due_diligence").await;
    assert_eq!(warned, r#"["iin.birth_date_differs"]"#, "the client gave the day after");
    assert_eq!(scene.value("SELECT count(*) FROM signatures WHERE accepted").await, "1");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn to_a_card_after_the_cooling_off_by_a_provider_that_does_not_deduplicate(pool: PgPool) {
    sqlx::query("INSERT INTO policy_rows VALUES ('cooling_off_hours', 24, '2025-01-01', 'test')")
        .execute(&pool)
        .await
        .expect("the hold is switched on");
    sqlx::query("INSERT INTO policy_rows VALUES ('cooling_off_threshold_indices', 1, '2026-01-02', 'test')")
        .execute(&pool)
        .await
        .expect("for small amounts too");
    let scene = Scene::new(pool, Ask::default()).await;
    let card = json!({ "method": "card", "card_token": "tok_0a1b2c3d4e", "payment_profile": "plain" });
    steps_are_idempotent(&scene, &Plan::thorough("differentiated", card)).await;
    assert_eq!(scene.value("SELECT count(*) FROM timeline WHERE kind = 'consent_renewed'").await, "1");
    scene.end().await;
}

#[sqlx::test(migrator = "nesie_storage::migrate::MIGRATOR")]
async fn to_a_merchant_for_a_sole_proprietor_without_an_eds(pool: PgPool) {
    let ask = Ask { kind: ClientKind::SoleProprietor, purpose: "business", ..Ask::default() };
    let scene = Scene::new(pool, ask).await;
    scene.person(json!({ "sole_proprietor": true })).await;
    let merchant = json!({ "method": "merchant", "merchant_id": "M-0001", "payment_profile": "lagging" });
    steps_are_idempotent(&scene, &Plan::thorough("bullet", merchant)).await;
    assert_eq!(scene.value("SELECT count(*) FROM signatures").await, "0");
    assert_eq!(scene.value("SELECT paragraph FROM signature_exemptions").await, "9");
    let bound = "SELECT count(*) FROM identifications i JOIN payments p ON i.bound_to = p.our_reference::text";
    assert_eq!(scene.value(bound).await, "1", "the payment has an identification of its own");
    scene.end().await;
}
