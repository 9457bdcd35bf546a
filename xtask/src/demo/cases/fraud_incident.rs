//! An incident: each affected client is informed by the system, the regulator and the measures by staff, and the case
//! closes only then (para 13 ¶1; ).

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Told;
use super::scene::{Scene, document};
use crate::demo::book::Sex;
use crate::demo::identity::Registry;

/// How many clients the incident affects.
const CLIENTS: usize = 3;

/// Tells it.
pub(super) fn tell(scene: &Scene) -> Result<Told> {
    let mut registry = Registry::default();
    let clients = (0..CLIENTS).map(|at| {
        let iin = registry.iin("1985-05-17", Sex::Female, scene.run.number % 10_000)?;
        Ok(json!({ "iin": iin, "phone": format!("+7701{:06}{at}", scene.run.number), "loans": [format!("L-{at}")] }))
    });
    let incident = json!({
        "reference": scene.name("INC"), "kind": "unauthorised_access", "detected_at": scene.ago(300)?,
        "description": "Доступ к анкетам с чужой учетной записи", "clients": clients.collect::<Result<Vec<Value>>>()?,
    });
    let case = scene.report("fraud-incidents", &incident)?;
    scene.met(&case, u64::try_from(CLIENTS)?)?;
    scene.tell(format_args!("{CLIENTS} clients were informed"));

    scene.refused("POST", &case.at("closure"), &json!({ "reason": "всё сделано" }), "case.duties_open")?;
    let completion = json!({ "reason": "меры приняты" });
    scene.refused("POST", &case.at("measures-completion"), &completion, "measures.none_recorded")?;
    let letter = json!({ "text": "Сообщаем об инциденте", "documents": [document("акт.pdf")] });
    scene.done("POST", &case.at("regulator-notice"), &letter)?;
    scene.refused("POST", &case.at("regulator-notice"), &letter, "duty.not_open")?;
    let measure = json!({
        "description": "Учетная запись заблокирована, пароли сменены", "done_at": scene.ago(5)?,
        "documents": [document("журнал.pdf")],
    });
    scene.done("POST", &case.at("measures"), &measure)?;
    scene.done("POST", &case.at("measures-completion"), &completion)?;
    scene.done("POST", &case.at("closure"), &json!({ "reason": "всё сделано" }))?;
    let closed = scene.at_stage(&case, "closed")?;
    ensure!(closed["stage"]["outcome"] == "completed", "the case ended as {}", closed["stage"]);

    let notices = scene.run.sandbox.ledger("notifications")?;
    let sent = notices.iter().filter(|notice| notice["case_id"] == case.id.as_str()).count();
    ensure!(sent == CLIENTS, "the ledger has {sent} notices, not {CLIENTS}");
    let mut duties = vec![("inform_regulator", "met"), ("take_measures", "met")];
    duties.extend([("inform_client", "met"); CLIENTS]);
    Ok(Told { case, duties })
}
