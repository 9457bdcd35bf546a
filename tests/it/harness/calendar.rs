//! A version of the working calendar put in force by two people, as they do it in life.
//! Never a day that the story did not give: the days of the version in force stay, and are read from it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Stack, eventually};

/// A day of a version, with an order of the tests as its source.
pub(crate) fn day(on: &str, kind: &str, name: &str) -> Value {
    json!({"on": on, "kind": kind, "name": name, "source": "Приказ № 1", "estimated": false})
}

impl Stack {
    /// Proposes the version in force with other days added, known until `last_day` where it is to know more years.
    /// Returns the request for the second person.
    pub(crate) async fn propose_calendar(&self, version: &str, last_day: Option<&str>, added: &[Value]) -> String {
        let compliance = self.front("dana", "compliance").await;
        let versions = compliance.get("/v1/calendar/versions").await;
        let in_force = versions["items"].as_array().and_then(|all| all.iter().find(|line| line["current"] == true));
        let in_force = in_force.and_then(|line| line["version"].as_str()).expect("one is in force").to_string();
        let known = compliance.get(&format!("/v1/calendar/versions/{in_force}")).await;
        let mut days = known["days"].as_array().expect("days").clone();
        days.extend(added.iter().cloned());
        let proposed = json!({
            "version": version, "first_day": known["first_day"], "days": days, "source": "Приказ № 1",
            "last_day": last_day.map_or_else(|| known["last_day"].clone(), |day| json!(day)),
            "reason": "опубликован приказ о переносе",
        });
        let (status, answer) = compliance.send(Method::POST, "/v1/calendar/versions", Some(proposed)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["approval_id"].as_str().expect("an id").to_string()
    }

    /// The same, approved by the second person and in force; the workflow that works through the open terms goes on.
    /// Returns its id.
    pub(crate) async fn publish_calendar(&self, version: &str, last_day: Option<&str>, added: &[Value]) -> String {
        let approval = self.propose_calendar(version, last_day, added).await;
        let approver = self.front("aliya", "approver").await;
        let (status, answer) = approver.decide(&approval, "approve").await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        eventually("the version is in force", || async {
            let versions = approver.get("/v1/calendar/versions").await;
            if versions["items"][0]["version"] == version { Ok(()) } else { Err(versions.to_string()) }
        })
        .await;
        format!("calendar-publication/{approval}")
    }
}
