//! Every other decision as a function from values to values: diff, prune, drift, deletion guard, lifecycle
