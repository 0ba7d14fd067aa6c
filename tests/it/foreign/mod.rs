//! What comes from outside, and what holds whatever comes. Each module judges one kind of input, bytes of any sort;
//! `fuzz/` looks for bytes that break it, and tests/corpus holds those to try again in every run of the tests.

pub(crate) mod answers;
pub(crate) mod configuration;
pub(crate) mod database;
pub(crate) mod receivers;
#[cfg(test)]
mod replay;
pub(crate) mod requests;

/// The part before `separator` and the part behind it, which is empty where there is no separator.
fn cut<'i>(input: &'i [u8], separator: &[u8]) -> (&'i [u8], &'i [u8]) {
    match input.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (&input[..at], &input[at + separator.len()..]),
        None => (input, &[]),
    }
}
