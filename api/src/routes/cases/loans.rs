//! The loans that a document names: each must be known, and each the person's. Never tells whose another loan is.

use nesie_domain::iin::Iin;
use nesie_storage::loans::{self, KnownLoan};

use crate::app::App;
use crate::problem::{FieldError, Problem};

/// The loans of these references, each of the person; `pointer` says where the request names the one of an index.
pub(crate) async fn of_person(
    app: &App,
    iin: &Iin,
    references: &[String],
    pointer: impl Fn(usize) -> String,
) -> Result<Vec<KnownLoan>, Problem> {
    let known = loans::known(&app.pool, references).await?;
    let person = app.protection.index("iin", iin.as_str());
    let mut errors = Vec::new();
    for (at, reference) in references.iter().enumerate() {
        let (code, message) = match known.iter().find(|loan| loan.loan_reference == *reference) {
            None => ("loan.unknown", "Такого микрокредита нет"),
            Some(loan) if loan.iin_index != person => {
                ("loan.of_another_person", "Этот микрокредит выдан не этому лицу: проверьте ИИН и номер")
            }
            Some(_) => continue,
        };
        errors.push(FieldError { pointer: pointer(at), code: code.to_owned(), message: message.to_owned() });
    }
    if errors.is_empty() { Ok(known) } else { Err(Problem::Invalid(errors)) }
}
