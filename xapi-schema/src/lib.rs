//! The XenAPI object model as code.
//!
//! Pure data and pure functions: classes with fields and methods, enumerations, error codes, roles,
//! HTTP handlers, and the [`Value`] they are made of. Everything generic in the server and the command
//! line is driven by these tables.
//!
//! Never here: XML, JSON or SQL text on a wire or a disk, sockets, clocks, processes.

#[macro_use]
mod macros;
mod class;
pub mod classes;
mod coerce;
mod convert;
mod describe;
mod enums;
pub mod errors;
mod failure;
mod field;
mod fingerprint;
pub mod http;
mod lifecycle;
mod message;
mod method;
mod record;
mod refs;
mod roles;
mod schema;
mod time;
mod ty;
mod value;

pub use arcstr::{ArcStr, literal};
pub use class::{Class, ClassTag};
pub use classes::ClassId;
pub use coerce::coerce;
pub use convert::{ApiType, FromValue, Map, Rec, SecretText};
pub use describe::describe;
pub use enums::{ApiEnum, EnumDef};
pub use failure::{ErrorDef, Failure, Result};
pub use field::{Default, Field, FieldDef, Holds, Qualifier, Relation};
pub use fingerprint::{fingerprint, normal_form};
pub use lifecycle::{Lifecycle, State, Transition};
pub use message::{Kind, Message, Param};
pub use method::{Args, Method, MethodDef, ParamInfo};
pub use record::{CacheBudget, Record, Wire};
pub use refs::{NULL_REF, Ref};
pub use roles::{Permission, PermissionKind, Role, RoleSet};
pub use schema::{Schema, schema};
pub use time::DateTime;
pub use ty::{Ty, TyDisplay};
pub use value::Value;

/// Version of the object model this table describes: (major, minor).
pub const API_VERSION: (i64, i64) = (2, 23);
