//! Notices of channels to the regulator (paras 4, 5): recorded, read, and what compliance does with them; the channels
//! that are open by them. One action a file.

mod acts;
mod channels;
mod draft;
mod report;

use axum::extract::DefaultBodyLimit;
use chrono::NaiveDate;
use nesie_domain::case::CaseKind;
use nesie_domain::channel::{ChannelOperation, NoticeContents, NoticeKind};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::parse::Fields;
use crate::routes::cases::{BODY_BYTES_MAX, reading_routes};

/// Operations that a notice lists at most: there are a few.
const OPERATIONS_MAX: usize = 10;
const KIND: CaseKind = CaseKind::ChannelNotice;

reading_routes!(super::channel_notices::KIND, "/v1/channel-notices", "cases");

/// The routes of notices and channels.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(report::report, list))
        .routes(routes!(get))
        .routes(routes!(story))
        .routes(routes!(acts::amend, draft::draft))
        .routes(routes!(acts::send))
        .routes(routes!(acts::activate))
        .routes(routes!(acts::withdraw))
        .routes(routes!(channels::channels))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Reads what para 4 makes a notice say. `today` is the day before which nothing can be planned.
fn read_contents(fields: &mut Fields, notice: NoticeKind, today: NaiveDate) -> Option<NoticeContents> {
    let name = fields.text("/name");
    let count = fields.list("/operations", OPERATIONS_MAX);
    let operations: Vec<Option<ChannelOperation>> =
        (0..count).map(|at| fields.parsed(&format!("/operations/{at}"), ChannelOperation::parse)).collect();
    let operations: Option<Vec<ChannelOperation>> = operations.into_iter().collect();
    let security_procedures = fields.text("/security_procedures");
    let planned_on = match notice {
        NoticeKind::Opening => fields.optional_date("/planned_on"),
        NoticeKind::Change => fields.date("/effective_on"),
    };
    let contents = NoticeContents {
        name: name?.trim().to_owned(),
        operations: operations.filter(|operations| !operations.is_empty())?,
        security_procedures: security_procedures?.trim().to_owned(),
        planned_on,
    };
    for (field, error) in contents.faults(notice, today) {
        // An absent or unreadable day was refused already.
        if error != nesie_domain::channel::NoticeError::NoEffectiveDay {
            fields.refuse(&format!("/{field}"), error.code(), error.message_ru());
        }
    }
    Some(contents)
}
