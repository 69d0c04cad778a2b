use model::tree::FileTree;

use super::*;
use crate::files::Files;

#[test]
fn what_is_spent_is_not_there_a_second_time() {
    let budget = Budget::default();
    let half = usize::try_from(WORK_BYTES_MAX / 2).unwrap();
    assert_eq!(budget.spend(half), Ok(()));
    assert_eq!(budget.spend(half), Ok(()));
    assert_eq!(budget.spend(0), Ok(()));
    assert_eq!(budget.spend(1), Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX }));
}

#[test]
fn turns_end() {
    let budget = Budget::default();
    for _ in 0..TURNS_MAX {
        assert_eq!(budget.next_turn(), Ok(()));
    }
    assert_eq!(budget.next_turn(), Err(RenderError::TooManyTurns { limit: TURNS_MAX }));
}

#[test]
fn a_file_counts_as_often_as_it_is_read() {
    let budget = Budget { work: Cell::new(9), turns: Cell::new(0) };
    let mut tree = FileTree::new();
    tree.insert_file("a", *b"1234");
    let files = Files::new(&tree, &budget);
    assert_eq!(files.text("a", "x"), Ok("1234".to_owned()));
    assert_eq!(files.text("a", "x"), Ok("1234".to_owned()));
    assert_eq!(files.text("a", "x"), Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX }));
}
