//! What somebody may have meant.

/// The candidate that `given` is most likely a slip of, if any is near.
pub(super) fn closest<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = fold(given);
    // One slip in three characters still looks like the word, and so does its beginning.
    let tolerance = (folded.chars().count() / 3).max(1);
    let distance = |candidate: &str| match folded.len() {
        3.. if candidate.starts_with(&folded) => tolerance,
        _ => strsim::osa_distance(&folded, candidate),
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(&fold(candidate)), candidate))
        .filter(|&(distance, _)| distance <= tolerance)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?` where something is near, else all there is.
pub(super) fn instead(given: &str, candidates: &[&str], all: &str) -> String {
    match closest(given, candidates.iter().copied()) {
        Some(candidate) => format!("; did you mean `{candidate}`?"),
        None if candidates.is_empty() => String::new(),
        None => format!("; {all} {}", listed(candidates)),
    }
}

/// `` `a`, `b` ``
pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What does not make two names different.
fn fold(name: &str) -> String {
    name.trim_matches(['[', ']']).to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let keys = ["interval", "get_rate", "list_rate"];
        for (given, meant) in [
            ("intervall", Some("interval")),
            ("Interval", Some("interval")),
            ("get-rate", Some("get_rate")),
            ("lsit_rate", Some("list_rate")),
            ("inter", Some("interval")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(closest(given, keys), meant, "{given}");
        }
    }
}
