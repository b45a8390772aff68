//! Whole trees that guests wrote, read within limits: a guest can write anything of any size.

use std::collections::BTreeMap;

use super::{Client, Result};

/// Paths below the root of the tree, with their values.
pub type Tree = BTreeMap<String, String>;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels below the root.
    pub depth: usize,
    /// Nodes.
    pub nodes: usize,
    /// Bytes of paths and values.
    pub bytes: usize,
}

impl Limits {
    /// What a guest's agent may reasonably write.
    pub const AGENT: Limits = Limits { depth: 6, nodes: 512, bytes: 128 << 10 };
}

impl Client {
    /// What is at and below a path. Beyond the limits the rest is left out; the second value tells whether
    /// that happened. A node without value that has children is not listed.
    ///
    /// # Errors
    /// As [`super::Error`]; nodes that vanish meanwhile are left out.
    pub async fn tree(&self, root: &str, limits: Limits) -> Result<(Tree, bool)> {
        let (mut tree, mut bytes, mut nodes, mut cut) = (Tree::new(), 0, 0, false);
        let mut open = vec![(String::new(), 0)];
        while let Some((below, depth)) = open.pop() {
            if nodes >= limits.nodes || bytes >= limits.bytes {
                return Ok((tree, true));
            }
            nodes += 1;
            let path = if below.is_empty() { root.to_string() } else { format!("{root}/{below}") };
            if let Some(value) = self.find(&path).await?.filter(|value| !value.is_empty()) {
                bytes += below.len() + value.len();
                if bytes > limits.bytes {
                    return Ok((tree, true));
                }
                tree.insert(below.clone(), value);
            }
            let mut names = self.directory(&path).await?;
            if depth >= limits.depth {
                cut |= !names.is_empty();
                continue;
            }
            if names.len() > limits.nodes {
                cut = true;
                names.truncate(limits.nodes);
            }
            names.sort_unstable_by(|a, b| b.cmp(a));
            let child = |name: String| if below.is_empty() { name } else { format!("{below}/{name}") };
            open.extend(names.into_iter().map(child).map(|path| (path, depth + 1)));
        }
        Ok((tree, cut))
    }
}
