//! The paragraphs of the Rules (Resolution №217 of 28.11.2019) from which duties of the system follow.
//! It never says what a paragraph demands: that is the text of the law and the requirement table.

use crate::text_form::coded_enum;

coded_enum! {
    /// A paragraph or subparagraph of the Rules, written as `8(4)`.
    ///
    /// Paragraph 13 numbers nothing inside itself: there the number in brackets is that of the part (абзац).
    pub enum Paragraph, "paragraph.unknown" {
        /// Electronic lending runs only through the lender's system and channels.
        P3 = "3",
        /// Notice to the regulator before a channel opens.
        P4 = "4",
        /// Notice to the regulator before what was notified changes.
        P5 = "5",
        /// Registration, access and changes of the client's data.
        P6 = "6",
        /// The client files an application.
        P7_1 = "7(1)",
        /// The lender's particulars are shown.
        P7_2 = "7(2)",
        /// Agreements are shown before and after conclusion.
        P7_3 = "7(3)",
        /// Progress and result of the review are shown.
        P7_4 = "7(4)",
        /// The debt and its payments are shown.
        P7_5 = "7(5)",
        /// The ways to repay are shown.
        P7_6 = "7(6)",
        /// Messages both ways.
        P7_7 = "7(7)",
        /// Customer due diligence.
        P8_1 = "8(1)",
        /// The client learns the microcredit rules.
        P8_2 = "8(2)",
        /// Full and true information on payments.
        P8_3 = "8(3)",
        /// Draft schedules by differing methods, and the client's choice.
        P8_4 = "8(4)",
        /// The client's rights and duties.
        P8_5 = "8(5)",
        /// The method of disbursement.
        P8_6 = "8(6)",
        /// Particulars of the account or card.
        P8_7 = "8(7)",
        /// Voluntary refusal in the credit report.
        P8_8 = "8(8)",
        /// Conclusion by biometrics and EDS; disbursement only to the client's own account or card.
        P9 = "9",
        /// Grounds of refusal: AML/CFT and voluntary refusal.
        P10 = "10",
        /// Internal documents, integrity and secrecy.
        P11 = "11",
        /// Confirmation of documents sent and received.
        P12 = "12",
        /// Unauthorised access or fraud: measures and notices.
        P13_1 = "13(1)",
        /// Representation or ruling: accrual, collection and reporting are suspended.
        P13_2 = "13(2)",
        /// Cancellation: back-accrual and resumption are allowed.
        P13_3 = "13(3)",
        /// Final verdict: write-off, corrected history, refund.
        P13_4 = "13(4)",
        /// The client's own guilt, established by a court.
        P13_5 = "13(5)",
        /// Versions and test results are kept three years.
        P22 = "22",
        /// Exchange is encrypted with TLS 1.2 or newer.
        P23 = "23",
        /// Money operations carry the location or the lack of permission.
        P25_10 = "25(10)",
        /// Errors tell no more than is needed.
        P26_1 = "26(1)",
        /// Applications and devices are identified.
        P26_2 = "26(2)",
        /// Data are validated against forgery and injection.
        P26_3 = "26(3)",
        /// Staff see what their duties need.
        P27 = "27",
        /// Staff are identified and authenticated.
        P28 = "28",
        /// Accounts, passwords and their blocking are managed.
        P29 = "29",
        /// The audit trail.
        P32 = "32",
        /// Documents and biometric data are kept five years after obligations end.
        P34 = "34",
        /// Control movements against a static image or video.
        P35 = "35",
        /// Additional measures after a leak of the client's data.
        P36 = "36",
        /// Repeated biometric identification.
        P36_1 = "36(1)",
        /// The phone belongs to the client.
        P36_2 = "36(2)",
        /// The verification call.
        P36_3 = "36(3)",
        /// Third parties see only what is encrypted.
        P37_2 = "37(2)",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Paragraph;

    #[test]
    fn every_paragraph_reads_what_it_writes_and_follows_its_name() {
        let names: BTreeSet<&str> = Paragraph::ALL.iter().map(|paragraph| paragraph.as_str()).collect();
        assert_eq!(names.len(), Paragraph::ALL.len());
        for paragraph in Paragraph::ALL {
            assert_eq!(paragraph.to_string().parse(), Ok(*paragraph));
            let name = format!("P{}", paragraph.as_str().trim_end_matches(')').replace('(', "_"));
            assert_eq!(format!("{paragraph:?}"), name);
        }
        assert_eq!(Paragraph::P8_4.to_string(), "8(4)");
        assert_eq!("8(9)".parse::<Paragraph>().expect_err("no such paragraph").code(), "paragraph.unknown");
    }
}
