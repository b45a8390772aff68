//! What the hypervisor offers of the processors' features, read from what `xen-cpuid` prints. Pure.

use crate::Told;

/// Feature words as the API writes them: hexadecimal, joined by `-`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureSets {
    /// Of the machine.
    pub host: String,
    /// The most a paravirtual guest can have.
    pub pv: String,
    /// The most a fully virtualised guest can have.
    pub hvm: String,
}

/// Words of a line, if that is what they are.
fn words(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split(':').collect();
    let fine = |word: &&str| word.len() == 8 && word.bytes().all(|b| b.is_ascii_hexdigit());
    (words.len() > 3 && words.iter().all(fine)).then(|| words.join("-"))
}

/// Reads the sets that are in force, which are printed after what the hypervisor could do at most.
pub fn printed(text: &str) -> FeatureSets {
    let dynamic = text.split_once("Dynamic sets:").map_or("", |(_, rest)| rest);
    let find = |names: &[&str]| {
        let of = |name: &&str| {
            let line = dynamic.lines().find_map(|line| line.strip_prefix(*name));
            line.and_then(|rest| words(rest.trim()))
        };
        names.iter().find_map(of).unwrap_or_default()
    };
    // Releases before 4.15 had one set for each kind of guest.
    FeatureSets { host: find(&["Host "]), pv: find(&["PV Max", "PV "]), hvm: find(&["HVM Max", "HVM "]) }
}

/// What `xl info` alone says: the first words of the machine's own set.
pub fn told(info: &Told) -> FeatureSets {
    let host = info.get("hw_caps").and_then(|caps| words(caps.trim())).unwrap_or_default();
    FeatureSets { host, ..FeatureSets::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Xen 4.20, words cut.
    const PRINTED: &str = "\
nr_features: 19
                            KEY 1d       1c       e1d      e1c      Da1

Static sets:
PV Max                          1fc9cbf5:f6d83203:ea500800:442109e3:00000007
HVM Hap Max                     1fcbfbff:f7fa3223:ee500800:442109f7:0000000f

Dynamic sets:
Raw                             078bfbfd:80982201:2193fbfd:00000005:00000000
Host                            078bf3fd:80982201:2193fbfd:00000005:00000000
PV Default                      0789c3f5:80982201:20100800:00000001:00000000
HVM Default                     078bfbfd:80b82201:20100800:00000001:00000000
PV Max                          1789c3f5:80b82201:20100800:00000003:00000000
HVM Max                         178bfbfd:80b82201:20100800:00000007:00000000
";

    #[test]
    fn the_sets_in_force_are_found() {
        let sets = printed(PRINTED);
        assert_eq!(sets.host, "078bf3fd-80982201-2193fbfd-00000005-00000000");
        assert_eq!(sets.pv, "1789c3f5-80b82201-20100800-00000003-00000000");
        assert_eq!(sets.hvm, "178bfbfd-80b82201-20100800-00000007-00000000");
    }

    #[test]
    fn what_is_no_set_is_left_empty() {
        assert_eq!(printed(""), FeatureSets::default());
        assert_eq!(printed("Dynamic sets:\nHost  rubbish\nPV Max 12:34\n"), FeatureSets::default());
    }
}
