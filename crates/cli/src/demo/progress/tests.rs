//! What the table counts.

use super::*;

#[test]
fn what_waits_or_is_left_alone_is_no_drift() {
    use SyncState::{
        Contested, Deleting, DeletionHeld, Drifted, Failed, LeftAlone, NotPruned, Pending, PrunePending, Synced,
        Waiting,
    };
    let all = [
        Pending,
        Synced,
        Drifted,
        Contested,
        Failed,
        DeletionHeld,
        PrunePending,
        NotPruned,
        Deleting,
        Waiting,
        LeftAlone,
    ];
    let drift: Vec<SyncState> = all.into_iter().filter(|sync| is_drift(*sync)).collect();
    assert_eq!(drift, [Drifted, Contested]);
}
