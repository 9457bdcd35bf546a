//! The layout of the workspace: what each crate must not know (the design's table), and that each takes the lints.

use std::collections::BTreeMap;
use std::process::Command;

use nesie_domain::webhook::EventPattern;
use serde_json::Value;

/// What a crate must not depend on, at run time. A name that ends in `*` bans all that begin so.
const MUST_NOT_KNOW: [(&str, &[&str]); 8] = [
    ("nesie-domain", &["tokio", "sqlx", "axum", "reqwest", "temporalio-*", "nesie-*"]),
    (
        "nesie-workflows",
        &[
            "temporalio-sdk",
            "temporalio-client",
            "tokio",
            "sqlx",
            "reqwest",
            "axum",
            "nesie-storage",
            "nesie-activities",
            "nesie-platform",
            "nesie-api",
            "nesie-worker",
            "nesie-sandbox",
        ],
    ),
    ("nesie-storage", &["temporalio-*", "axum", "reqwest", "nesie-activities", "nesie-workflows", "nesie-api"]),
    ("nesie-activities", &["axum", "nesie-api"]),
    ("nesie-api", &["nesie-activities", "temporalio-sdk"]),
    ("nesie-sandbox", &["nesie-*"]),
    ("nesie-platform", &["nesie-storage", "nesie-activities", "nesie-workflows", "nesie-api", "nesie-sandbox"]),
    ("xtask", &["nesie-*", "sqlx", "postgres", "tokio-postgres", "diesel"]),
];

fn metadata() -> Value {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Every crate with what it depends on at run time.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let names = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
            let names = names.filter_map(|dependency| dependency["name"].as_str()).map(str::to_string).collect();
            (package["name"].as_str().expect("a name").to_string(), names)
        })
        .collect()
}

fn is_banned(name: &str, banned: &str) -> bool {
    banned.strip_suffix('*').map_or(name == banned, |stem| name.starts_with(stem))
}

#[test]
fn no_crate_knows_what_it_must_not() {
    let dependencies = dependencies();
    for (name, banned) in MUST_NOT_KNOW {
        let known = dependencies.get(name).unwrap_or_else(|| panic!("there is no crate {name}"));
        for ban in banned {
            let found: Vec<&String> = known.iter().filter(|dependency| is_banned(dependency, ban)).collect();
            assert!(found.is_empty(), "{name} must not know {found:?}");
        }
    }
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("packages") {
        let manifest = package["manifest_path"].as_str().expect("a manifest");
        let text = std::fs::read_to_string(manifest).expect("a manifest can be read");
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}

/// Every Rust source of the workspace, by its path within it.
fn sources() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut folders: Vec<_> = metadata()["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter_map(|package| {
            std::path::Path::new(package["manifest_path"].as_str()?).parent().map(std::path::Path::to_path_buf)
        })
        .collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source can be read");
                sources.push((path.strip_prefix(root).unwrap_or(&path).display().to_string(), text));
            }
        }
    }
    sources
}

/// SQL stands in storage alone: nobody else can send any at run time.
#[test]
fn only_storage_knows_the_driver() {
    let knows = |(_, known): &(String, Vec<String>)| known.iter().any(|name| name == "sqlx");
    let found: Vec<String> = dependencies().into_iter().filter(knows).map(|(name, _)| name).collect();
    assert_eq!(found, ["nesie-storage"]);
}

#[test]
fn every_source_file_says_what_it_is() {
    let sources = sources();
    for (path, text) in &sources {
        assert!(text.starts_with("//!"), "{path} does not say what it is");
    }
    assert!(sources.len() > 100, "only {} files were seen", sources.len());
}

#[test]
fn every_event_is_of_a_family_that_an_endpoint_can_want() {
    let mut seen = 0;
    for (path, text) in sources().iter().filter(|(path, _)| path.starts_with("activities/src")) {
        for line in text.lines().filter(|line| line.contains("event")) {
            let named = line.split("Some(\"").skip(1).filter_map(|rest| rest.split('"').next());
            for event in named.filter(|event| event.contains('.')) {
                let pattern = EventPattern::parse(event);
                assert!(pattern.is_ok(), "{path}: nobody can want {event}");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "only {seen} events were seen");
}
