use futures::FutureExt as _;

use super::*;

fn member(n: usize) -> MemberName {
    format!("m{n:03}").parse().unwrap()
}

fn is_kept_back(sending: &Sending) -> bool {
    sending.few().now_or_never().is_none()
}

#[tokio::test(start_paused = true)]
async fn reports_wait_while_many_members_are_sent_to() {
    let sending = Sending::default();
    (0..FEW).for_each(|n| assert!(sending.begin(&member(n))));
    assert!(!is_kept_back(&sending), "a few");
    assert!(!sending.begin(&member(0)));
    assert!(!is_kept_back(&sending), "the same member again");
    assert!(sending.begin(&member(FEW)));
    assert!(is_kept_back(&sending), "one more than a few");
    let mut waits = std::pin::pin!(sending.few());
    assert!(waits.as_mut().now_or_never().is_none());
    sending.end(&member(FEW + 1));
    assert!(waits.as_mut().now_or_never().is_none(), "a member that was not sent to");
    sending.end(&member(3));
    assert!(waits.now_or_never().is_some(), "a few are left");
    assert!(!is_kept_back(&sending));
}

#[tokio::test(start_paused = true)]
async fn members_that_do_not_answer_keep_nothing_back_for_long() {
    let sending = Sending::default();
    (0..=FEW).for_each(|n| assert!(sending.begin(&member(n))));
    let began = Instant::now();
    sending.few().await;
    assert_eq!(began.elapsed(), KEPT_BACK_MAX);
    // They are still silent, and the next burst counts without them.
    (0..FEW).for_each(|n| assert!(sending.begin(&member(100 + n))));
    assert!(!is_kept_back(&sending));
    assert!(sending.begin(&member(200)));
    assert!(is_kept_back(&sending));
}
