//! Trees of files to objects: plain YAML and Kustomize
