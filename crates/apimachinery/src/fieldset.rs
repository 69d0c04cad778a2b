//! Sets of fields: who owns what, as `metadata.managedFields` records it.
//!
//! A set holds paths. A path may be in the set without its parents or children being in it: a member of a list map is a
//! member of its own (`.` in `FieldsV1`), apart from its fields. Algebra is over paths, exactly; the one operation that
//! looks at subtrees is [`FieldSet::difference_recursive`].

mod element;
mod fields_v1;

use std::cmp::Ordering;

pub(crate) use element::compare_numbers;
pub use element::{Path, PathElement, Scalar};

/// `FieldsV1` that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fieldsV1 has the element {element:?}: {why}")]
pub struct FieldSetError {
    /// The element at fault.
    pub element: String,
    /// What is wrong with it.
    pub why: String,
}

/// A set of paths, kept as a tree whose nodes are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Sorted by element; each is a member or has children, so that equal sets are equal trees.
    nodes: Vec<Node>,
}

/// A step that is in the set, or leads to something that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) element: PathElement,
    /// The path that ends here is in the set.
    pub(crate) member: bool,
    pub(crate) children: FieldSet,
}

impl FieldSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { nodes: Vec::new() }
    }

    /// Has it no path?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many paths it has.
    pub fn len(&self) -> usize {
        self.nodes.iter().map(|node| usize::from(node.member) + node.children.len()).sum()
    }

    /// Is the path in the set? The empty path never is: a whole object has no owner.
    pub fn contains(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.find(last).is_some_and(|node| node.member),
            [first, rest @ ..] => self.find(first).is_some_and(|node| node.children.contains(rest)),
        }
    }

    /// Adds a path, without its parents. The empty path is not added.
    pub fn insert(&mut self, path: &[PathElement]) {
        match path {
            [] => {}
            [last] => self.node(last).member = true,
            [first, rest @ ..] => self.node(first).children.insert(rest),
        }
    }

    /// The paths below an element, without it; empty when there are none.
    pub fn below(&self, element: &PathElement) -> &FieldSet {
        static NONE: FieldSet = FieldSet::new();
        self.find(element).map_or(&NONE, |node| &node.children)
    }

    /// Paths in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.zip(other, |pair| match pair {
            (Some(only), None) | (None, Some(only)) => Some(only.clone()),
            (Some(a), Some(b)) => Some(Node {
                element: a.element.clone(),
                member: a.member || b.member,
                children: a.children.union(&b.children),
            }),
            (None, None) => None,
        })
    }

    /// Paths in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.zip(other, |pair| match pair {
            (Some(a), Some(b)) => Node::new(&a.element, a.member && b.member, a.children.intersection(&b.children)),
            _ => None,
        })
    }

    /// Paths in this set and not in the other. A parent stays when its child goes, and the other way round.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.subtract(other);
        out
    }

    /// Paths in this set that are neither in the other nor below a path of the other.
    #[must_use]
    pub fn difference_recursive(&self, other: &Self) -> Self {
        let mut out = self.clone();
        out.subtract_recursive(other);
        out
    }

    /// [`FieldSet::difference`] in place.
    pub fn subtract(&mut self, other: &Self) {
        self.prune(other, &|node, other| {
            node.member &= !other.member;
            node.children.subtract(&other.children);
        });
    }

    /// [`FieldSet::difference_recursive`] in place.
    pub fn subtract_recursive(&mut self, other: &Self) {
        self.prune(other, &|node, other| {
            if other.member {
                node.member = false;
                node.children = Self::new();
            } else {
                node.children.subtract_recursive(&other.children);
            }
        });
    }

    /// Changes the nodes that the other set has too, and drops those that come to nothing.
    fn prune(&mut self, other: &Self, change: &impl Fn(&mut Node, &Node)) {
        if other.is_empty() {
            return;
        }
        self.nodes.retain_mut(|node| {
            if let Some(other) = other.find(&node.element) {
                change(node, other);
            }
            node.member || !node.children.is_empty()
        });
    }

    /// Has the other set a path of this one?
    pub fn intersects(&self, other: &Self) -> bool {
        let (few, many) = if self.nodes.len() <= other.nodes.len() { (self, other) } else { (other, self) };
        few.nodes
            .iter()
            .any(|a| many.find(&a.element).is_some_and(|b| a.member && b.member || a.children.intersects(&b.children)))
    }

    /// Are all paths of this set in the other?
    pub fn is_subset(&self, other: &Self) -> bool {
        self.nodes.iter().all(|node| {
            other
                .find(&node.element)
                .is_some_and(|o| (!node.member || o.member) && node.children.is_subset(&o.children))
        })
    }

    /// The paths that no other path of the set goes on from.
    #[must_use]
    pub fn leaves(&self) -> Self {
        let leaf = |node: &Node| Node {
            element: node.element.clone(),
            member: node.children.is_empty(),
            children: node.children.leaves(),
        };
        Self { nodes: self.nodes.iter().map(leaf).collect() }
    }

    /// Calls `visit` with each path: those that end at a level before those that go deeper, each in order, which is the
    /// order in which upstream lists conflicts.
    pub fn for_each(&self, mut visit: impl FnMut(&[PathElement])) {
        self.walk(&mut Vec::new(), &mut visit);
    }

    /// All paths, in the order of [`FieldSet::for_each`].
    pub fn paths(&self) -> Vec<Path> {
        let mut out = Vec::with_capacity(self.len());
        self.for_each(|path| out.push(Path(path.to_vec())));
        out
    }

    fn walk(&self, prefix: &mut Vec<PathElement>, visit: &mut impl FnMut(&[PathElement])) {
        for node in self.nodes.iter().filter(|node| node.member) {
            prefix.push(node.element.clone());
            visit(prefix);
            prefix.pop();
        }
        for node in self.nodes.iter().filter(|node| !node.children.is_empty()) {
            prefix.push(node.element.clone());
            node.children.walk(prefix, visit);
            prefix.pop();
        }
    }

    /// The nodes, sorted.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes, to be changed in place: the caller keeps each a member or with children.
    pub(crate) fn nodes_mut(&mut self) -> &mut [Node] {
        &mut self.nodes
    }

    pub(crate) fn find(&self, element: &PathElement) -> Option<&Node> {
        self.nodes.binary_search_by(|node| node.element.cmp(element)).ok().map(|at| &self.nodes[at])
    }

    pub(crate) fn find_field(&self, name: &str) -> Option<&Node> {
        let place = self.nodes.binary_search_by(|node| match &node.element {
            PathElement::Field(field) => (**field).cmp(name),
            _ => Ordering::Greater,
        });
        place.ok().map(|at| &self.nodes[at])
    }

    /// The node of an element, made when missing: the caller makes it a member or gives it children.
    fn node(&mut self, element: &PathElement) -> &mut Node {
        let at = match self.nodes.last().map(|last| last.element.cmp(element)) {
            // What is read and collected comes in order nearly always.
            None | Some(Ordering::Less) => Err(self.nodes.len()),
            Some(Ordering::Equal) => Ok(self.nodes.len() - 1),
            Some(Ordering::Greater) => self.nodes.binary_search_by(|node| node.element.cmp(element)),
        };
        let at = at.unwrap_or_else(|at| {
            self.nodes.insert(at, Node { element: element.clone(), member: false, children: FieldSet::new() });
            at
        });
        &mut self.nodes[at]
    }

    /// A set of nodes in any order. Nodes of one element become one.
    fn of_nodes(mut nodes: Vec<Node>) -> Self {
        if !nodes.is_sorted_by(|a, b| a.element < b.element) {
            nodes.sort_by(|a, b| a.element.cmp(&b.element));
        }
        let mut set = Self { nodes: Vec::with_capacity(nodes.len()) };
        for node in nodes {
            set.graft(node.element, node.member, node.children);
        }
        set
    }

    /// Adds an element with what is below it to what is there; nothing happens when it adds nothing.
    pub(crate) fn graft(&mut self, element: PathElement, member: bool, children: FieldSet) {
        if !member && children.is_empty() {
            return;
        }
        if self.nodes.last().is_none_or(|last| last.element < element) {
            self.nodes.push(Node { element, member, children });
            return;
        }
        let node = self.node(&element);
        node.member |= member;
        node.children =
            if node.children.is_empty() { children } else { std::mem::take(&mut node.children).union(&children) };
    }

    /// Adds what another set has below a path.
    pub(crate) fn graft_at(&mut self, path: &[PathElement], children: FieldSet) {
        match path {
            [] if self.is_empty() => *self = children,
            [] => *self = self.union(&children),
            [last] => self.graft(last.clone(), false, children),
            [first, rest @ ..] if !children.is_empty() => self.node(first).children.graft_at(rest, children),
            _ => {}
        }
    }

    /// Walks two sets side by side and collects what `pick` makes of each element that either has.
    fn zip(&self, other: &Self, pick: impl Fn((Option<&Node>, Option<&Node>)) -> Option<Node>) -> Self {
        let (mut left, mut right) = (self.nodes.iter().peekable(), other.nodes.iter().peekable());
        let mut nodes = Vec::with_capacity(self.nodes.len());
        loop {
            let order = match (left.peek(), right.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(a), Some(b)) => a.element.cmp(&b.element),
            };
            nodes.extend(pick(match order {
                Ordering::Less => (left.next(), None),
                Ordering::Greater => (None, right.next()),
                Ordering::Equal => (left.next(), right.next()),
            }));
        }
        Self { nodes }
    }
}

impl Node {
    fn new(element: &PathElement, member: bool, children: FieldSet) -> Option<Self> {
        (member || !children.is_empty()).then(|| Self { element: element.clone(), member, children })
    }
}

impl<'a> FromIterator<&'a Path> for FieldSet {
    fn from_iter<I: IntoIterator<Item = &'a Path>>(paths: I) -> Self {
        let mut set = Self::new();
        for path in paths {
            set.insert(path);
        }
        set
    }
}

#[cfg(test)]
mod tests;
