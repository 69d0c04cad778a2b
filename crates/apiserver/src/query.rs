//! Query parameters of a request.

use model::Status;
use model::kind::GroupKind;
use model::{FieldError, FieldPath};

use crate::path::decode;

/// Parsed query parameters, in order, and the text they came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>, String);

impl Query {
    /// Parses the part of a URL after `?`.
    pub(crate) fn parse(text: &str) -> Self {
        let pair = |part: &str| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(key, true), decode(value, true))
        };
        Self(text.split('&').filter(|p| !p.is_empty()).map(pair).collect(), text.to_owned())
    }

    /// The text as it came.
    pub(crate) fn raw(&self) -> &str {
        &self.1
    }

    /// The first value of a parameter; an empty one counts as none.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// Every value of a parameter.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A parameter that is a boolean: there without a value counts as true, as in Kubernetes.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.tristate(key).unwrap_or(false)
    }

    /// A parameter that is a boolean or absent.
    pub(crate) fn tristate(&self, key: &str) -> Option<bool> {
        let (_, value) = self.0.iter().find(|(k, _)| k == key)?;
        Some(!matches!(value.as_str(), "false" | "0" | "False" | "f" | "F"))
    }

    /// A parameter that is a whole number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        match self.get(key) {
            None => Ok(None),
            Some(text) => {
                let fail = |_| Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
                text.parse().map(Some).map_err(fail)
            }
        }
    }

    /// Is this a dry run? `All` is the only value there is.
    pub(crate) fn dry_run(&self, options_kind: &str) -> Result<bool, Status> {
        let mut dry = false;
        for value in self.all("dryRun").filter(|v| !v.is_empty()) {
            if value != "All" {
                let error = FieldError::not_supported(FieldPath::of("dryRun"), vec![value], &["All"]);
                return Err(Status::invalid(&GroupKind::new("meta.k8s.io", options_kind), "", &[error]));
            }
            dry = true;
        }
        Ok(dry)
    }
}
