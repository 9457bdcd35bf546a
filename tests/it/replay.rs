//! Released histories replay: what was decided is decided the same way by today's code.
//! A history here is never made again: a change that breaks one goes through `patched()`.

use std::collections::BTreeSet;

use nesie_domain::hash::sha256_hex;
use nesie_workflows::accrual_suspension::AccrualSuspension;
use nesie_workflows::aml_refresh::AmlRefresh;
use nesie_workflows::calendar_publication::CalendarPublication;
use nesie_workflows::channel_notice::ChannelNotice;
use nesie_workflows::data_leak::DataLeak;
use nesie_workflows::duty_sweep::DutySweep;
use nesie_workflows::fraud_incident::FraudIncident;
use nesie_workflows::origination::LoanOrigination;
use nesie_workflows::write_off::WriteOff;
use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

/// A workflow of the same name that begins with timers that the released one does not have.
#[expect(unreachable_pub, reason = "the macro hands out types as visible as the items that it marks")]
mod changed {
    use std::time::Duration;

    use nesie_workflows::origination::OriginationInput;
    use temporalio_macros::{workflow, workflow_methods};
    use temporalio_workflow::{WorkflowContext, WorkflowResult};

    #[workflow]
    #[derive(Default)]
    pub struct Changed;

    #[workflow_methods]
    impl Changed {
        #[run(name = "LoanOrigination")]
        pub async fn run(context: &mut WorkflowContext<Self>, _input: OriginationInput) -> WorkflowResult<()> {
            context.timer(Duration::from_secs(1)).await;
            context.timer(Duration::from_secs(1)).await;
            Ok(())
        }
    }
}

fn histories() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("histories");
    let mut histories: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .expect("the folder of histories")
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "json"))
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).expect("a history can be read"))
        })
        .collect();
    histories.sort();
    histories
}

/// `SHA256SUMS` lists them as they were released. A new history gets a new line (`sha256sum <name>.json`); a line that is there
/// is never changed.
#[test]
fn no_released_history_is_missing_or_made_again() {
    let sums = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("histories/SHA256SUMS");
    let sums = std::fs::read_to_string(sums).expect("the list of histories");
    let released: BTreeSet<&str> = sums.lines().collect();
    let found: Vec<String> = histories().iter().map(|(name, bytes)| format!("{}  {name}", sha256_hex(bytes))).collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), released);
}

#[tokio::test]
async fn released_histories_replay() {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<LoanOrigination>()
        .expect("registered")
        .register_workflow::<FraudIncident>()
        .expect("registered")
        .register_workflow::<WriteOff>()
        .expect("registered")
        .register_workflow::<DataLeak>()
        .expect("registered")
        .register_workflow::<ChannelNotice>()
        .expect("registered")
        .register_workflow::<AccrualSuspension>()
        .expect("registered")
        .register_workflow::<CalendarPublication>()
        .expect("registered")
        .register_workflow::<DutySweep>()
        .expect("registered")
        .register_workflow::<AmlRefresh>()
        .expect("registered")
        .build();
    let replayer = WorkflowReplayer::new(options).expect("a replayer");
    for (name, bytes) in histories() {
        let history = WorkflowHistory::from_json(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        replayer.replay_workflow(history).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test]
async fn a_changed_workflow_is_caught() {
    let options = WorkflowReplayerOptions::new().register_workflow::<changed::Changed>().expect("registered").build();
    let replayer = WorkflowReplayer::new(options).expect("a replayer");
    // Those of applications: of the others, a replayer that does not know them would fail all the same.
    let of_applications = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("\"LoanOrigination\"");
    for (name, bytes) in histories().into_iter().filter(|(_, bytes)| of_applications(bytes)) {
        let history = WorkflowHistory::from_json(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let error = replayer.replay_workflow(history).await.expect_err(&name);
        assert!(format!("{error:?}").contains("ondeterminis"), "{name}: {error:?}");
    }
}
