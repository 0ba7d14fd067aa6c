//! Holds the modules to the map: who may import whom, and which file alone may know a foreign crate.

#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/planted.rs"]
mod planted;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::{fs, io};

use May::{AdaptersOf, All, ConfigOf, Leaves, TraitsOf};

/// Anybody may import these; they import nobody but each other.
const LEAVES: [&str; 10] = [
    "aws",
    "backoff",
    "chart",
    "clock",
    "duration",
    "heartbeat",
    "metrics",
    "secret",
    "tls",
    "url",
];

/// Who may import whom. What is not granted is forbidden.
const MAP: &[(&str, &[May])] = &[
    // what a job is
    ("domain", &[]),
    // the ports: they know the domain, never each other
    ("source", &[Leaves, All("domain")]),
    ("store", &[Leaves, All("domain")]),
    ("notify", &[Leaves, All("domain")]),
    // the two halves: they know the ports, never each other
    ("watch", &[Leaves, All("domain"), TraitsOf("source"), TraitsOf("store")]),
    ("deliver", &[Leaves, All("domain"), TraitsOf("store"), TraitsOf("notify")]),
    // around them
    ("simulator", &[Leaves]),
    ("http", &[Leaves, All("domain")]),
    (
        "config",
        &[
            Leaves,
            All("domain"),
            ConfigOf("source"),
            ConfigOf("store"),
            ConfigOf("notify"),
            ConfigOf("watch"),
            ConfigOf("deliver"),
            ConfigOf("http"),
        ],
    ),
    // the only wiring
    (
        "app",
        &[
            Leaves,
            All("domain"),
            AdaptersOf("source"),
            AdaptersOf("store"),
            AdaptersOf("notify"),
            All("watch"),
            All("deliver"),
            All("config"),
            All("http"),
        ],
    ),
    (
        "cli",
        &[
            Leaves,
            All("app"),
            All("config"),
            All("domain"),
            All("simulator"),
            All("http"),
            All("watch"),
            All("deliver"),
            TraitsOf("source"),
            TraitsOf("store"),
            TraitsOf("notify"),
        ],
    ),
    ("main", &[All("cli")]),
    // lib.rs declares the modules and gives nothing a second name
    ("lib", &[]),
];

/// What a module may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// The leaves.
    Leaves,
    /// All of a module.
    All(&'static str),
    /// A port without its adapters: the types that implement its trait are named by nobody but `app`.
    TraitsOf(&'static str),
    /// A port with its adapters.
    AdaptersOf(&'static str),
    /// Types whose name holds `Config`.
    ConfigOf(&'static str),
}

/// Foreign crates that only these modules may know: the folder or file of the name, and files whose name goes on with `_`.
const CRATES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli", "main"]),
    (
        "aws_config",
        &[
            "aws",
            "source/entity_resolution",
            "notify/amazon",
            "notify/event_bridge",
            "notify/sns",
            "notify/sqs",
        ],
    ),
    ("aws_sdk_entityresolution", &["source/entity_resolution"]),
    ("aws_sdk_eventbridge", &["notify/event_bridge"]),
    ("aws_sdk_sns", &["notify/sns"]),
    ("aws_sdk_sqs", &["notify/sqs"]),
    ("aws_sdk_sts", &["aws/identity", "aws/role"]),
    ("axum", &["http", "simulator"]),
    ("backoff", &["backoff"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("hyper_util", &["source/entity_resolution"]),
    ("indicatif", &["cli"]),
    ("mimalloc", &["main"]),
    ("minijinja", &["notify/webhook/template"]),
    ("prometheus", &["metrics"]),
    ("reqwest", &["notify/webhook", "http/probe", "url"]),
    ("rustls", &["tls"]),
    ("sqlx", &["store"]),
    ("standardwebhooks", &["notify/webhook"]),
];

/// The only foreign crates that the domain may know.
const DOMAIN_CRATES: [&str; 6] = ["jiff", "serde", "serde_json", "thiserror", "uuid", "wildmatch"];

#[test]
fn every_module_imports_only_what_the_map_grants_it() -> Result<(), Box<dyn Error>> {
    let found = violations(&sources()?, &dependencies()?);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    Ok(())
}

#[test]
fn the_adapters_of_every_port_are_recognised() -> Result<(), Box<dyn Error>> {
    let sources = sources()?;
    let adapters = adapters(&read(&sources));
    let known = |port: &str, adapter: &str| adapters[port].contains(adapter);
    assert!(known("source", "EntityResolution"), "{adapters:?}");
    assert!(known("store", "MemoryStore") && known("store", "SqliteStore"), "{adapters:?}");
    assert!(
        ["Sns", "Sqs", "EventBridge", "Webhook"].iter().all(|adapter| known("notify", adapter)),
        "{adapters:?}"
    );
    Ok(())
}

/// The package's folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files of the package: path from src/, and text.
fn sources() -> io::Result<Vec<(String, String)>> {
    let mut sources = Vec::new();
    collect(&root().join("src"), "", &mut sources)?;
    Ok(sources)
}

fn collect(folder: &Path, prefix: &str, into: &mut Vec<(String, String)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), into)?;
        } else if name.ends_with(".rs") {
            into.push((name, fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

/// Names of all crates in Cargo.toml, as code writes them.
fn dependencies() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml"))?.parse()?;
    Ok(["dependencies", "dev-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(toml::Table::keys)
        .map(|name| name.replace('-', "_"))
        .collect())
}

/// One file of the package: path from src/, module path, and what it says.
type Read<'a> = (&'a str, Vec<String>, paths::File);

fn read(sources: &[(String, String)]) -> Vec<Read<'_>> {
    sources
        .iter()
        .map(|(name, text)| {
            let module = module_of(name);
            let file = paths::read(&module, text);
            (name.as_str(), module, file)
        })
        .collect()
}

/// What in `sources` (path from src/, text) the map does not grant, one sentence each.
fn violations(sources: &[(String, String)], dependencies: &BTreeSet<String>) -> Vec<String> {
    let files = read(sources);
    let test_modules: BTreeSet<Vec<String>> = files
        .iter()
        .flat_map(|(_, module, file)| {
            file.test_modules
                .iter()
                .map(|child| [module.as_slice(), std::slice::from_ref(child)].concat())
        })
        .collect();
    let adapters = adapters(&files);
    let mut found = Vec::new();
    for (name, module, file) in &files {
        let importer = importer_of(name);
        if !LEAVES.contains(&importer) && granted(importer).is_none() {
            found.push(format!("src/{name}: module {importer} is not on the map"));
            continue;
        }
        let only_tests = (0..=module.len()).any(|depth| test_modules.contains(&module[..depth]));
        for mention in &file.mentions {
            let in_test = only_tests || mention.in_test;
            let broken = if mention.path[0] == "crate" || mention.path[0] == "matchwatch" {
                edge(importer, &mention.path[1..], &adapters, in_test)
            } else if dependencies.contains(&mention.path[0]) && !in_test {
                foreign(name, importer, &mention.path[0])
            } else {
                None
            };
            found.extend(broken.map(|why| format!("src/{name}:{}: {why}", mention.line)));
        }
    }
    found.dedup();
    found
}

/// The module path of a file.
fn module_of(name: &str) -> Vec<String> {
    let mut module: Vec<String> =
        name.trim_end_matches(".rs").split('/').map(ToOwned::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod"))
        || name == "lib.rs"
        || name == "main.rs"
    {
        module.pop();
    }
    module
}

/// The row of the map that a file belongs to.
fn importer_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name).trim_end_matches(".rs")
}

fn granted(importer: &str) -> Option<&'static [May]> {
    MAP.iter().find(|(module, _)| *module == importer).map(|(_, grants)| *grants)
}

/// The types that implement a port's own traits, by port.
fn adapters(files: &[Read<'_>]) -> BTreeMap<&'static str, BTreeSet<String>> {
    [("source", "JobSource"), ("store", "Store"), ("notify", "Notifier")]
        .into_iter()
        .map(|(port, port_trait)| {
            let names = files
                .iter()
                .filter(|(name, ..)| importer_of(name) == port)
                .flat_map(|(.., file)| &file.impls)
                .filter(|(implemented, _)| implemented == port_trait)
                .map(|(_, name)| name.clone())
                .collect();
            (port, names)
        })
        .collect()
}

/// Why `importer` may not name `path` (from the crate's root).
fn edge(
    importer: &str,
    path: &[String],
    adapters: &BTreeMap<&'static str, BTreeSet<String>>,
    in_test: bool,
) -> Option<String> {
    let module = path.first().map_or("*", String::as_str);
    let shown = path.join("::");
    if module == importer {
        return None;
    }
    let grants = granted(importer).unwrap_or(&[Leaves]);
    let grant = grants.iter().find(|grant| match grant {
        Leaves => LEAVES.contains(&module),
        All(name) | TraitsOf(name) | AdaptersOf(name) | ConfigOf(name) => *name == module,
    });
    let names_adapter =
        |name: &String| name == "*" || adapters.get(module).is_some_and(|all| all.contains(name));
    match grant {
        None => Some(format!("{importer} may not import {shown}; it may import {grants:?}")),
        Some(TraitsOf(_)) if !in_test && path.iter().any(names_adapter) => {
            Some(format!("{importer} names the adapter {shown}: only app does"))
        }
        Some(ConfigOf(_))
            if path.len() > 1 && !path[1..].iter().any(|name| name.contains("Config")) =>
        {
            Some(format!("{importer} may name the Config types of {module}, not {shown}"))
        }
        Some(_) => None,
    }
}

/// Why the file `name` may not know the crate `foreign`.
fn foreign(name: &str, importer: &str, foreign: &str) -> Option<String> {
    if importer == "domain" && !DOMAIN_CRATES.contains(&foreign) {
        return Some(format!("domain may not know the crate {foreign}"));
    }
    let (_, places) = CRATES.iter().find(|(known, _)| *known == foreign)?;
    let allowed = places
        .iter()
        .filter_map(|place| name.strip_prefix(place))
        .any(|rest| rest.starts_with(['.', '/', '_']));
    (!allowed).then(|| format!("the crate {foreign} is known to {} alone", places.join(", ")))
}
