mod acceptance;
mod crd;
mod object;

use serde_json::Value;

use super::{CustomKind, parse_crd};

/// A CRD whose one version has this schema for `spec`.
fn crd_with(spec_schema: &str) -> Value {
    let indented: String = spec_schema.lines().map(|line| format!("            {line}\n")).collect();
    yaml(&format!(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.example.com}}
spec:
  group: example.com
  names: {{plural: widgets, kind: Widget}}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
{indented}"
    ))
}

fn yaml(text: &str) -> Value {
    model::yaml::parse(text).unwrap()
}

fn parsed(crd: &Value) -> CustomKind {
    parse_crd(crd).unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

fn errors_of(crd: &Value) -> Vec<String> {
    parse_crd(crd).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}
