//! What one rendering may cost.

use std::cell::Cell;

use crate::error::RenderError;

/// Most bytes that one rendering works on, over all its turns: bytes of objects as often as a step of a layer walks over
/// them, and bytes of files, with a factor, as often as they are read. The largest unit that a hub is made for has 10,000
/// objects of 2 kB; ten steps in each of ten layers over it are 2 GB, and this is twice that. Measured in an optimized
/// build, a step does 30 to 180 MB a second, so a hostile source holds a core for about two minutes at most, once. That
/// holds as long as each step takes time in proportion to what it spends: lookups go through an index, and what costs more
/// than its bytes (a regular expression, an alias of YAML) spends more.
const WORK_BYTES_MAX: u64 = 4 << 30;

/// Most bytes of objects that one turn makes: those of the manifests that it reads, as often as it reads them, and what
/// its steps add to them. The largest unit has 20 MB. In memory a value takes three times that as a rule, and fourteen
/// times when it consists of the shortest names and values, so this keeps a hostile source from taking the hub's memory.
const MADE_BYTES_MAX: u64 = 128 << 20;

/// Most turns of one rendering. Each loads at least one directory that was not loaded. One turn asks for all directories
/// that a kustomization lists, so a turn is a level of bases (at most 32), or a directory outside of these from which a
/// generator or a patch reads.
const TURNS_MAX: u32 = 1_000;

/// What one rendering may still cost, over all calls of [`render`](crate::render()) for it. It is counted, not measured in
/// time, so that a rendering that is refused once is refused always.
#[derive(Debug)]
pub struct Budget {
    work: Cell<u64>,
    made: Cell<u64>,
    turns: Cell<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { work: Cell::new(WORK_BYTES_MAX), made: Cell::new(MADE_BYTES_MAX), turns: Cell::new(TURNS_MAX) }
    }
}

impl Budget {
    /// A budget of so much work.
    #[cfg(test)]
    pub(crate) fn with_work(bytes: u64) -> Self {
        Self { work: Cell::new(bytes), ..Self::default() }
    }

    /// The work that is left.
    #[cfg(test)]
    pub(crate) fn work_left(&self) -> u64 {
        self.work.get()
    }

    /// Takes the bytes of one step.
    ///
    /// # Errors
    /// There are not as many left.
    pub(crate) fn spend(&self, bytes: usize) -> Result<(), RenderError> {
        let left = u64::try_from(bytes).ok().and_then(|bytes| self.work.get().checked_sub(bytes));
        self.work.set(left.ok_or(RenderError::TooMuchWork { limit: WORK_BYTES_MAX })?);
        Ok(())
    }

    /// Takes the bytes that are about to be added to objects. Adding them is a step over them, so they are work as well:
    /// each turn makes them once more.
    ///
    /// # Errors
    /// There are not as many left in this turn, or not as much work.
    pub(crate) fn spend_made(&self, bytes: usize) -> Result<(), RenderError> {
        let left = u64::try_from(bytes).ok().and_then(|bytes| self.made.get().checked_sub(bytes));
        self.made.set(left.ok_or(RenderError::TooLarge { limit: MADE_BYTES_MAX })?);
        self.spend(bytes)
    }

    /// Begins another turn, which makes all objects once more.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn next_turn(&self) -> Result<(), RenderError> {
        self.made.set(MADE_BYTES_MAX);
        let left = self.turns.get().checked_sub(1);
        self.turns.set(left.ok_or(RenderError::TooManyTurns { limit: TURNS_MAX })?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
