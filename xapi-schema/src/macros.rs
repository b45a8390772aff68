//! `class!` and `api_enum!`: the notation of the files in `classes/`.
//!
//! `class!` turns one line per field and per method into the static tables, a typed handle per field
//! (`vm::power_state`) and one per method (`vm::call::start`).

/// Declares a class. See any file in `classes/`.
macro_rules! class {
    (
        $tag:ident $name:literal $doc:literal = $class:expr;
        fields { $( $field:ident : $fty:ty = $fdef:expr, $fdoc:literal; )* }
        methods { $( $method:ident ( $( $arg:ident : $aty:ty $(= $info:expr)? ),* ) $(-> $ret:ty)? = $mdef:expr, $mdoc:literal; )* }
    ) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub enum $tag {}

        impl $crate::ClassTag for $tag {
            const ID: $crate::ClassId = $crate::ClassId::$tag;
        }

        #[allow(non_camel_case_types, dead_code, clippy::upper_case_acronyms)] // members are field names; empty classes use none
        enum Index { $($field),* }

        $(
            #[doc = $fdoc]
            pub const $field: $crate::Field<$tag, $fty> = $crate::Field::at(Index::$field as usize);
        )*

        /// Typed handles of the hand-written methods.
        #[allow(unused_imports)] // not every class has methods
        pub mod call {
            use super::*;
            $(
                #[doc = $mdoc]
                pub const $method: $crate::Method<( $($aty,)* ), class!(@ret $($ret)?)> =
                    $crate::Method::called($name, stringify!($method));
            )*
        }

        pub(crate) static CLASS: $crate::Class = $class.with(
            $crate::ClassId::$tag,
            $name,
            $doc,
            &[ $( $fdef.named(stringify!($field), <$fty as $crate::ApiType>::TY, $fdoc) ),* ],
            &[ $( $mdef.named(
                stringify!($method),
                &[ $( class!(@info $($info)?).named(stringify!($arg), <$aty as $crate::ApiType>::TY) ),* ],
                <class!(@ret $($ret)?) as $crate::ApiType>::TY,
                $mdoc,
            ) ),* ],
        );
    };
    (@info) => { $crate::ParamInfo::required() };
    (@info $info:expr) => { $info };
    (@ret) => { () };
    (@ret $ret:ty) => { $ret };
}

/// Declares an enumeration: the Rust enum, its wire members and their meaning.
macro_rules! api_enum {
    (@exact exact) => { true };
    (@exact) => { false };
    ( $(#[$exact:ident])? $rust:ident $name:literal $doc:literal { $( $member:ident = $text:literal $mdoc:literal ),* $(,)? } ) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $rust {
            $( #[doc = $mdoc] $member ),*
        }

        impl $crate::ApiEnum for $rust {
            const DEF: &'static $crate::EnumDef = {
                static DEF: $crate::EnumDef = $crate::EnumDef {
                    name: $name,
                    doc: $doc,
                    values: &[ $( ($crate::literal!($text), $mdoc) ),* ],
                    exact: api_enum!(@exact $($exact)?),
                };
                &DEF
            };
            const ALL: &'static [Self] = &[ $( $rust::$member ),* ];
            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
