//! What one rendering may cost.

use std::cell::Cell;

use crate::error::RenderError;

/// Most bytes that one rendering works on, over all its turns: bytes of files as often as they are read, and of objects as
/// often as a step of a layer walks over them. The largest unit that a hub is made for has 10,000 objects of 2 kB; ten
/// steps in each of ten layers over it are 2 GB, and this is twice that.
const WORK_BYTES_MAX: u64 = 4 << 30;

/// Most turns of one rendering. Each loads at least one directory that was not loaded. One turn asks for all directories
/// that a kustomization lists, so a turn is a level of bases (at most 32), or a directory outside of these from which a
/// generator or a patch reads.
const TURNS_MAX: u32 = 1_000;

/// What one rendering may still cost, over all calls of [`render`](crate::render()) for it. It is counted, not measured in
/// time, so that a rendering that is refused once is refused always.
#[derive(Debug)]
pub struct Budget {
    work: Cell<u64>,
    turns: Cell<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { work: Cell::new(WORK_BYTES_MAX), turns: Cell::new(TURNS_MAX) }
    }
}

impl Budget {
    /// Takes the bytes of one step.
    ///
    /// # Errors
    /// There are not as many left.
    pub(crate) fn spend(&self, bytes: usize) -> Result<(), RenderError> {
        let left = u64::try_from(bytes).ok().and_then(|bytes| self.work.get().checked_sub(bytes));
        self.work.set(left.ok_or(RenderError::TooMuchWork { limit: WORK_BYTES_MAX })?);
        Ok(())
    }

    /// Begins another turn.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn next_turn(&self) -> Result<(), RenderError> {
        let left = self.turns.get().checked_sub(1);
        self.turns.set(left.ok_or(RenderError::TooManyTurns { limit: TURNS_MAX })?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
