//! Writes the table of built-in types that the crate `kinds` reads.
//!
//! The format is described beside its reader, `crates/kinds/src/table.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::go::{self, Expr, Field, Type};

/// Types whose JSON is not an object of their Go fields, and the letter that stands for each.
const SPECIAL: &[(&str, &str)] = &[
    ("string", "s"),
    ("bool", "b"),
    ("int32", "i"),
    ("int64", "l"),
    ("int", "l"),
    ("float64", "f"),
    ("[]byte", "y"),
    ("meta.v1.Time", "t"),
    ("meta.v1.MicroTime", "u"),
    ("api.resource.Quantity", "q"),
    ("util.intstr.IntOrString", "n"),
    ("meta.v1.FieldsV1", "v"),
    ("pkg.runtime.RawExtension", "r"),
    ("apiextensions.v1.JSON", "j"),
    ("apiextensions.v1.JSONSchemaPropsOrArray", "A"),
    ("apiextensions.v1.JSONSchemaPropsOrBool", "B"),
    ("apiextensions.v1.JSONSchemaPropsOrStringArray", "S"),
    ("pkg.types.UID", "s"),
    ("pkg.types.NodeName", "s"),
];

/// Types of `meta.v1` that requests or answers carry as objects; the rest of that package is reached by reference.
const META_ROOTS: &[&str] = &["meta.v1.DeleteOptions", "meta.v1.Status", "meta.v1.ListMeta"];

/// Packages with types of no interest here: testing, and wire formats of other protocols.
const SKIPPED: &[&str] = &[
    "meta.v1",
    "testapigroup.v1",
    "admission.v1",
    "imagepolicy.v1",
    "audit.v1",
    "example.v1",
    "cr.v1",
    "pkg.test",
    "apidiscovery.v2",
];

/// Defaults that upstream declares by the name of a Go constant.
const CONSTANT_DEFAULTS: &[(&str, &str)] =
    &[("ref(AzureDataDiskCachingReadWrite)", "\"ReadWrite\""), ("ref(AzureSharedBlobDisk)", "\"Shared\"")];

/// The content of the table, from the folders of the Go modules.
pub(crate) fn table(modules: &[PathBuf]) -> Result<String> {
    let types = go::types(modules)?;
    let mut open: Vec<&str> = types.iter().filter(|(name, ty)| is_root(name, ty)).map(|(name, _)| &**name).collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    let mut blocks = BTreeMap::new();
    while let Some(name) = open.pop() {
        let Some((name, Type::Struct(markers, fields))) = types.get_key_value(name) else {
            bail!("{name} is not a struct that the modules declare")
        };
        let mut refs = BTreeSet::new();
        blocks.insert(name, block(name, markers, fields, &types, &mut refs).with_context(|| format!("type {name}"))?);
        open.extend(refs.into_iter().filter(|r| seen.insert(r)));
    }
    Ok(blocks.into_values().collect())
}

/// Objects of the API in stable versions: they have a kind of their own. Lists of them are known by their name and need
/// no row. (Stable types refer to a few unstable ones.)
fn is_root(name: &str, ty: &Type) -> bool {
    let Type::Struct(_, fields) = ty else { return false };
    let (package, short) = name.rsplit_once('.').unwrap_or_default();
    let typed = fields.iter().any(|f| f.json.is_empty() && f.ty == Expr::Name("meta.v1.TypeMeta".to_owned()));
    let stable = !package.contains("alpha") && !package.contains("beta");
    META_ROOTS.contains(&name)
        || typed && stable && !SKIPPED.contains(&package) && !short.ends_with("List") && !short.ends_with("Options")
}

/// One type: its header and its fields.
fn block<'a>(
    name: &str,
    markers: &[String],
    fields: &[Field],
    types: &'a BTreeMap<String, Type>,
    refs: &mut BTreeSet<&'a str>,
) -> Result<String> {
    let mut out = format!("={name}");
    if markers.iter().any(|m| m == "structType=atomic" || m == "mapType=atomic") {
        out.push_str(" atomic");
    }
    out.push('\n');
    for field in fields {
        if field.json.is_empty() && field.number == 0 {
            // `metav1.TypeMeta`: the envelope carries it on the wire.
            out.push_str("apiVersion 0 s\nkind 0 s\n");
            continue;
        }
        let word = word(&field.ty, types, refs)?;
        if field.json.is_empty() {
            writeln!(out, "^ {} {word}", field.number)?;
            continue;
        }
        let required = !field.omit_empty && !field.omit_zero && !field.markers.iter().any(|m| m == "optional")
            || field.markers.iter().any(|m| m == "required" || m == "k8s:required");
        let (flag, bang) = (presence(field, &word), if required { "!" } else { "" });
        writeln!(out, "{} {}{flag}{bang} {word}{}", field.json, field.number, attributes(field, types)?)?;
    }
    Ok(out)
}

/// The table's word for a type; collects the structs it refers to.
fn word<'a>(ty: &Expr, types: &'a BTreeMap<String, Type>, refs: &mut BTreeSet<&'a str>) -> Result<String> {
    Ok(match ty {
        Expr::Pointer(inner) => word(inner, types, refs)?,
        Expr::List(item) => format!("[]{}", word(item, types, refs)?),
        Expr::Map(value) => format!("{{}}{}", word(value, types, refs)?),
        Expr::Name(name) => match SPECIAL.iter().find(|(special, _)| special == name) {
            Some((_, letter)) => (*letter).to_owned(),
            None => match types.get_key_value(name.as_str()).with_context(|| format!("unknown type {name}"))? {
                // A list with a message of its own around it on the wire; such lists all hold strings.
                (_, Type::Alias(markers, Expr::List(_), _))
                    if markers.iter().any(|m| m == "protobuf.nullable=true") =>
                {
                    "w".to_owned()
                }
                (_, Type::Alias(_, inner, _)) => word(inner, types, refs)?,
                (name, Type::Struct(..)) => {
                    refs.insert(name);
                    name.clone()
                }
            },
        },
    })
}

/// `p`: a pointer to a scalar, whose zero is kept; `a`: written even when nobody set it; nothing: omitted when empty (a
/// struct: when absent).
fn presence(field: &Field, word: &str) -> &'static str {
    let pointer = matches!(field.ty, Expr::Pointer(_));
    let scalar = matches!(word, "s" | "b" | "i" | "l" | "f" | "y");
    let collection = word.starts_with(['[', '{']) || word == "w";
    match () {
        () if pointer => ["", "p"][usize::from(scalar)],
        () if field.omit_zero => "",
        () if scalar || collection => ["a", ""][usize::from(field.omit_empty)],
        // `omitempty` means nothing to Go for a struct.
        () => "a",
    }
}

/// List type and keys, patch strategy, enumeration and default.
fn attributes(field: &Field, types: &BTreeMap<String, Type>) -> Result<String> {
    let all = |key: &str| field.markers.iter().filter_map(|m| m.strip_prefix(key)).map(str::trim).collect::<Vec<_>>();
    let mut out = String::new();
    match all("listType=").first() {
        Some(&"map") => write!(out, " k={}", all("listMapKey=").join(","))?,
        Some(&"set") => out.push_str(" set"),
        _ => {}
    }
    if !all("mapType=atomic").is_empty() || !all("structType=atomic").is_empty() {
        out.push_str(" atomic");
    }
    if !all("structType=granular").is_empty() {
        out.push_str(" granular");
    }
    if let Some((strategy, key)) = &field.patch {
        write!(out, " p={strategy}{}{key}", if key.is_empty() { "" } else { ":" })?;
    }
    if let Some(default) = all("default=").first() {
        let value = CONSTANT_DEFAULTS.iter().find(|(constant, _)| constant == default).map_or(*default, |(_, v)| v);
        let value: serde_json::Value = serde_json::from_str(value).with_context(|| format!("default {default}"))?;
        write!(out, " d={value}")?;
    }
    let values = enumeration(&field.ty, types);
    if !values.is_empty() {
        write!(out, " e={}", values.join(","))?;
    }
    Ok(out)
}

/// The values of a `+enum` type, also of its lists and maps, sorted.
fn enumeration<'a>(ty: &Expr, types: &'a BTreeMap<String, Type>) -> Vec<&'a str> {
    match ty {
        Expr::Pointer(inner) | Expr::List(inner) | Expr::Map(inner) => enumeration(inner, types),
        Expr::Name(name) => match types.get(name) {
            Some(Type::Alias(markers, _, values)) if markers.iter().any(|m| m == "enum") => {
                // All or none: half an enumeration would be a wrong fact.
                let values: Option<BTreeSet<&str>> = values.iter().map(Option::as_deref).collect();
                values.into_iter().flatten().collect()
            }
            _ => Vec::new(),
        },
    }
}
