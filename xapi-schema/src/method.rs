//! [`MethodDef`], one line of a class's method table, and [`Method`], its typed handle.

use std::marker::PhantomData;

use crate::{
    ApiType, Default, FromValue, Lifecycle, RoleSet, Ty, Value, field::strip_raw,
    lifecycle::lifecycle_builders,
};

/// A parameter after the session.
#[derive(Debug, Clone, Copy)]
pub struct ParamInfo {
    /// Name in the documentation.
    pub name: &'static str,
    /// Declared type.
    pub ty: Ty,
    /// Value when the caller leaves it off; `Default::None` makes it required.
    pub default: Default,
    /// Release that added it, where later than the method.
    pub since: Option<&'static str>,
}

impl ParamInfo {
    /// A required parameter.
    pub const fn required() -> Self {
        ParamInfo { name: "", ty: Ty::Void, default: Default::None, since: None }
    }

    /// A parameter that may be left off.
    pub const fn optional(default: Default) -> Self {
        ParamInfo { name: "", ty: Ty::Void, default, since: None }
    }

    /// Added by a later release.
    pub const fn since(mut self, release: &'static str) -> Self {
        self.since = Some(release);
        self
    }

    /// Name and type; called by the macro.
    pub const fn named(mut self, name: &'static str, ty: Ty) -> Self {
        self.name = strip_raw(name);
        self.ty = ty;
        self
    }
}

/// A method written by hand: one line in its class's file.
#[derive(Debug)]
pub struct MethodDef {
    /// Name without the class.
    pub name: &'static str,
    /// Parameters after the session.
    pub params: &'static [ParamInfo],
    /// Result type.
    pub result: Ty,
    /// One phrase.
    pub doc: &'static str,
    /// Who may call; empty: local root and pool sessions only.
    pub roles: RoleSet,
    /// Who may call with certain map keys.
    pub map_keys: &'static [(&'static str, RoleSet)],
    /// Life so far.
    pub lifecycle: Lifecycle,
    /// First wire parameter is the session.
    pub session: bool,
    /// The `Async.` form exists.
    pub has_async: bool,
    /// Documented error codes.
    pub errors: &'static [&'static str],
    /// Parameters must not be logged.
    pub secret: bool,
    /// Pool sessions only.
    pub pool_internal: bool,
    /// Answered in emergency mode.
    pub emergency: bool,
    /// Not forwarded from a member's local socket.
    pub no_slave_forward: bool,
    /// Left out of the public documentation.
    pub hidden: bool,
    /// Does not show in `current_operations`.
    pub no_current_operations: bool,
    /// Passed on to an extension instead of code.
    pub forward_to: Option<&'static str>,
    /// Where the coordinator sends the call.
    pub forwarding: &'static [&'static str],
    /// Operations checked and marked while it runs: object kind, operation, and a further note.
    pub guards: &'static [&'static [&'static str]],
    /// Documentation group.
    pub tags: &'static [&'static str],
}

/// Starts a method line with the roles that may call it.
pub const fn op(roles: RoleSet) -> MethodDef {
    MethodDef {
        name: "",
        params: &[],
        result: Ty::Void,
        doc: "",
        roles,
        map_keys: &[],
        lifecycle: Lifecycle::EMPTY,
        session: true,
        has_async: true,
        errors: &[],
        secret: false,
        pool_internal: false,
        emergency: false,
        no_slave_forward: false,
        hidden: false,
        no_current_operations: false,
        forward_to: None,
        forwarding: &[],
        guards: &[],
        tags: &[],
    }
}

impl MethodDef {
    lifecycle_builders!();

    /// Name, parameters, result and description; called by the macro.
    pub const fn named(
        mut self,
        name: &'static str,
        params: &'static [ParamInfo],
        result: Ty,
        doc: &'static str,
    ) -> Self {
        self.name = strip_raw(name);
        self.params = params;
        self.result = result;
        self.doc = doc;
        self
    }

    /// Who may call with certain map keys.
    pub const fn map_keys(mut self, keys: &'static [(&'static str, RoleSet)]) -> Self {
        self.map_keys = keys;
        self
    }

    /// Takes no session.
    pub const fn no_session(mut self) -> Self {
        self.session = false;
        self
    }

    /// There is no `Async.` form.
    pub const fn sync(mut self) -> Self {
        self.has_async = false;
        self
    }

    /// Documented error codes.
    pub const fn errors(mut self, codes: &'static [&'static str]) -> Self {
        self.errors = codes;
        self
    }

    /// Parameters must not be logged.
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Pool sessions only.
    pub const fn pool_internal(mut self) -> Self {
        self.pool_internal = true;
        self
    }

    /// Answered in emergency mode.
    pub const fn emergency(mut self) -> Self {
        self.emergency = true;
        self
    }

    /// Not forwarded from a member's local socket.
    pub const fn no_slave_forward(mut self) -> Self {
        self.no_slave_forward = true;
        self
    }

    /// Left out of the public documentation.
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Does not show in `current_operations`.
    pub const fn no_current_operations(mut self) -> Self {
        self.no_current_operations = true;
        self
    }

    /// Passed on to an extension.
    pub const fn forward_to(mut self, extension: &'static str) -> Self {
        self.forward_to = Some(extension);
        self
    }

    /// Where the coordinator sends the call.
    pub const fn forwarding(mut self, places: &'static [&'static str]) -> Self {
        self.forwarding = places;
        self
    }

    /// Operations checked and marked while it runs.
    pub const fn guards(mut self, guards: &'static [&'static [&'static str]]) -> Self {
        self.guards = guards;
        self
    }

    /// Documentation group.
    pub const fn tags(mut self, tags: &'static [&'static str]) -> Self {
        self.tags = tags;
        self
    }
}

/// Typed handle of a method: arguments `A` (a tuple) and result `R`. Registering a function under it
/// compiles only when the function has this signature.
pub struct Method<A, R> {
    class: &'static str,
    name: &'static str,
    mark: PhantomData<fn(A) -> R>,
}

impl<A, R> Method<A, R> {
    /// Made by the macro only.
    pub const fn called(class: &'static str, name: &'static str) -> Self {
        Method { class, name: strip_raw(name), mark: PhantomData }
    }

    /// `Class.method`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.class, self.name)
    }
}

impl<A, R> Clone for Method<A, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A, R> Copy for Method<A, R> {}

/// A tuple of arguments read from values that [`coerce`](crate::coerce) has already typed.
pub trait Args: Sized {
    /// `None` when a value has another shape than declared, which is a mistake in this program.
    fn read(values: &[Value]) -> Option<Self>;
}

macro_rules! args {
    ($($name:ident $at:tt),*) => {
        impl<$($name: ApiType + FromValue),*> Args for ($($name,)*) {
            #[allow(unused_variables)] // the empty tuple reads nothing
            fn read(values: &[Value]) -> Option<Self> {
                Some(($($name::from_value(values.get($at)?)?,)*))
            }
        }
    };
}

args!();
args!(A 0);
args!(A 0, B 1);
args!(A 0, B 1, C 2);
args!(A 0, B 1, C 2, D 3);
args!(A 0, B 1, C 2, D 3, E 4);
args!(A 0, B 1, C 2, D 3, E 4, F 5);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13);
