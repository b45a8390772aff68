//! [`EnumDef`] and the trait of every enumeration made by `api_enum!`.

use arcstr::ArcStr;

/// An enumeration of the API: its wire name and its members in order.
#[derive(Debug)]
pub struct EnumDef {
    /// Name in the object model, such as `vm_power_state`.
    pub name: &'static str,
    /// What it says, in one phrase.
    pub doc: &'static str,
    /// Members in order with their meaning.
    pub values: &'static [(ArcStr, &'static str)],
    /// Members must match by case on input (`bond_mode`, `event_operation`).
    pub exact: bool,
}

/// A Rust enum standing for an [`EnumDef`].
pub trait ApiEnum: Copy + Eq + 'static {
    /// The table behind it.
    const DEF: &'static EnumDef;
    /// All members in order.
    const ALL: &'static [Self];
    /// Position in [`EnumDef::values`].
    fn index(self) -> usize;
    /// The member as it travels.
    fn text(self) -> ArcStr {
        Self::DEF.values[self.index()].0.clone()
    }
    /// The member as it travels, borrowed.
    fn as_str(self) -> &'static str {
        Self::DEF.values[self.index()].0.as_str()
    }
    /// Reads a member, without regard to case unless the enumeration is strict.
    fn parse(text: &str) -> Option<Self> {
        let found = crate::convert::enum_member(Self::DEF, text)?;
        Self::ALL.iter().copied().find(|member| member.as_str() == found.as_str())
    }
}
