//! The trees themselves, laid out to be walked: all nodes in one list, and behind each branch the node that comes when
//! its comparison holds.

use std::collections::HashMap;

use super::attributes::{Attributes, FileNode, Mode};

/// What a leaf gives to a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    /// Which score.
    pub score: u32,
    /// How much.
    pub value: f32,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// Of a branch: what the feature is compared with.
    value: f32,
    /// Of a branch: the feature. Of a leaf: how many weights it has.
    feature: u32,
    /// Of a branch: the node that comes when the comparison does not hold. Of a leaf: its first weight.
    other: u32,
    mode: Mode,
    missing: bool,
}

impl Node {
    /// Whether the comparison holds. A value that is not a number is a missing one, and every comparison here is false
    /// of it.
    #[expect(clippy::float_cmp, reason = "ONNX compares exactly")]
    fn holds(self, feature: f32) -> bool {
        let holds = match self.mode {
            Mode::LessOrEqual => feature <= self.value,
            Mode::Less => feature < self.value,
            Mode::GreaterOrEqual => feature >= self.value,
            Mode::Greater => feature > self.value,
            Mode::Equal => feature == self.value,
            Mode::NotEqual => feature != self.value && !feature.is_nan(),
            Mode::Leaf => false,
        };
        holds || (self.missing && feature.is_nan())
    }
}

/// All trees.
#[derive(Debug)]
pub struct Forest {
    nodes: Vec<Node>,
    weights: Vec<Weight>,
    /// The first node of each tree.
    roots: Vec<usize>,
    features: usize,
    branches: usize,
}

impl Forest {
    /// Lays the trees out.
    ///
    /// # Errors
    /// Nodes that are no trees: without a root, with a child that is not there, or reached in two ways.
    pub fn of(attributes: &Attributes) -> Result<Self, String> {
        let mut weights_of: HashMap<(i64, i64), Vec<Weight>> = HashMap::new();
        for weight in &attributes.weights {
            weights_of.entry((weight.tree, weight.node)).or_default().push(Weight {
                score: counted(weight.score)?,
                value: weight.value,
            });
        }
        // In the order in which they first stand in the file.
        let mut trees: Vec<(i64, Vec<&FileNode>)> = Vec::new();
        let mut places: HashMap<i64, usize> = HashMap::new();
        for node in &attributes.nodes {
            let place = *places.entry(node.tree).or_insert(trees.len());
            match trees.get_mut(place) {
                Some((_, nodes)) => nodes.push(node),
                None => trees.push((node.tree, vec![node])),
            }
        }
        let mut forest = Self {
            nodes: Vec::with_capacity(attributes.nodes.len()),
            weights: Vec::with_capacity(attributes.weights.len()),
            roots: Vec::with_capacity(trees.len()),
            features: 0,
            branches: 0,
        };
        for (tree, nodes) in trees {
            forest
                .plant(tree, &nodes, &mut weights_of)
                .map_err(|reason| format!("tree {tree}: {reason}"))?;
        }
        if forest.roots.is_empty() {
            return Err("it has no trees".to_owned());
        }
        Ok(forest)
    }

    fn plant(
        &mut self,
        tree: i64,
        nodes: &[&FileNode],
        weights_of: &mut HashMap<(i64, i64), Vec<Weight>>,
    ) -> Result<(), String> {
        let mut left: HashMap<i64, &FileNode> = nodes.iter().map(|node| (node.id, *node)).collect();
        if left.len() != nodes.len() {
            return Err("two of its nodes have the same number".to_owned());
        }
        let children = || {
            nodes
                .iter()
                .filter(|node| node.mode != Mode::Leaf)
                .flat_map(|node| [node.then, node.otherwise])
        };
        let below: std::collections::HashSet<i64> = children().collect();
        let mut above = nodes.iter().filter(|node| !below.contains(&node.id));
        let (Some(root), None) = (above.next(), above.next()) else {
            return Err("it has no root, or several".to_owned());
        };
        self.roots.push(self.nodes.len());
        let mut deepest = 0;
        // A node, how deep it is, and whose `other` it is.
        let mut pending: Vec<(i64, usize, Option<usize>)> = vec![(root.id, 0, None)];
        while let Some((id, depth, whose)) = pending.pop() {
            let node = left
                .remove(&id)
                .ok_or_else(|| format!("node {id} is not there, or is reached in two ways"))?;
            let at = self.nodes.len();
            if let Some(branch) = whose.and_then(|branch| self.nodes.get_mut(branch)) {
                branch.other = counted(at)?;
            }
            deepest = deepest.max(depth);
            if node.mode == Mode::Leaf {
                let weights = weights_of.remove(&(tree, id)).unwrap_or_default();
                self.nodes.push(Node {
                    value: 0.0,
                    feature: counted(weights.len())?,
                    other: counted(self.weights.len())?,
                    mode: Mode::Leaf,
                    missing: false,
                });
                self.weights.extend(weights);
            } else {
                self.features = self.features.max(node.feature + 1);
                self.nodes.push(Node {
                    value: node.value,
                    feature: counted(node.feature)?,
                    other: 0,
                    mode: node.mode,
                    missing: node.missing,
                });
                // The last one pushed is the next one popped: it comes right behind its branch.
                pending.push((node.otherwise, depth + 1, Some(at)));
                pending.push((node.then, depth + 1, None));
            }
        }
        self.branches += deepest;
        Ok(())
    }

    /// How many trees there are.
    pub fn trees(&self) -> usize {
        self.roots.len()
    }

    /// How many features a row must have.
    pub fn features(&self) -> usize {
        self.features
    }

    /// How many branches are decided for a row, at most.
    pub fn branches(&self) -> usize {
        self.branches
    }

    /// What each tree gives for a row.
    pub fn leaves<'f>(&'f self, row: &'f [f32]) -> impl Iterator<Item = &'f [Weight]> {
        self.roots.iter().map(move |&root| self.leaf(root, row))
    }

    fn leaf(&self, root: usize, row: &[f32]) -> &[Weight] {
        let mut at = root;
        while let Some(node) = self.nodes.get(at) {
            if node.mode == Mode::Leaf {
                let first = node.other as usize;
                return self
                    .weights
                    .get(first..first + node.feature as usize)
                    .unwrap_or_default();
            }
            let feature = row.get(node.feature as usize).copied().unwrap_or(f32::NAN);
            at = if node.holds(feature) {
                at + 1
            } else {
                node.other as usize
            };
        }
        &[]
    }
}

fn counted(number: usize) -> Result<u32, String> {
    u32::try_from(number).map_err(|_| "it is too large".to_owned())
}
