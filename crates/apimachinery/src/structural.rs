//! Custom kinds: reading a CustomResourceDefinition, and what its structural schema does to objects.
//!
//! [`parse_crd`] turns a CRD into a [`CustomKind`]. [`prune`], [`default`] and [`validate`] then work on any
//! [`kinds::schema::Schema`], built-in or custom, because the schema says everything: custom kinds get the fields of
//! every object (`apiVersion`, `kind`, `metadata`) written into their schema when they are parsed.
//!
//! Source: `apiextensions-apiserver/pkg/apiserver/{schema,validation}` of Kubernetes 1.37.
//!
//! Absent on purpose: evaluation of `x-kubernetes-validations` (CEL). The paths of such rules are kept in
//! [`CustomVersion::cel_rules`], so that a server can say that it does not enforce them.

mod crd;
mod defaults;
mod format;
mod invariant;
mod kind;
mod limit;
mod parse;
mod pattern;
mod pruning;
mod trail;
mod validation;

#[cfg(test)]
mod tests;

pub use crd::parse_crd;
pub use defaults::default;
pub use kind::{Column, ConversionStrategy, CustomKind, CustomVersion, Names, ScaleFields};
pub use limit::ERRORS_MAX;
pub use pruning::{prune, unknown_fields};
pub use validation::{validate, validate_update};
