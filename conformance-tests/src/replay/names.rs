//! Which of our references and uuids stands for which recorded one. Learnt from answers, never guessed.

use std::collections::HashMap;

/// The two uuids both servers were given.
const FIXED: [&str; 2] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];

/// Pairs in both directions.
#[derive(Debug, Clone)]
pub struct Names {
    ours: HashMap<String, String>,
    recorded: HashMap<String, String>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Names { ours: HashMap::new(), recorded: HashMap::new() };
        for uuid in FIXED {
            names.pair(uuid, uuid);
        }
        names
    }
}

impl Names {
    /// Our name for a recorded one.
    pub fn ours(&self, recorded: &str) -> Option<&str> {
        self.ours.get(recorded).map(String::as_str)
    }

    /// Whether a name of ours is paired.
    pub fn is_known(&self, ours: &str) -> bool {
        self.recorded.contains_key(ours)
    }

    /// Whether the two mean the same object; learns the pair when neither was seen before.
    pub fn meet(&mut self, recorded: &str, ours: &str) -> bool {
        match (self.ours.get(recorded), self.recorded.get(ours)) {
            (Some(known), _) => known == ours,
            // A recorded name nobody learnt, sent and answered as it was.
            (None, None) if recorded == ours => true,
            (None, None) => {
                self.pair(recorded, ours);
                true
            }
            (None, Some(_)) => false,
        }
    }

    fn pair(&mut self, recorded: &str, ours: &str) {
        self.ours.insert(recorded.into(), ours.into());
        self.recorded.insert(ours.into(), recorded.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_once_and_holds_to_it() {
        let mut names = Names::default();
        assert!(names.meet("a", "x"));
        assert!(names.meet("a", "x"));
        assert!(!names.meet("a", "y"));
        assert!(!names.meet("b", "x"));
        assert_eq!(names.ours("a"), Some("x"));
    }

    #[test]
    fn the_fixed_ones_stand_for_themselves() {
        let mut names = Names::default();
        assert!(!names.meet(FIXED[0], "z"));
        assert!(names.meet(FIXED[0], FIXED[0]));
    }
}
