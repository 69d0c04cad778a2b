//! Reads Go type declarations: just enough Go for files that gofmt has written and Kubernetes' generators can read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A Go type as a field or a declaration spells it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// `*T`.
    Pointer(Box<Expr>),
    /// `[]T`.
    List(Box<Expr>),
    /// `map[K]T`; keys are always text.
    Map(Box<Expr>),
    /// A declared type by its short name (`core.v1.Container`), or a type of the language.
    Name(String),
}

/// One field of a struct.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// JSON name; empty when the fields of its struct are written in its place.
    pub(crate) json: String,
    /// Protobuf number; 0 when it has none.
    pub(crate) number: u32,
    /// Its type.
    pub(crate) ty: Expr,
    /// `omitempty`.
    pub(crate) omit_empty: bool,
    /// `omitzero`.
    pub(crate) omit_zero: bool,
    /// `patchStrategy` and `patchMergeKey`.
    pub(crate) patch: Option<(String, String)>,
    /// Markers in its comment, without `+`.
    pub(crate) markers: Vec<String>,
}

/// One declared type.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    /// A struct: markers and fields.
    Struct(Vec<String>, Vec<Field>),
    /// Another name for a type, its markers, and the constants of that type.
    Alias(Vec<String>, Expr, Vec<Option<String>>),
}

/// The short name of a package: the last two segments of its folder (`core.v1`, `meta.v1`), which are unique here.
pub(crate) fn package(path: &str) -> String {
    let segments: Vec<&str> = path.split(['/', '\\']).collect();
    segments[segments.len().saturating_sub(2)..].join(".")
}

/// Every type that the modules declare, by short name.
pub(crate) fn types(modules: &[PathBuf]) -> Result<BTreeMap<String, Type>> {
    let mut types = BTreeMap::new();
    let mut constants = Vec::new();
    for module in modules {
        for file in files(module)? {
            let dir = file.parent().context("a file lies in a folder")?.to_string_lossy().into_owned();
            let package = package(&dir);
            let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            read(&text, &package, &mut types, &mut constants).with_context(|| format!("reading {}", file.display()))?;
        }
    }
    // A constant may stand in a file before its type.
    for (name, value) in constants {
        if let Some(Type::Alias(_, _, values)) = types.get_mut(&name) {
            values.push(value);
        }
    }
    Ok(types)
}

/// Hand-written Go files below `dir`, sorted, so that output never depends on the file system.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(".go") && !name.ends_with("_test.go") && !name.contains("generated") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(
    text: &str,
    package: &str,
    types: &mut BTreeMap<String, Type>,
    constants: &mut Vec<(String, Option<String>)>,
) -> Result<()> {
    let mut imports = BTreeMap::new();
    let mut markers = Vec::new();
    let mut open: Option<(String, Vec<String>, Vec<Field>)> = None;
    for line in text.lines() {
        let code = line.trim();
        if let Some(comment) = code.strip_prefix("//") {
            markers.extend(comment.trim().strip_prefix('+').map(|m| m.trim().to_owned()));
        } else if let Some((_, _, fields)) = open.as_mut().filter(|_| line.starts_with('\t')) {
            if let Some((declaration, tags)) = code.split_once('`') {
                let markers = std::mem::take(&mut markers);
                fields.extend(field(declaration, tags, markers, package, &imports)?);
            } else {
                markers.clear();
            }
        } else if line == "}" {
            types.extend(open.take().map(|(name, markers, fields)| (name, Type::Struct(markers, fields))));
            markers.clear();
        } else if let Some(rest) = line.strip_prefix("type ") {
            let (name, ty) = rest.split_once(' ').unwrap_or((rest, ""));
            let name = format!("{package}.{name}");
            let markers = std::mem::take(&mut markers);
            if ty == "struct {" {
                open = Some((name, markers, Vec::new()));
            } else if ty == "struct{}" {
                types.insert(name, Type::Struct(markers, Vec::new()));
            } else if !ty.is_empty() && !ty.contains('{') && !ty.contains('(') {
                let ty = expr(ty.split(" //").next().unwrap_or(ty), package, &imports);
                types.insert(name, Type::Alias(markers, ty, Vec::new()));
            }
        } else if code.contains("\"k8s.io/") && code.ends_with('"') {
            let mut words = code.trim_start_matches("import ").split_whitespace();
            let (first, second) = (words.next().unwrap_or_default(), words.next());
            let path = second.unwrap_or(first).trim_matches('"');
            let alias = second.map_or_else(|| path.rsplit('/').next().unwrap_or(path), |_| first);
            imports.insert(alias.to_owned(), self::package(path));
        } else if !code.is_empty() {
            constants.extend(constant(code).map(|(ty, value)| (format!("{package}.{ty}"), value)));
            markers.clear();
        }
    }
    Ok(())
}

/// A typed constant of text: `PullAlways PullPolicy = "Always"` or `PathExact = PathType("Exact")`. One that stands for
/// another constant (`AddressTypeIPv4 = AddressType(v1.IPv4Protocol)`) has no value here, so that its type is known to
/// be read in part only.
fn constant(code: &str) -> Option<(&str, Option<String>)> {
    let (declaration, value) = code.trim_start_matches("const ").split_once(" = ")?;
    let mut words = declaration.split_whitespace().skip(1);
    let (ty, value) = match (words.next(), words.next()) {
        (Some(ty), None) => (ty, value),
        (None, _) => value.split_once('(')?,
        _ => return None,
    };
    Some((ty, value.strip_prefix('"').and_then(|v| v.split('"').next()).map(str::to_owned)))
}

/// A line of a struct; `None` for fields that JSON does not have.
fn field(
    declaration: &str,
    tags: &str,
    markers: Vec<String>,
    package: &str,
    imports: &BTreeMap<String, String>,
) -> Result<Option<Field>> {
    let tag = |name: &str| {
        let (_, rest) = tags.split_once(&format!("{name}:\""))?;
        rest.split('"').next()
    };
    let Some(json) = tag("json").filter(|json| *json != "-") else { return Ok(None) };
    let (json, options) = json.split_once(',').unwrap_or((json, ""));
    let words: Vec<&str> = declaration.split_whitespace().collect();
    // An embedded struct has no name of its own.
    let ty = if words.len() > 1 { words[1..].join(" ") } else { words.concat() };
    let number = match tag("protobuf").filter(|p| *p != "-") {
        Some(protobuf) => protobuf.split(',').nth(1).context("a protobuf tag has a number")?.parse()?,
        None => 0,
    };
    Ok(Some(Field {
        json: json.to_owned(),
        number,
        ty: expr(&ty, package, imports),
        omit_empty: options.contains("omitempty"),
        omit_zero: options.contains("omitzero"),
        patch: tag("patchStrategy").map(|s| (s.to_owned(), tag("patchMergeKey").unwrap_or_default().to_owned())),
        markers,
    }))
}

fn expr(ty: &str, package: &str, imports: &BTreeMap<String, String>) -> Expr {
    let boxed = |rest: &str| Box::new(expr(rest, package, imports));
    let ty = ty.trim().trim_start_matches("= ");
    if let Some(rest) = ty.strip_prefix('*') {
        Expr::Pointer(boxed(rest))
    } else if ty == "[]byte" {
        Expr::Name("[]byte".to_owned())
    } else if let Some(rest) = ty.strip_prefix("[]") {
        Expr::List(boxed(rest))
    } else if let Some((_, rest)) = ty.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        Expr::Map(boxed(rest))
    } else if let Some((alias, name)) = ty.split_once('.') {
        Expr::Name(format!("{}.{name}", imports.get(alias).map_or(alias, String::as_str)))
    } else if ty.starts_with(|c: char| c.is_ascii_uppercase()) {
        Expr::Name(format!("{package}.{ty}"))
    } else {
        Expr::Name(ty.to_owned())
    }
}
