//! Selectors and tolerations as manifests have them.

use std::collections::BTreeMap;

use model::selector::{Operator, Requirement};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels that an object must have (`metav1.LabelSelector`). Absent lists demand nothing: the empty selector selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must be equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further demands; all of them count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// A demand on one key: a label of an object, or `provider`, `region` or `zone` of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LabelSelectorRequirement {
    /// The key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`; on nodes also `Gt` and `Lt`.
    pub operator: String,
    /// Values for `In`, `NotIn`, `Gt` and `Lt`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// A requirement that no object can be compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequirementError {
    /// The operator is none of the four.
    Operator {
        /// Place in `matchExpressions`.
        index: usize,
    },
    /// `In` and `NotIn` need a value, `Exists` and `DoesNotExist` forbid them.
    Values {
        /// Place in `matchExpressions`.
        index: usize,
    },
}

impl LabelSelector {
    /// The form in which objects are compared.
    ///
    /// # Errors
    /// A requirement has an unknown operator, or values that do not go with it.
    pub fn compile(&self) -> Result<model::LabelSelector, RequirementError> {
        let mut selector = model::LabelSelector::from_map(&self.match_labels);
        for (index, expression) in self.match_expressions.iter().enumerate() {
            let values = expression.values.clone();
            let operator = match (expression.operator.as_str(), values.is_empty()) {
                ("In", false) => Operator::In(values),
                ("NotIn", false) => Operator::NotIn(values),
                ("Exists", true) => Operator::Exists,
                ("DoesNotExist", true) => Operator::DoesNotExist,
                ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => return Err(RequirementError::Values { index }),
                _ => return Err(RequirementError::Operator { index }),
            };
            selector.requirements.push(Requirement { key: expression.key.clone(), operator });
        }
        Ok(selector)
    }
}

/// Nodes by their labels and fields (`corev1.NodeSelector`): one of the terms must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelector {
    /// The terms.
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// Demands on a node, of which all must hold. A term without any selects no node.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelectorTerm {
    /// On its labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
    /// On its fields: `metadata.name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_fields: Vec<LabelSelectorRequirement>,
}

/// A taint that is put up with (`corev1.Toleration`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the taint; absent, with `Exists`: every key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// `Equal` (when absent) or `Exists`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operator: String,
    /// Value of the taint, for `Equal`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Effect of the taint; absent: every effect.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub effect: String,
    /// Seconds for which a `NoExecute` taint is put up with; absent: forever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

#[cfg(test)]
mod tests;
