//! A leak of personal data (para 36): its clients flagged, and what compliance records of them.
//! Never waits for a client: a flag may outlive its case, and whoever holds an operation asks the flag.
#![expect(missing_docs, reason = "markers that the macros make carry no docstrings; what they mark does")]

use nesie_domain::case::CaseOutcome;
use temporalio_workflow::WorkflowContext;

use crate::case::{CaseStop, case_workflow, record, step};
use crate::contract::Leak;

case_workflow! {
    /// One leak, handled until compliance closes it.
    DataLeak {} named "DataLeak" runs handle
}

async fn handle(context: &WorkflowContext<DataLeak>) -> Result<CaseOutcome, CaseStop> {
    step(context, || Leak::open_data_leak).await?;
    record(context, || Leak::record_leak_acts).await
}
