//! Configurations in the documentation are right as they stand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// README.md and all of docs/.
fn documentation() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    docs.chain([root.join("README.md")])
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The blocks of TOML in a text that have sections: those without are parts of something.
fn configurations(text: &str) -> Vec<&str> {
    let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.lines().any(|line| line.starts_with('['))).collect()
}

/// A secret that would do under this name.
fn secret(name: &str) -> String {
    match name {
        name if name.contains("SECRET") => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        name if name.contains("URL") => "https://hooks.example.com/x".to_owned(),
        _ => "0123456789abcdef".repeat(2),
    }
}

#[test]
fn every_configuration_in_the_documentation_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    let secret_file = folder.path().join("secret");
    fs::write(&secret_file, "s3cret").unwrap();
    let mut checked = 0;
    for path in documentation() {
        for block in configurations(&fs::read_to_string(&path).unwrap()) {
            let mut text = block.to_owned();
            for file in block.split("{ file = \"").skip(1).filter_map(|rest| rest.split('"').next())
            {
                text = text.replace(file, secret_file.to_str().unwrap());
            }
            let names = block.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
            let configuration = folder.path().join("matchwatch.toml");
            fs::write(&configuration, text).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
                .args(["check", "--config"])
                .arg(&configuration)
                .env_clear()
                .envs(names.map(|name| (name, secret(name))))
                .output()
                .unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:\n{block}\n{stderr}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 5, "they are not found any more: {checked}");
}
