//! A person whom a case names, as it is kept wherever cases name persons: sealed, and found by the keyed hash of his number.

use nesie_domain::ids::CaseId;
use uuid::Uuid;

/// A person of a case.
#[derive(Clone, Debug)]
pub struct CasePerson {
    /// The row's id, derived from case and person.
    pub id: Uuid,
    /// The case.
    pub case_id: CaseId,
    /// Keyed hash of the IIN.
    pub iin_index: Vec<u8>,
    /// JSON of the person, sealed for his place.
    pub person_sealed: Vec<u8>,
}
