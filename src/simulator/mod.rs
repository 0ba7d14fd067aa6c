//! A local Entity Resolution API, so that everything runs without an AWS account.
