//! Which members an affinity selects, for decisions other than placing: the targets of overrides.

use api::karmada::policy::v1alpha1::ClusterAffinity;

use crate::affinity::Affinity;
use crate::fleet::Fleet;

impl Fleet {
    /// Does an affinity select a member (karmada.md 2.5)? One that is not there is not selected.
    pub fn is_selected(&self, affinity: &ClusterAffinity, name: &str) -> bool {
        let Some(place) = self.place(name) else { return false };
        Affinity::of(affinity, self).mismatch(place, &self.members()[place], &self.symbols).is_none()
    }

    /// Does an affinity select them? An answer for each member, in the order of names.
    pub fn selected(&self, affinity: &ClusterAffinity) -> Vec<bool> {
        let affinity = Affinity::of(affinity, self);
        let members = self.members().iter().enumerate();
        members.map(|(place, member)| affinity.mismatch(place, member, &self.symbols).is_none()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Facts, Fleet};

    #[test]
    fn one_answer_and_all_answers_are_the_same() {
        let member = |name: &str, region: &str| Facts {
            region: region.to_owned(),
            labels: [("tier".to_owned(), region.to_owned())].into(),
            ..Facts::named(name.parse().unwrap())
        };
        let fleet = Fleet::of([member("c", "eu"), member("a", "eu"), member("b", "us")]);
        for (affinity, expect) in [
            (json!({}), [true, true, true]),
            (json!({"clusterNames": ["a", "x"]}), [true, false, false]),
            (json!({"exclude": ["a"], "labelSelector": {"matchLabels": {"tier": "eu"}}}), [false, false, true]),
            (
                json!({"fieldSelector": {"matchExpressions": [{"key": "region", "operator": "In", "values": ["us"]}]}}),
                [false, true, false],
            ),
        ] {
            let affinity = serde_json::from_value(affinity).unwrap();
            assert_eq!(fleet.selected(&affinity), expect, "{affinity:?}");
            let one = ["a", "b", "c"].map(|name| fleet.is_selected(&affinity, name));
            assert_eq!(one, expect);
            assert!(!fleet.is_selected(&affinity, "x"));
        }
    }
}
