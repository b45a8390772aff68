//! What may be merged or removed in a tree of images. Pure: from a scan to the next thing to do.

use std::collections::HashMap;

use xennix_disk::chain::Format;

use crate::{head::Found, policy::SrPolicy};

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// An inner node nobody stands on: remove it.
    Remove {
        /// Its name.
        name: String,
    },
    /// An inner node that is its parent's only child: merge it into the parent, point its children there.
    Node {
        /// Its name.
        name: String,
    },
    /// A disk that is the only child of an inner node: merge it, and let the node take its place.
    Leaf {
        /// Its uuid.
        uuid: String,
        /// Its name.
        name: String,
        /// What the parent is called afterwards.
        after: Format,
    },
}

impl Piece {
    /// The image it is about.
    pub fn name(&self) -> &str {
        match self {
            Piece::Remove { name } | Piece::Node { name } | Piece::Leaf { name, .. } => name,
        }
    }
}

/// Everything to do now, in the order it should be done: what gives space back at once, then inner nodes, then
/// leaves. `volume` answers what is allowed for one volume. Nothing when an image can't be read: it might stand on
/// any other.
pub fn pieces(found: &[Found], policy: SrPolicy, volume: &dyn Fn(&str) -> SrPolicy) -> Vec<Piece> {
    if !policy.may_collect() || found.iter().any(|f| f.broken.is_some()) {
        return Vec::new();
    }
    let by_name: HashMap<&str, &Found> = found.iter().map(|f| (f.name.as_str(), f)).collect();
    let mut children: HashMap<&str, usize> = HashMap::new();
    for parent in found.iter().filter_map(|f| f.parent.as_deref()) {
        if !by_name.contains_key(parent) {
            // A parent that is missing: first people have to look.
            return Vec::new();
        }
        *children.entry(parent).or_default() += 1;
    }
    let count = |name: &str| children.get(name).copied().unwrap_or(0);
    let (mut remove, mut nodes, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for image in found {
        let parent = image.parent.as_deref().and_then(|p| by_name.get(p).copied());
        let only = parent.is_some_and(|p| p.hidden && count(&p.name) == 1 && p.takes(image));
        let allowed = volume(&image.uuid);
        if !allowed.may_collect() {
            continue;
        }
        let name = image.name.clone();
        if image.hidden && count(&image.name) == 0 {
            remove.push(Piece::Remove { name });
        } else if image.hidden && only && policy.coalesce && allowed.coalesce {
            nodes.push(Piece::Node { name });
        } else if !image.hidden
            && only
            && count(&image.name) == 0
            && policy.leaf_coalesce
            && policy.coalesce
            && allowed.leaf_coalesce
        {
            let after = parent.map_or(Format::Vhd, |p| p.format);
            leaves.push(Piece::Leaf { uuid: image.uuid.clone(), name, after });
        }
    }
    remove.into_iter().chain(nodes).chain(leaves).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, parent: Option<&str>, hidden: bool) -> Found {
        Found {
            name: format!("{name}.vhd"),
            uuid: name.into(),
            format: Format::Vhd,
            size: 4 << 20,
            physical: 0,
            hidden,
            parent: parent.map(|p| format!("{p}.vhd")),
            header: None,
            broken: None,
        }
    }

    fn names(found: &[Found], policy: SrPolicy) -> Vec<String> {
        let pieces = pieces(found, policy, &|_| SrPolicy::default());
        pieces.iter().map(|p| p.name().trim_end_matches(".vhd").to_owned()).collect()
    }

    #[test]
    fn what_gives_most_comes_first() {
        let tree = [
            image("root", None, true),
            image("node", Some("root"), true),
            image("a", Some("node"), false),
            image("b", Some("node"), false),
            image("base", None, true),
            image("leaf", Some("base"), false),
            image("lost", None, true),
            image("alone", None, false),
        ];
        let all = SrPolicy::default();
        assert_eq!(names(&tree, all), ["lost", "node", "leaf"]);
        assert_eq!(names(&tree, SrPolicy { leaf_coalesce: false, ..all }), ["lost", "node"]);
        assert_eq!(names(&tree, SrPolicy { coalesce: false, ..all }), ["lost"]);
        assert!(names(&tree, SrPolicy { collect: false, ..all }).is_empty());
        assert!(names(&tree, SrPolicy { guarded: true, ..all }).is_empty());
        let kept = pieces(&tree, all, &|uuid| SrPolicy { leaf_coalesce: uuid != "leaf", ..all });
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn qcow2_is_merged_where_readers_do_not_notice() {
        use xennix_disk::{file::Access, mem::MemVolumes, qcow2, volumes::Volumes};
        let place = MemVolumes::files();
        qcow2::create::create(&place, "a.qcow2", 4 << 20, None).unwrap();
        let plain = place.bytes("a.qcow2").unwrap();
        let header = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = plain.clone();
            change(&mut bytes);
            let name = format!("{}.qcow2", uuid::Uuid::new_v4());
            place.put(&name, &bytes).unwrap();
            let file = place.open(&name, Access::Read).unwrap();
            Some(Box::new(qcow2::header::Header::read(&*file).unwrap()))
        };
        let with = |found: Found, header| Found { format: Format::Qcow2, header, ..found };
        let pair = |parent, node| {
            let node = with(image("node", Some("root"), true), node);
            let leaf = |name: &str| with(image(name, Some("node"), false), header(&|_| {}));
            let found = [with(image("root", None, true), parent), node, leaf("a"), leaf("b")];
            names(&found, SrPolicy::default())
        };
        assert_eq!(pair(header(&|_| {}), header(&|_| {})), ["node"]);
        // Larger clusters below, a version that can't say that it is written, snapshots inside, a raw image below.
        let large = |b: &mut Vec<u8>| {
            b[23] = 21;
            // Tables begin with a cluster.
            b[40..48].copy_from_slice(&(2u64 << 20).to_be_bytes());
            b[48..56].copy_from_slice(&(4u64 << 20).to_be_bytes());
        };
        assert!(pair(header(&large), header(&|_| {})).is_empty());
        assert_eq!(pair(header(&|_| {}), header(&large)), ["node"]);
        assert!(pair(header(&|b| b[7] = 2), header(&|_| {})).is_empty());
        assert!(pair(header(&|b| b[63] = 1), header(&|_| {})).is_empty());
        assert!(pair(None, header(&|_| {})).is_empty());
    }

    #[test]
    fn nothing_is_touched_that_is_not_understood() {
        let mut broken = image("x", None, false);
        broken.broken = Some(crate::fail::Doing::Load.failure("unreadable"));
        assert!(names(&[image("lost", None, true), broken], SrPolicy::default()).is_empty());
        let orphan = image("o", Some("gone"), false);
        assert!(names(&[image("lost", None, true), orphan], SrPolicy::default()).is_empty());
        // A parent people can see is a disk of its own.
        let shown = [image("p", None, false), image("c", Some("p"), false)];
        assert!(names(&shown, SrPolicy::default()).is_empty());
    }
}
