//! Whole-system stories: the real API, worker, PostgreSQL and Temporal, the outside world played by the sandbox, all
//! driven by HTTP as a lender's front end would.
//! Never a look into the code under test: what happened is read from the API, from our tables, and from the sandbox's
//! ledgers, which are the oracle.

mod accrual_suspensions;
mod calendar;
mod channel_notices;
mod data_leaks;
mod developer;
mod down_time;
mod endings;
mod fraud_incidents;
mod governance;
mod grants;
mod harness;
mod layout;
mod money;
mod parking;
mod payment_matches;
mod privacy;
mod refunds;
mod refused_starts;
mod replay;
mod requests;
mod terms;
mod terms_ahead;
mod webhooks;
mod workflow_time;
mod write_offs;
