//! The seven roles and sets of them. The permission table itself is derived in [`schema`](crate::schema()).

use std::fmt;

/// A role, most privileged first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the documentation
pub enum Role {
    PoolAdmin,
    PoolOperator,
    VmPowerAdmin,
    VmAdmin,
    VmOperator,
    ClientCert,
    ReadOnly,
}

impl Role {
    /// All roles, most privileged first.
    pub const ALL: [Role; 7] = [
        Role::PoolAdmin,
        Role::PoolOperator,
        Role::VmPowerAdmin,
        Role::VmAdmin,
        Role::VmOperator,
        Role::ClientCert,
        Role::ReadOnly,
    ];

    /// The name as it travels.
    pub const fn name(self) -> &'static str {
        match self {
            Role::PoolAdmin => "pool-admin",
            Role::PoolOperator => "pool-operator",
            Role::VmPowerAdmin => "vm-power-admin",
            Role::VmAdmin => "vm-admin",
            Role::VmOperator => "vm-operator",
            Role::ClientCert => "client-cert",
            Role::ReadOnly => "read-only",
        }
    }

    /// Only `client-cert` never shows among the roles a subject can have.
    pub const fn is_internal(self) -> bool {
        matches!(self, Role::ClientCert)
    }

    /// Reads a role name, without regard to case.
    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

/// A set of roles. The empty set means: local root and pool sessions only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RoleSet(u8);

impl RoleSet {
    /// Nobody over the network.
    pub const NOBODY: RoleSet = RoleSet(0);
    /// Pool administrators.
    pub const POOL_ADMIN: RoleSet = RoleSet::down_to(Role::PoolAdmin);
    /// Pool operators and above.
    pub const POOL_OP: RoleSet = RoleSet::down_to(Role::PoolOperator);
    /// Virtual machine power administrators and above.
    pub const VM_POWER_ADMIN: RoleSet = RoleSet::down_to(Role::VmPowerAdmin);
    /// Virtual machine administrators and above.
    pub const VM_ADMIN: RoleSet = RoleSet::down_to(Role::VmAdmin);
    /// Virtual machine operators and above.
    pub const VM_OP: RoleSet = RoleSet::down_to(Role::VmOperator);
    /// Everybody who can log in.
    pub const READ_ONLY: RoleSet = RoleSet(0b111_1111);

    const fn down_to(role: Role) -> RoleSet {
        RoleSet((1 << (role as u8 + 1)) - 1)
    }

    /// The same set with clients known by their certificate.
    pub const fn and_client_cert(self) -> RoleSet {
        RoleSet(self.0 | 1 << Role::ClientCert as u8)
    }

    /// The same set with one role more.
    pub const fn with(self, role: Role) -> RoleSet {
        RoleSet(self.0 | 1 << role as u8)
    }

    /// True when the role is in the set.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// True for the empty set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, most privileged first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }
}

impl fmt::Debug for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Role::name)).finish()
    }
}

/// What a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionKind {
    /// Calling a method.
    Method,
    /// Calling a method with a certain map key.
    Key,
    /// Using an HTTP handler, or one sub-action of it.
    Http,
    /// Anything else the server asks about.
    Extra,
}

/// One row of the permission table.
#[derive(Debug, Clone)]
pub struct Permission {
    /// Name with its own capitals, `VM.start`, `http/get_export`, `VM.add_to_other_config/key:folder`.
    pub name: String,
    /// What it is about.
    pub kind: PermissionKind,
    /// Who has it.
    pub roles: RoleSet,
}
