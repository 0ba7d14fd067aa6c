//! The fuzz targets: the properties of tests/it/foreign, each under its target's name.

#[path = "../../tests/it/foreign/mod.rs"]
mod foreign;

/// What the operator configured.
pub fn configuration(input: &[u8]) {
    foreign::configuration::check(input);
}

/// What the service answered.
pub fn answers(input: &[u8]) {
    foreign::answers::check(input);
}

/// What somebody asked of the daemon.
pub fn requests(input: &[u8]) {
    foreign::requests::check(input);
}

/// What the database holds.
pub fn database(input: &[u8]) {
    foreign::database::check(input);
}

/// What a receiver of webhooks sent back.
pub fn receivers(input: &[u8]) {
    foreign::receivers::check(input);
}
