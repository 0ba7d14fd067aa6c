//! How all that is wrong is told.

use std::path::{Path, PathBuf};

use matchwatch::config;

fn fixtures(prefix: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/fixtures/config");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .collect();
    paths.sort();
    paths
}

#[test]
fn each_bad_configuration_is_told_as_written_beside_it() {
    let paths = fixtures("bad.");
    assert!(paths.len() >= 30, "only {} bad configurations", paths.len());
    for path in paths {
        let told = config::load(&path, []).expect_err(&path.display().to_string()).to_string();
        let told =
            told.replace(&path.display().to_string(), path.file_name().unwrap().to_str().unwrap());
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        assert_eq!(told, expected.trim_end(), "{}", path.display());
    }
}

#[test]
fn each_problem_in_a_file_has_a_line_a_column_and_a_key() {
    for path in fixtures("bad.") {
        let problems = config::load(&path, []).unwrap_err();
        for problem in problems.list() {
            let problem = problem.to_string();
            let rest = problem.strip_prefix(&format!("{}:", path.display())).unwrap();
            let mut parts = rest.splitn(3, ':');
            assert!(parts.next().unwrap().parse::<usize>().unwrap() > 0, "{problem}");
            assert!(parts.next().unwrap().parse::<usize>().unwrap() > 0, "{problem}");
            let has_key = parts.next().unwrap().contains(": ");
            // What is not even text has no keys.
            assert!(has_key || path.ends_with("bad.not-utf8.toml"), "{problem}");
        }
    }
}

#[test]
fn no_message_about_a_bad_configuration_shows_a_secret() {
    for path in fixtures("bad.") {
        let problems = config::load(&path, []).unwrap_err();
        let told = format!("{problems} {problems:?}");
        for secret in ["hunter2", "aHVudGVy"] {
            assert!(!told.contains(secret), "{}: {told}", path.display());
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_told_with_what_to_do() {
    let problems = config::load(Path::new("no/such.toml"), []).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "no/such.toml: there is no such file; name another with --config or MATCHWATCH_CONFIG\n\
         1 problem in no/such.toml"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let problems = config::load(folder.path(), []).unwrap_err();
    assert!(problems.to_string().contains("cannot be read: "), "{problems}");
}
