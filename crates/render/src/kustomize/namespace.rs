//! `namespace` and the NamespaceTransformer: the namespace of every object that has one, and the fields in which some kinds
//! repeat it.

use model::object;
use serde::Deserialize;
use serde_json::Value;

use super::field::Spec;
use super::resource::{Resource, Resources};
use crate::budget::Budget;
use crate::error::RenderError;

/// Which subjects of role bindings get the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Subjects {
    /// The service account `default`, which every namespace has. `reference` updates subjects that name an object.
    #[default]
    #[serde(alias = "")]
    DefaultOnly,
    /// All service accounts.
    AllServiceAccounts,
    /// None.
    None,
}

/// What is set.
pub(crate) struct Namespace<'a> {
    pub(crate) name: &'a str,
    /// Fields that repeat it.
    pub(crate) specs: Vec<&'a Spec>,
    /// Whether fields that have a value keep it.
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
}

impl Namespace<'_> {
    /// Sets it in all objects.
    ///
    /// # Errors
    /// The budget is spent; an object whose fields are of another type.
    pub(crate) fn apply(&self, all: &mut Resources, budget: &Budget) -> Result<(), RenderError> {
        if self.name.is_empty() {
            return Ok(());
        }
        // Each object has it once, and a binding or a service again.
        budget.spend_made(self.name.len().saturating_mul(2 * all.0.len()))?;
        let cluster = all.cluster_kinds();
        for resource in &mut all.0 {
            let namespaced = resource.namespaced(&cluster);
            resource.remember(budget)?;
            self.one(resource, namespaced, budget)?;
        }
        Ok(())
    }

    fn one(&self, resource: &mut Resource, namespaced: bool, budget: &Budget) -> Result<(), RenderError> {
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        let Resource { object, location, .. } = resource;
        if namespaced {
            self.set(object::slot(object, &["metadata", "namespace"]));
        }
        let service = object::get(object, &["spec", "service"]);
        if gvk.kind == "APIService" && service.is_some_and(|service| !service.is_object() && !service.is_null()) {
            return Err(RenderError::field(&location.to_string(), "spec.service", "it is not a mapping"));
        }
        let binding = matches!(gvk.kind.as_str(), "RoleBinding" | "ClusterRoleBinding");
        if binding {
            for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
                let meant = match self.subjects {
                    Subjects::None => false,
                    Subjects::DefaultOnly => subject["name"] == "default" && subject["kind"] == "ServiceAccount",
                    Subjects::AllServiceAccounts => subject["kind"] == "ServiceAccount",
                };
                if meant {
                    self.set(object::slot(subject, &["namespace"]));
                }
            }
        }
        // A kind named Namespace of another group keeps its name.
        let renamed = gvk.group.is_empty() && gvk.version == "v1";
        for spec in self.specs.iter().filter(|spec| spec.selects(&gvk)) {
            let done = match spec.path.as_str() {
                "metadata/namespace" => true,
                "metadata/name" => !renamed,
                "subjects/namespace" => binding && matches!(spec.kind.as_str(), "RoleBinding" | "ClusterRoleBinding"),
                _ => false,
            };
            if done {
                continue;
            }
            spec.each(object, budget, &mut |value| {
                if value.is_object() || value.is_array() {
                    let field = spec.path.replace('/', ".");
                    return Err(RenderError::field(&location.to_string(), field, "it is not text, so no namespace"));
                }
                budget.spend_made(self.name.len())?;
                self.set(value);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn set(&self, place: &mut Value) {
        if !self.unset_only || place.is_null() || *place == "" {
            *place = self.name.into();
        }
    }
}
