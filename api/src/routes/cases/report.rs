//! The route by which a case of a kind is reported: recognised, read by its kind, stored once.
//! Never a rule of one kind: what its body must hold stands in the kind's own file.

/// The route of a report: its words for the document, its path, who may send it, the shape of its body, what the answer to
/// a repeat says, and how its kind makes a report of the body.
macro_rules! report_route {
    ($(#[$words:meta])* $path:literal by $roles:ident, $shape:ident, $again:literal, $read:expr) => {
        #[utoipa::path(
            post, path = $path, tag = "cases", params(("idempotency-key" = String, Header)), request_body = $shape,
            responses((status = 202, body = $crate::cases::CaseReported, headers(("Location" = String, description = "Адрес дела"))), (status = 200, description = $again, body = $crate::cases::CaseReported), (status = 409, description = "Под этим же номером сообщено о других клиентах: добавьте их к делу", content_type = "application/problem+json"))
        )]
        $(#[$words])*
        pub(crate) async fn report(
            allowed: $crate::auth::Allowed<$crate::auth::$roles>,
            key: $crate::idempotency::IdempotencyKey,
            axum::extract::State(app): axum::extract::State<$crate::app::App>,
            $crate::parse::Body(body): $crate::parse::Body,
        ) -> Result<axum::response::Response, $crate::problem::Problem> {
            let route = concat!("POST ", $path).to_owned();
            match $crate::cases::open(&app, &allowed.caller, &key, route, &body).await? {
                $crate::cases::Opened::Answered(response) => Ok(response),
                $crate::cases::Opened::Pending(pending) => {
                    let read = $read;
                    let report = read(&app, &body, pending.received_at).await?;
                    pending.report(report, &body).await
                }
            }
        }
    };
}
pub(crate) use report_route;
