//! Documents that come with a request about a case: read, hashed, not stored yet. Never what is in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nesie_domain::hash::sha256_hex;
use nesie_domain::ids::DocumentId;
use nesie_storage::bodies::cases::DocumentReference;
use uuid::Uuid;

use crate::parse::Fields;

/// The longest name of a document.
const NAME_CHARACTERS_MAX: usize = 200;
/// Documents that one request brings at most.
const DOCUMENTS_MAX: usize = 10;

/// A document that came with a request, read.
pub(crate) struct Document {
    pub(super) id: DocumentId,
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) content: Vec<u8>,
    sha256: String,
}

impl Document {
    /// How bodies refer to it.
    pub(crate) fn reference(&self) -> DocumentReference {
        DocumentReference { id: self.id, sha256: self.sha256.clone() }
    }
}

/// Reads the documents of a body's `documents`: at least `minimum`.
pub(crate) fn read_documents(fields: &mut Fields, minimum: usize) -> Option<Vec<Document>> {
    if minimum == 0 && !fields.has("/documents") {
        return Some(Vec::new());
    }
    let count = fields.list("/documents", DOCUMENTS_MAX);
    let documents: Vec<_> = (0..count).map(|at| read_document(fields, &format!("/documents/{at}"))).collect();
    let documents: Option<Vec<_>> = documents.into_iter().collect();
    documents.filter(|documents| documents.len() >= minimum)
}

fn read_document(fields: &mut Fields, at: &str) -> Option<Document> {
    let name = fields.text(&format!("{at}/name"));
    let content_type = fields.text(&format!("{at}/content_type"));
    let content = fields.text(&format!("{at}/content"));
    let (name, content_type, content) = (name?, content_type?, content?);
    if name.trim().is_empty() || name.chars().count() > NAME_CHARACTERS_MAX {
        let message = format!("От 1 до {NAME_CHARACTERS_MAX} знаков");
        fields.refuse(&format!("{at}/name"), "document.name", message);
        return None;
    }
    let well_formed = content_type.len() <= 100 && content_type.contains('/') && content_type.is_ascii();
    if !well_formed {
        fields.refuse(
            &format!("{at}/content_type"),
            "document.content_type",
            "Нужен тип MIME, например application/pdf",
        );
        return None;
    }
    match STANDARD.decode(content) {
        Ok(content) if !content.is_empty() => {
            let sha256 = sha256_hex(&content);
            Some(Document { id: DocumentId::from_uuid(Uuid::now_v7()), name, content_type, content, sha256 })
        }
        _ => {
            fields.refuse(
                &format!("{at}/content"),
                "document.content",
                "Содержание передается в base64 и не бывает пустым",
            );
            None
        }
    }
}

/// The hashes of documents, as the audit log names them.
pub(super) fn hashes(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document.sha256.as_str()).collect()
}
