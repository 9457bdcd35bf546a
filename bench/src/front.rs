//! The lender's front end, by HTTP: one application from submission to money, each leg with its time.
//! Never anything that a front end could not do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{self, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::applicant::Applicant;
use crate::channels;
use crate::settings::Settings;

/// The longest that one wait may take: far above any leg of a healthy stack.
const PATIENCE: Duration = Duration::from_secs(120);

/// A stretch of an application's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Leg {
    /// HTTP answer to the submission.
    Submit,
    /// From the submission until the offer is there.
    SubmissionToOffer,
    /// HTTP answer.
    Acknowledge,
    /// From that answer until the choice of a schedule is awaited.
    AcknowledgedToChoice,
    /// HTTP answer.
    ChooseSchedule,
    /// From that answer until the method of disbursement is awaited.
    ChosenToMethod,
    /// HTTP answer.
    ChooseDisbursementMethod,
    /// From that answer, over the check of ownership and the contract, until the identification is awaited.
    MethodToIdentification,
    /// HTTP answer.
    Identify,
    /// From that answer until the signature is awaited.
    IdentifiedToSignature,
    /// HTTP answer.
    Sign,
    /// From the signature until the money has moved and is recorded.
    SignatureToGranted,
    /// From the submission until the end.
    Whole,
}

impl Leg {
    /// Every leg, in order.
    pub(crate) const ALL: [Self; 13] = [
        Self::Submit,
        Self::SubmissionToOffer,
        Self::Acknowledge,
        Self::AcknowledgedToChoice,
        Self::ChooseSchedule,
        Self::ChosenToMethod,
        Self::ChooseDisbursementMethod,
        Self::MethodToIdentification,
        Self::Identify,
        Self::IdentifiedToSignature,
        Self::Sign,
        Self::SignatureToGranted,
        Self::Whole,
    ];

    /// As the report names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit: answer",
            Self::SubmissionToOffer => "submission → offer",
            Self::Acknowledge => "acknowledge: answer",
            Self::AcknowledgedToChoice => "acknowledged → schedule choice awaited",
            Self::ChooseSchedule => "choose schedule: answer",
            Self::ChosenToMethod => "chosen → method awaited",
            Self::ChooseDisbursementMethod => "choose account: answer",
            Self::MethodToIdentification => "method → identification awaited",
            Self::Identify => "identify: answer",
            Self::IdentifiedToSignature => "identified → signature awaited",
            Self::Sign => "sign: answer",
            Self::SignatureToGranted => "signature → granted",
            Self::Whole => "submission → granted",
        }
    }
}

/// What one application took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journey {
    /// Its id.
    pub(crate) id: Uuid,
    /// Each leg's time.
    pub(crate) legs: Vec<(Leg, Duration)>,
    /// Looks at the application.
    pub(crate) looks: usize,
    /// Acts repeated because the answer was "not known to be done".
    pub(crate) repeats: usize,
    /// Acts refused although the application showed the stage that expects them, and sent again.
    pub(crate) refusals: usize,
}

/// A front end with a token.
#[derive(Clone)]
pub(crate) struct Front {
    api_url: String,
    sandbox_url: String,
    client: reqwest::Client,
    token: String,
    pause: Duration,
}

impl Front {
    /// Signs in at the issuer, and calms the sandbox's weather: no latency, no errors.
    pub(crate) async fn sign_in(settings: &Settings, client: reqwest::Client) -> anyhow::Result<Self> {
        let weather = json!({"seed": 1, "latency_ms": {"min": 0, "max": 0}, "error_rate": 0.0});
        let calm = client.put(format!("{}/admin/seed", settings.sandbox_url)).json(&weather).send().await;
        calm.and_then(reqwest::Response::error_for_status).context("calming the sandbox's weather")?;
        channels::open(&Self::with_role(settings, client.clone(), "compliance").await?).await?;
        Self::with_role(settings, client, "service").await
    }

    /// A front end of the same lender with another role.
    pub(crate) async fn with_role(settings: &Settings, client: reqwest::Client, role: &str) -> anyhow::Result<Self> {
        let body = json!({"grant_type": "client_credentials", "subject": "bench", "roles": role});
        let request = client.post(format!("{}/token", settings.issuer)).json(&body);
        let answer: Value = request.send().await.context("asking for a token")?.json().await.context("a token")?;
        let token = answer["access_token"].as_str().context("the issuer gave no token")?.to_string();
        Ok(Self {
            api_url: settings.api_url.clone(),
            sandbox_url: settings.sandbox_url.clone(),
            client,
            token,
            pause: Duration::from_millis(settings.repeat_milliseconds),
        })
    }

    /// One grant by bank transfer, from submission to granted.
    pub(crate) async fn grant(self, applicant: Applicant) -> anyhow::Result<Journey> {
        let mut walk = Walk { front: &self, path: String::new(), seen: None, journey: Journey::default() };
        let done = walk.go(&applicant).await;
        done.with_context(|| format!("application {}", walk.journey.id))?;
        Ok(walk.journey)
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&Value, Uuid)>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self.request(method, path);
        if let Some((body, key)) = body {
            request = request.header("idempotency-key", key.to_string()).json(body);
        }
        let answer = request.send().await.context("the API gives no answer")?;
        let status = answer.status();
        let body = answer.bytes().await.context("the API's answer breaks off")?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api_url)).bearer_auth(&self.token)
    }

    /// The page at a path once it is another than the one that is known; none if it stayed the same for long.
    async fn changed(&self, path: &str, known: Option<&HeaderValue>) -> anyhow::Result<Option<(Value, HeaderValue)>> {
        let mut request = self.request(Method::GET, path);
        if let Some(tag) = known {
            request = request.header(header::IF_NONE_MATCH, tag).header("prefer", "wait=10");
        }
        let answer = request.send().await.context("the API gives no answer")?;
        let (status, tag) = (answer.status(), answer.headers().get(header::ETAG).cloned());
        let body = answer.bytes().await.context("the API's answer breaks off")?;
        match status {
            StatusCode::NOT_MODIFIED => Ok(None),
            StatusCode::OK => {
                let page = serde_json::from_slice(&body).context("a page that is no JSON")?;
                Ok(Some((page, tag.context("a page without an ETag")?)))
            }
            _ => {
                bail!("a look was answered {}", refusal(status, &serde_json::from_slice(&body).unwrap_or(Value::Null)))
            }
        }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.send(Method::GET, path, None).await?;
        if status != StatusCode::OK {
            bail!("a look was answered {}", refusal(status, &answer));
        }
        Ok(answer)
    }

    /// The client's own key, which the sandbox plays.
    async fn signature(&self, iin: &str, contract: &str) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}/admin/eds/sign", self.sandbox_url));
        let answer = request.json(&json!({"iin": iin, "data": STANDARD.encode(contract)})).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).context("asking for a signature")?;
        let answer: Value = answer.json().await.context("reading a signature")?;
        Ok(answer["cms"].clone())
    }
}

/// Status and stable code of a problem, without anything personal.
fn refusal(status: StatusCode, problem: &Value) -> String {
    let code = problem["code"].as_str().unwrap_or("no code");
    let fields: Vec<&str> = problem["errors"]
        .as_array()
        .map(|errors| errors.iter().filter_map(|error| error["code"].as_str()).collect())
        .unwrap_or_default();
    format!("{status} {code} {}", fields.join(", ")).trim_end().to_string()
}

/// One application on its way.
struct Walk<'a> {
    front: &'a Front,
    path: String,
    /// The page as it was seen last, with its tag.
    seen: Option<(Value, HeaderValue)>,
    journey: Journey,
}

impl Walk<'_> {
    async fn go(&mut self, applicant: &Applicant) -> anyhow::Result<()> {
        let begun = Instant::now();
        self.submit(&applicant.application).await?;
        self.wait_for("awaiting_acknowledgement").await?;
        self.note(Leg::SubmissionToOffer, begun);
        self.acknowledge().await?;
        self.choose_schedule().await?;
        self.wait_as(Leg::ChosenToMethod, "awaiting_disbursement_method").await?;
        let account = json!({"method": "account", "iban": "KZ86125KZT5004100100", "payment_profile": "dedup"});
        self.act(Leg::ChooseDisbursementMethod, Method::PUT, "disbursement-method", account).await?;
        self.identify().await?;
        self.wait_as(Leg::IdentifiedToSignature, "awaiting_signature").await?;
        let contract = self.look_at("contract").await?;
        let contract = contract["content"].as_str().context("the contract has no text")?;
        let cms = self.front.signature(&applicant.iin, contract).await?;
        let signed = Instant::now();
        self.act(Leg::Sign, Method::POST, "signature", json!({"cms": cms})).await?;
        self.wait_for_grant().await?;
        self.note(Leg::SignatureToGranted, signed);
        self.note(Leg::Whole, begun);
        Ok(())
    }

    fn note(&mut self, leg: Leg, since: Instant) {
        self.journey.legs.push((leg, since.elapsed()));
    }

    async fn submit(&mut self, application: &Value) -> anyhow::Result<()> {
        let begun = Instant::now();
        let body = Some((application, Uuid::new_v4()));
        let (status, answer) = self.front.send(Method::POST, "/v1/applications", body).await?;
        self.note(Leg::Submit, begun);
        if status != StatusCode::ACCEPTED {
            bail!("the submission was answered {}", refusal(status, &answer));
        }
        let id = answer["id"].as_str().and_then(|id| id.parse().ok()).context("the submission has no id")?;
        self.journey.id = id;
        self.path = format!("/v1/applications/{id}");
        Ok(())
    }

    async fn acknowledge(&mut self) -> anyhow::Result<()> {
        let texts = self.look_at("disclosures").await?;
        let texts = texts.as_array().context("the disclosures are no list")?.iter();
        let seen: Vec<Value> = texts.map(|text| json!({"kind": text["kind"], "sha256": text["sha256"]})).collect();
        self.act(Leg::Acknowledge, Method::POST, "acknowledgements", json!({"acknowledged": seen})).await
    }

    async fn choose_schedule(&mut self) -> anyhow::Result<()> {
        self.wait_as(Leg::AcknowledgedToChoice, "awaiting_schedule_choice").await?;
        let drafts = self.look_at("schedules").await?;
        let mut drafts = drafts["drafts"].as_array().into_iter().flatten();
        let annuity = drafts.find(|draft| draft["method"] == "annuity").context("there is no draft of an annuity")?;
        self.act(Leg::ChooseSchedule, Method::PUT, "schedule", json!({"draft_id": annuity["draft_id"]})).await
    }

    async fn identify(&mut self) -> anyhow::Result<()> {
        let application = self.wait_as(Leg::MethodToIdentification, "awaiting_identification").await?;
        let body = json!({
            "challenge_id": application["stage"]["challenge_id"],
            "image": STANDARD.encode(b"\x89PNG\r\n\x1a\n a face"),
            "image_type": "image/png"
        });
        self.act(Leg::Identify, Method::POST, "identification", body).await
    }

    async fn look_at(&self, part: &str) -> anyhow::Result<Value> {
        self.front.get(&format!("{}/{part}", self.path)).await.with_context(|| part.to_string())
    }

    /// Looks until the application is at a stage.
    async fn wait_for(&mut self, stage: &str) -> anyhow::Result<Value> {
        self.look_until(stage, |application| application["stage"]["stage"] == stage).await
    }

    /// The same as a leg: called with the answer to the act before it, it takes as long as that act's work goes on.
    async fn wait_as(&mut self, leg: Leg, stage: &str) -> anyhow::Result<Value> {
        let begun = Instant::now();
        let application = self.wait_for(stage).await?;
        self.note(leg, begun);
        Ok(application)
    }

    async fn wait_for_grant(&mut self) -> anyhow::Result<()> {
        self.look_until("granted", |application| application["outcome"]["outcome"] == "granted").await.map(drop)
    }

    /// Waits for one change of the page after the other, as a front end does whose client looks at it.
    async fn look_until(&mut self, wanted: &str, there: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let begun = Instant::now();
        loop {
            if let Some((application, _)) = &self.seen {
                if there(application) {
                    return Ok(application.clone());
                }
                let (stage, outcome) = (&application["stage"]["stage"], &application["outcome"]);
                if !outcome.is_null() {
                    bail!("waited for {wanted}, but it ended: {outcome}");
                }
                if begun.elapsed() > PATIENCE {
                    bail!("waited {} s for {wanted}, but it is at {stage}", PATIENCE.as_secs());
                }
            }
            let changed = self.front.changed(&self.path, self.seen.as_ref().map(|(_, tag)| tag)).await?;
            self.journey.looks += 1;
            self.seen = changed.or(self.seen.take());
        }
    }

    /// Does an act; its leg ends with the answer that says what became of it.
    async fn act(&mut self, leg: Leg, method: Method, part: &str, body: Value) -> anyhow::Result<()> {
        let path = format!("{}/{part}", self.path);
        let (begun, mut key) = (Instant::now(), Uuid::new_v4());
        loop {
            let (status, answer) = self.front.send(method.clone(), &path, Some((&body, key))).await?;
            match status {
                StatusCode::OK => {
                    self.note(leg, begun);
                    return Ok(());
                }
                // Not known to be done: the same again, under the same key.
                StatusCode::SERVICE_UNAVAILABLE => self.journey.repeats += 1,
                // The stage is stored a moment before the workflow takes it.
                StatusCode::CONFLICT => {
                    self.journey.refusals += 1;
                    key = Uuid::new_v4();
                }
                _ => bail!("{part} was answered {}", refusal(status, &answer)),
            }
            if begun.elapsed() > PATIENCE {
                bail!("{part} was answered {} for {} s", refusal(status, &answer), PATIENCE.as_secs());
            }
            tokio::time::sleep(self.front.pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_codes_and_nothing_that_was_sent() {
        let problem = json!({
            "code": "invalid", "detail": "ИИН 900314401427 …",
            "errors": [{"pointer": "/client/iin", "code": "iin.checksum", "message": "…"}]
        });
        assert_eq!(
            refusal(StatusCode::UNPROCESSABLE_ENTITY, &problem),
            "422 Unprocessable Entity invalid iin.checksum"
        );
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, &Value::Null), "502 Bad Gateway no code");
    }

    #[test]
    fn every_leg_has_a_name_of_its_own() {
        let mut names: Vec<&str> = Leg::ALL.iter().map(|leg| leg.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Leg::ALL.len());
    }
}
