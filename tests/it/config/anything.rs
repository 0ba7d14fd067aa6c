//! What holds whatever is written.

use proptest::prelude::*;

use super::{parse, parse_with, problems};

fn full() -> String {
    std::fs::read_to_string("tests/fixtures/config/good.full.toml").unwrap()
}

/// Line numbers of the keys and headers that a section starts or goes on with: after them, a key can be put.
fn places_for_a_key(text: &str) -> Vec<usize> {
    let is_place = |line: &str| line.starts_with('[') || line.contains(" = ");
    let lines = text.lines().enumerate().filter(|(_, line)| is_place(line));
    // Headers are free.
    lines.map(|(index, _)| index).filter(|index| *index < headers_start(text)).collect()
}

fn headers_start(text: &str) -> usize {
    text.lines().position(|line| line == "[notifier.headers]").unwrap()
}

proptest! {
    #[test]
    fn loading_never_panics_whatever_is_written(
        text in "\\PC*|([\\[\\]{}=.,\"'#\\\\a-c0-9_\n -]|\\[\\[watch\\]\\]|\\[poll\\]|name|secrets|url)*",
        name in "MATCHWATCH__[A-C0-9_]{0,20}|MATCHWATCH__(POLL|WATCH__[0-2]|NOTIFIER__0__URL)(__[A-Z_0-9]{0,8}){0,3}",
        value in "\\PC*|[\\[\\]{}=.,\"'#\\\\a-c0-9_\n -]*",
    ) {
        let _ = parse_with(&text, &[(&name, &value)]);
    }

    #[test]
    fn loading_never_panics_on_a_damaged_configuration(
        cut in any::<prop::sample::Index>(),
        length in 0usize..40,
        insert in "[\\[\\]{}=.,\"'#\\\\a-z0-9_\n -]{0,6}",
    ) {
        let text = full();
        prop_assume!(text.is_ascii());
        let start = cut.index(text.len());
        let end = (start + length).min(text.len());
        let damaged = format!("{}{insert}{}", &text[..start], &text[end..]);
        let _ = parse(&damaged);
    }

    #[test]
    fn an_unknown_key_is_always_told_with_its_line(
        place in any::<prop::sample::Index>(),
        key in "x[a-z]{1,9}_x",
        value in prop::sample::select(vec!["1", "\"text\"", "true", "[1, 2]", "{ a = 1 }"]),
    ) {
        let text = full();
        let places = places_for_a_key(&text);
        let after = places[place.index(places.len())];
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.insert(after + 1, format!("{key} = {value}"));
        let told = problems(&lines.join("\n"), &[]);
        prop_assert_eq!(told.len(), 1, "{:?}", told);
        let expected = format!("test.toml:{}:1: [", after + 2);
        prop_assert!(told[0].starts_with(&expected), "{}", told[0]);
        let unknown_key = format!("{key}: unknown key");
        prop_assert!(told[0].contains(&unknown_key), "{}", told[0]);
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_never_shown(
        secret in "whsec_[a-zA-Z0-9+/]{32}|[a-z0-9]{12,20}|https://[a-z]{8}\\.example/[a-zA-Z0-9]{12}",
        template in prop::sample::select(vec![
            "url = {}",
            "url = [{}]",
            "url = { value = {} }",
            "url = { env = {} }",
            "url = { env = {}, file = {} }",
            "secrets = {}",
            "secrets = [{}, {}]",
            "secrets = [{ env = {} }]",
            "secrets = [{ secret = {} }]",
            "secrets = { env = {} }",
            "headers = {}",
            "headers = { Authorization = [{}] }",
            "headers = { Authorization = { value = {} } }",
            "headers = { \"bad name\" = {} }",
            "url = \"https://example.com\" {}",
            "secrets = [{}",
            "secrets = [{} {}]",
            "secret = {}",
        ]),
        quote in prop::sample::select(vec!["\"", "'", "\"\"\"", ""]),
    ) {
        let line = template.replace("{}", &format!("{quote}{secret}{quote}"));
        let text = format!("[[notifier]]\nname = \"ops\"\ntype = \"webhook\"\ncolour = 1\n{line}\n");
        let told = format!("{:?}", parse(&text).unwrap_err());
        prop_assert!(!told.contains(&secret), "{}", told);
    }
}
