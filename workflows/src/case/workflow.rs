//! The workflow of a kind of case: the names under which every case answers, written once.
//! Never the business of one: that is the function that each kind hands in.

/// Makes the workflow of a kind of case: its state beside what all cases share, and its four handlers. `$business` takes
/// the workflow's context and runs until the case has its outcome.
macro_rules! case_workflow {
    (
        $(#[$meta:meta])*
        $name:ident { $($field:ident: $type:ty = $initial:expr),* $(,)? } named $label:literal runs $business:path
    ) => {
        $(#[$meta])*
        #[temporalio_macros::workflow]
        pub struct $name {
            case: $crate::case::CaseState,
            $($field: $type,)*
        }

        impl $crate::case::Case for $name {
            fn case(&self) -> &$crate::case::CaseState {
                &self.case
            }

            fn case_mut(&mut self) -> &mut $crate::case::CaseState {
                &mut self.case
            }
        }

        #[temporalio_macros::workflow_methods]
        impl $name {
            #[init]
            fn new(_context: &temporalio_workflow::WorkflowContextView, input: $crate::case::CaseInput) -> Self {
                Self { case: $crate::case::CaseState::new(input), $($field: $initial,)* }
            }

            #[run(name = $label)]
            pub async fn run(
                context: &mut temporalio_workflow::WorkflowContext<Self>,
            ) -> temporalio_workflow::WorkflowResult<nesie_domain::case::CaseOutcome> {
                let context = &*context;
                $crate::case::run(context, $business(context)).await
            }

            #[update]
            pub async fn act(
                context: &mut temporalio_workflow::WorkflowContext<Self>,
                act: $crate::case::CaseAct,
            ) -> $crate::contract::CaseAnswer {
                $crate::case::act(context, act).await
            }

            #[signal]
            pub fn stirred(&mut self, _context: &mut temporalio_workflow::SyncWorkflowContext<Self>) {
                self.case.stirred += 1;
                self.case.told += 1;
            }

            #[query]
            pub fn watched(
                &self,
                _context: &temporalio_workflow::WorkflowContextView,
            ) -> Option<chrono::DateTime<chrono::Utc>> {
                self.case.armed
            }
        }
    };
}

pub(crate) use case_workflow;
