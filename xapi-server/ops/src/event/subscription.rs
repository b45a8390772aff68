//! [`Subscription`]: `*`, `<class>` or `<class>/<ref>`, classes without regard to case.

use xapi_schema::{Class, ClassId, Result, errors};

/// What a client wants to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// Everything.
    All,
    /// One class.
    Class(ClassId),
    /// One object.
    Object(ClassId, String),
    /// A class this server does not have: never matches, as clients newer than we are ask for some.
    Nothing,
}

impl Subscription {
    /// Reads a list of subscriptions.
    ///
    /// # Errors
    /// EVENT_SUBSCRIPTION_PARSE_FAILURE [text].
    pub fn parse_all(texts: &[String]) -> Result<Vec<Subscription>> {
        texts.iter().map(|text| Subscription::parse(text)).collect()
    }

    fn parse(text: &str) -> Result<Subscription> {
        if text == "*" {
            return Ok(Subscription::All);
        }
        let (class, object) = match text.split_once('/') {
            None => (text, None),
            Some((class, object)) if !object.contains('/') => (class, Some(object)),
            Some(_) => return Err(errors::EVENT_SUBSCRIPTION_PARSE_FAILURE.with([text])),
        };
        Ok(match (Class::by_name_any_case(class), object) {
            (None, _) => Subscription::Nothing,
            (Some(class), None) => Subscription::Class(class.id),
            (Some(class), Some(object)) => Subscription::Object(class.id, object.to_string()),
        })
    }

    /// True when some object of the class may match.
    pub fn covers(&self, class: ClassId) -> bool {
        match self {
            Subscription::All => true,
            Subscription::Class(wanted) | Subscription::Object(wanted, _) => *wanted == class,
            Subscription::Nothing => false,
        }
    }

    /// True for this object.
    pub fn matches(&self, class: ClassId, reference: &str) -> bool {
        match self {
            Subscription::Object(wanted, object) => *wanted == class && object == reference,
            other => other.covers(class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_forms() {
        let parse = |text: &str| Subscription::parse(text).unwrap();
        assert_eq!(parse("*"), Subscription::All);
        assert_eq!(parse("vm_metrics"), Subscription::Class(ClassId::VmMetrics));
        assert_eq!(parse("VM/OpaqueRef:1"), Subscription::Object(ClassId::Vm, "OpaqueRef:1".into()));
        assert!(Subscription::parse("a/b/c").is_err());
        assert!(!parse("vm/OpaqueRef:1").matches(ClassId::Vm, "OpaqueRef:2"));
        assert!(!parse("nosuch").covers(ClassId::Vm));
    }
}
