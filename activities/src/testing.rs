//! The steps over a real PostgreSQL and the real sandbox: every step run twice and failed on its way, and money above
//! all. The sandbox's ledgers are the oracle, not our rows. Needs `DATABASE_URL` of an owner that may create databases,
//! and `TEMPORAL_ADDRESS` where steps tell workflows something.

mod cases;
mod channel;
mod days;
mod endings;
mod idempotence;
mod incidents;
mod journey;
mod last_checks;
mod leaks;
mod money;
mod payment_matches;
mod publication;
mod refusals;
mod remedies;
mod scene;
mod suspensions;
mod sweeps;
mod tries;
mod write_offs;
