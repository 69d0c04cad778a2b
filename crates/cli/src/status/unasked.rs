//! Units that this hub has in a member, and that no Application on it asks for, as after a take-over.

use api::delivery::{MemberMove, UnitId};

use super::held::count;

/// What to do about them, for the page of one member.
pub(super) const ADVICE: &str = "apply these Applications on this hub, under the same names and policies, and they have what is \
                                 there; nothing is done to it until then";

/// A unit, in words.
pub(super) fn in_words(unit: &UnitId) -> String {
    let policy = unit.policy.as_ref().map(|policy| format!(", policy {policy}")).unwrap_or_default();
    format!("app/{} in namespace {}{policy}", unit.name, unit.namespace)
}

/// How many are not named.
pub(super) fn left_out(moving: &MemberMove) -> u32 {
    let named = u32::try_from(moving.unasked.len()).unwrap_or(u32::MAX);
    moving.unasked_count.saturating_sub(named)
}

/// All of them in one line, if there are any.
pub(crate) fn sentence(moving: &MemberMove) -> Option<String> {
    let names: Vec<String> = moving.unasked.iter().map(in_words).collect();
    let more = match left_out(moving) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let units = count(moving.unasked_count, "unit");
    let said = || format!("{units} of this hub there, and no Application here asks for it: {}{more}", names.join("; "));
    (moving.unasked_count > 0).then(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unasked_for_is_named_and_the_rest_is_counted() {
        assert_eq!(sentence(&MemberMove::default()), None);
        let unit = |name: &str| UnitId::new("apps.kurator.dev", "Application", "default", name, Some("p"));
        let moving = |count: usize| {
            let units: Vec<UnitId> = (0..count).map(|n| unit(&format!("a{n}"))).collect();
            MemberMove::default().with_unasked(&units)
        };
        assert_eq!(
            sentence(&moving(1)).as_deref(),
            Some(
                "1 unit of this hub there, and no Application here asks for it: app/a0 in namespace default, policy p"
            )
        );
        let many = sentence(&moving(23)).unwrap();
        assert!(many.starts_with("23 units of this hub there") && many.ends_with("; and 3 more"), "{many}");
    }
}
