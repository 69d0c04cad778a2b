//! The way from the root to a node, as a chain on the stack: text is only made when there is something to report.

use model::FieldPath;

/// One step and the steps before it.
#[derive(Clone, Copy)]
pub(crate) struct Trail<'a> {
    parent: Option<&'a Trail<'a>>,
    step: Step<'a>,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> Trail<'a> {
    pub(crate) const ROOT: Trail<'static> = Trail { parent: None, step: Step::Root, depth: 0 };

    pub(crate) fn field(&'a self, name: &'a str) -> Trail<'a> {
        Trail { parent: Some(self), step: Step::Field(name), depth: self.depth + 1 }
    }

    pub(crate) fn index(&'a self, index: usize) -> Trail<'a> {
        Trail { parent: Some(self), step: Step::Index(index), depth: self.depth + 1 }
    }

    /// Is this deeper than anything that came out of a parser?
    pub(crate) fn too_deep(&self) -> bool {
        self.depth > super::limit::DEPTH_MAX
    }

    pub(crate) fn path(&self) -> FieldPath {
        let mut steps = Vec::with_capacity(self.depth);
        let mut at = Some(self);
        while let Some(trail) = at {
            steps.push(trail.step);
            at = trail.parent;
        }
        steps.into_iter().rev().fold(FieldPath::root(), |path, step| match step {
            Step::Root => path,
            Step::Field(name) => path.field(name),
            Step::Index(index) => path.index(index),
        })
    }
}
