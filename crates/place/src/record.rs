//! What a decision tells of itself while it is made.

use crate::filter::Refused;
use crate::spread::Standing;

/// Listens to a decision. The one that decides for real listens to nothing, and costs nothing.
pub(crate) trait Recorder {
    /// Is anything kept? What would be computed for a recorder alone is skipped otherwise.
    const ACTIVE: bool;

    /// An attempt begins, with the members of this term of `clusterAffinities`. Forgets what was recorded before.
    fn attempt(&mut self, term: Option<&str>);

    /// A member does not come into question.
    fn refused(&mut self, place: usize, refused: Refused);

    /// A member comes into question, and stands so.
    fn standing(&mut self, standing: Standing);

    /// A group of members: what it is grouped by, its name and score, and whether it is chosen.
    fn group(&mut self, field: &str, name: &str, score: i64, chosen: bool);

    /// A member is selected: it takes part in the division.
    fn selected(&mut self, place: usize);

    /// The weight with which a member takes part in the division.
    fn weight(&mut self, place: usize, weight: i64);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Silent;

impl Recorder for Silent {
    const ACTIVE: bool = false;

    fn attempt(&mut self, _: Option<&str>) {}

    fn refused(&mut self, _: usize, _: Refused) {}

    fn standing(&mut self, _: Standing) {}

    fn group(&mut self, _: &str, _: &str, _: i64, _: bool) {}

    fn selected(&mut self, _: usize) {}

    fn weight(&mut self, _: usize, _: i64) {}
}
