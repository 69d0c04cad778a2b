//! Names that Karmada makes from others, on which its tools rely (`pkg/util/names`, karmada.md 1.6).

/// Karmada's own namespace.
pub const SYSTEM_NAMESPACE: &str = "karmada-system";
/// The namespace of members' credentials.
pub const CLUSTER_NAMESPACE: &str = "karmada-cluster";
/// Prefix of the namespaces that hold Works, one for each member.
pub const EXECUTION_NAMESPACE_PREFIX: &str = "karmada-es-";

/// The namespace of a member's Works.
pub fn execution_namespace(member: &str) -> String {
    format!("{EXECUTION_NAMESPACE_PREFIX}{member}")
}

/// The member whose Works a namespace holds; `None` for any other namespace.
pub fn member_of_execution_namespace(namespace: &str) -> Option<&str> {
    namespace.strip_prefix(EXECUTION_NAMESPACE_PREFIX)
}

/// Is it a namespace of Karmada itself, of which nothing is propagated?
pub fn is_reserved_namespace(namespace: &str) -> bool {
    namespace == SYSTEM_NAMESPACE
        || namespace == CLUSTER_NAMESPACE
        || member_of_execution_namespace(namespace).is_some()
}

/// Name of an object's binding: its name and kind in lower case, with points in place of colons. Two objects can have one name
/// (`a-b` of kind `C` and `a` of kind `B-C`, or names that differ in case): who makes bindings looks at `spec.resource`.
pub fn binding(kind: &str, name: &str) -> String {
    format!("{}-{kind}", without_colons(name)).to_lowercase()
}

/// Name of an object's Work: its name in lower case, and a hash of its namespace, name and kind. The namespace is empty for a kind
/// without one.
pub fn work(kind: &str, name: &str, namespace: &str) -> String {
    let name = without_colons(name).to_lowercase();
    let whole = if namespace.is_empty() { format!("{name}-{kind}") } else { format!("{namespace}-{name}-{kind}") };
    format!("{name}-{}", hash(&whole.to_lowercase()))
}

/// A short key for a binding, for the keys of labels. The namespace is empty for a ClusterResourceBinding.
pub fn binding_key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { hash(name) } else { hash(&format!("{namespace}/{name}")) }
}

fn without_colons(name: &str) -> String {
    name.replace(':', ".")
}

/// Up to ten characters that say which text it is: FNV-1a of 32 bits, as decimal digits, in letters that make no words.
fn hash(text: &str) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let number = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    number.to_string().bytes().map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests;
