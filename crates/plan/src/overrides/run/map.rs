//! Labels and annotations.

use api::karmada::policy::v1alpha1::{LabelAnnotationOverrider, OverriderOperator};
use serde_json::Value;

use crate::overrides::error::Fault;
use crate::overrides::patch::{self, Effect};
use crate::overrides::pointer;

/// Changes `metadata.labels` or `metadata.annotations`. `replace` and `remove` pass over keys that are not there.
pub(super) fn change(
    object: &mut Value,
    field: &str,
    overrider: &LabelAnnotationOverrider,
) -> Result<Vec<Effect>, Fault> {
    let path = format!("/metadata/{field}");
    let values = &overrider.value;
    let present = match object.get("metadata").and_then(|metadata| metadata.get(field)) {
        None | Some(Value::Null) if overrider.operator == OverriderOperator::Add && !values.is_empty() => {
            let all = values.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
            let effect = patch::apply(object, OverriderOperator::Add, &path, Some(&Value::Object(all)));
            return effect.map(Vec::from_iter).map_err(|why| Fault::at(&path, why));
        }
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(present)) => present,
        Some(_) => return Err(Fault::at(&path, "it has no keys")),
    };
    let is_meant = |key: &String| overrider.operator == OverriderOperator::Add || present.contains_key(key);
    let meant: Vec<_> = values.iter().filter(|(key, _)| is_meant(key)).collect();
    let mut effects = Vec::new();
    for (key, value) in meant {
        let mut path = path.clone();
        pointer::push(&mut path, key);
        let value = (overrider.operator != OverriderOperator::Remove).then(|| Value::from(value.as_str()));
        let effect = patch::apply(object, overrider.operator, &path, value.as_ref());
        effects.extend(effect.map_err(|why| Fault::at(&path, why))?);
    }
    Ok(effects)
}
