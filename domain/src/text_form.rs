//! Macros for types whose stored and transported form is one canonical string.
//! They never print a value: masking is the business of the type that holds it.

/// Serialises through `as_str`, deserialises through `parse`; `Debug` shows only the type's name.
macro_rules! personal_text {
    ($name:ident, $error:ty) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(****)"))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Serialises through `Display`, deserialises through `FromStr`: for values that may be shown.
macro_rules! shown_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A closed list of codes: an enum that is read, written and stored by its code.
macro_rules! coded_enum {
    ($(#[$meta:meta])* pub enum $name:ident, $unknown:literal {
        $($(#[$variant_meta:meta])* $variant:ident = $code:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code under which it is stored and transported.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Reads the code.
            pub fn parse(code: &str) -> Result<Self, $crate::text_form::UnknownCode> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err($crate::text_form::UnknownCode::new($unknown, &[$($code,)+])),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text_form::UnknownCode;

            fn from_str(code: &str) -> Result<Self, Self::Err> {
                Self::parse(code)
            }
        }

        $crate::text_form::shown_text!($name);
    };
}

pub(crate) use {coded_enum, personal_text, shown_text};

/// The code is not one of a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: not one of {}", allowed.join(", "))]
pub struct UnknownCode {
    code: &'static str,
    allowed: &'static [&'static str],
}

impl UnknownCode {
    pub(crate) const fn new(code: &'static str, allowed: &'static [&'static str]) -> Self {
        Self { code, allowed }
    }

    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The codes that would have been understood.
    #[must_use]
    pub const fn allowed(&self) -> &'static [&'static str] {
        self.allowed
    }

    /// What to put right, in Russian.
    #[must_use]
    pub fn message_ru(&self) -> String {
        format!("Допустимые значения: {}", self.allowed.join(", "))
    }
}

impl crate::rejection::Rejection for UnknownCode {
    fn code(&self) -> &'static str {
        Self::code(self)
    }

    fn message_ru(&self) -> String {
        Self::message_ru(self)
    }
}
