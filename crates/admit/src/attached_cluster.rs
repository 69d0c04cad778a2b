//! A kubeconfig's Secret and key can exist, and the member's name can be one.

use model::{FieldError, FieldPath, name, object};
use serde_json::Value;

pub(crate) fn validate(attached: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["name", "key"] {
        let path = FieldPath::of("spec.kubeconfig").field(field);
        match object::get_str(attached, &["spec", "kubeconfig", field]).unwrap_or_default() {
            "" => errors.push(FieldError::required(path, "names the Secret and its key that hold the kubeconfig")),
            text => {
                if let Err(why) = name::check_dns_subdomain(text) {
                    errors.push(FieldError::invalid(path, text, why));
                }
            }
        }
    }
    if let Some(member) = object::get_str(attached, &["spec", "memberName"])
        && let Err(why) = crate::member::check_name(member)
    {
        errors.push(FieldError::invalid(FieldPath::of("spec.memberName"), member, why));
    }
    errors
}
