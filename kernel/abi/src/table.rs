//! The three table macros of this crate: named constants, sets of flags, and numbered enums.
//!
//! They exist so that a row of a table is one short line: the name Linux uses and its number. The documentation of
//! a row is its name, for which the manual page is the text; rows that need a word carry a comment of their own.

/// Declares constants of one type: `constants! { i32 { F_DUPFD = 0, … } }`.
macro_rules! constants {
    ($type:ty { $($(#[$meta:meta])* $name:ident = $value:expr),* $(,)? }) => {
        $(
            #[doc = concat!("Linux's `", stringify!($name), "`.")]
            $(#[$meta])*
            pub const $name: $type = $value;
        )*
    };
}

/// Declares a set of flags with Linux's names and bits.
macro_rules! flags {
    ($(#[$outer:meta])* pub struct $set:ident: $bits:ty {
        $($(#[doc = $doc:literal])* $name:ident = $value:expr),* $(,)?
    }) => {
        bitflags::bitflags! {
            $(#[$outer])*
            #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
            pub struct $set: $bits {
                $(
                    #[doc = concat!("Linux's `", stringify!($name), "`.")]
                    $(#[doc = $doc])*
                    const $name = $value;
                )*
            }
        }
    };
}

/// Declares an enum of numbered choices: `Variant = LINUX_NAME: number`.
///
/// The Linux names become associated constants, so that both `Whence::Set` and `Whence::SEEK_SET` can be written
/// and matched.
macro_rules! numbered {
    ($(#[$outer:meta])* pub enum $type:ident: $raw:ty {
        $($(#[$meta:meta])* $variant:ident = $name:ident: $value:literal),* $(,)?
    }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum $type {
            $(
                #[doc = concat!("Linux's `", stringify!($name), "`.")]
                $(#[$meta])*
                $variant,
            )*
        }

        impl $type {
            $(
                #[doc = concat!("Linux's name for [`Self::", stringify!($variant), "`].")]
                pub const $name: Self = Self::$variant;
            )*

            /// Every choice, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the choice with this number, if there is one.
            #[must_use]
            pub const fn from_raw(raw: $raw) -> Option<Self> {
                match raw { $($value => Some(Self::$variant),)* _ => None }
            }

            /// Returns the number Linux gives this choice.
            #[must_use]
            pub const fn raw(self) -> $raw {
                match self { $(Self::$variant => $value,)* }
            }

            /// Returns Linux's name for this choice.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name),)* }
            }
        }
    };
}
