//! What every refusal of bad input can say about itself: a stable code and a Russian text for the client.
//! It never repeats the refused value, which may be personal data.

/// A refusal of one value: the API turns it into a field of a problem document.
pub trait Rejection: std::error::Error {
    /// The stable code that clients program against, such as `iin.checksum`.
    fn code(&self) -> &'static str;

    /// What to put right, in Russian, without the value itself.
    fn message_ru(&self) -> String;
}

/// Declares an error whose variants carry nothing but their code and texts.
macro_rules! rejections {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $code:literal, $english:literal, $russian:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum $name {
            $($(#[$variant_meta])* #[error($english)] $variant,)+
        }

        impl $name {
            /// The stable code of this refusal.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What to put right, in Russian.
            #[must_use]
            pub fn message_ru(&self) -> String {
                match self { $(Self::$variant => $russian.to_owned(),)+ }
            }
        }

        impl $crate::rejection::Rejection for $name {
            fn code(&self) -> &'static str {
                Self::code(self)
            }

            fn message_ru(&self) -> String {
                Self::message_ru(self)
            }
        }
    };
}

pub(crate) use rejections;
