//! What is picked, pinned and refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::diagnostic::Source;

fn tree(paths: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    paths
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect()
}

fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(gzip);
    for (path, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        // The safe ways to set a path refuse the ones that are looked for here.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_package_is_the_contract_its_cases_and_the_templates_below_the_folder() {
    let tree = tree(&[
        ("infra/modules/queue.toml", "c"),
        ("infra/modules/queue.test.toml", "t"),
        ("infra/modules/other.toml", "o"),
        ("infra/templates/cloudformation/queue.yaml", "y"),
        ("infra/templates/user-data/a.sh", "s"),
        ("infra/environments/dev.toml", "e"),
        ("modules/queue.toml", "top"),
    ]);
    let package = Package::pick("queue", Some("infra"), &tree).unwrap();
    let paths: Vec<&str> = package.files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "modules/queue.test.toml",
            "modules/queue.toml",
            "templates/cloudformation/queue.yaml",
            "templates/user-data/a.sh",
        ]
    );
}

#[test]
fn what_holds_another_module_is_refused_by_its_name() {
    let tree = tree(&[("x/modules/queue.toml", "c")]);
    assert_eq!(
        Package::pick("queues", None, &tree).unwrap_err(),
        "it has no modules/queues.toml; contracts in it: x/modules/queue.toml"
    );
}

#[test]
fn a_digest_moves_with_every_byte_and_with_every_name() {
    let digest = |paths: &[(&str, &str)]| Package::pick("q", None, &tree(paths)).unwrap().digest();
    let one = digest(&[("modules/q.toml", "ab"), ("templates/c", "d")]);
    assert_ne!(one, digest(&[("modules/q.toml", "ab"), ("templates/c", "e")]));
    assert_ne!(one, digest(&[("modules/q.toml", "ab"), ("templates/x", "d")]));
    assert_ne!(one, digest(&[("modules/q.toml", "a"), ("templates/c", "d")]));
    assert_eq!(
        one,
        digest(&[("modules/q.toml", "ab"), ("templates/c", "d"), ("README.md", "x")])
    );
}

#[test]
fn an_archive_gives_its_files_and_no_links() {
    let bytes = archive(&[
        ("./modules/q.toml", tar::EntryType::Regular, b"x"),
        ("templates/link", tar::EntryType::Symlink, b""),
        ("modules", tar::EntryType::Directory, b""),
    ]);
    let files = unpack(&bytes).unwrap();
    assert_eq!(files.into_keys().collect::<Vec<_>>(), ["modules/q.toml"]);
}

#[test]
fn an_archive_whose_paths_lead_out_is_refused() {
    for path in ["../x", "a/../../x", "/etc/x"] {
        let error = unpack(&archive(&[(path, tar::EntryType::Regular, b"x")])).unwrap_err();
        assert!(error.contains("leads out of it"), "{path}: {error}");
    }
}

#[test]
fn a_bomb_and_what_is_no_archive_are_refused() {
    let zeros = vec![0; 80 << 20];
    let error = unpack(&archive(&[("modules/q.toml", tar::EntryType::Regular, &zeros)])).unwrap_err();
    assert!(
        error.contains("no gzipped tar archive") || error.contains("more than"),
        "{error}"
    );
    assert!(unpack(b"PK\x03\x04").unwrap_err().contains("no gzipped tar archive"));
}

fn read(text: &str) -> Result<LockFile, String> {
    let source = Arc::new(Source {
        path: LOCK_FILE.to_owned(),
        text: text.to_owned(),
    });
    LockFile::read(&source).map_err(|problems| {
        let lines = problems.0.iter().map(|problem| problem.message.clone());
        lines.collect::<Vec<_>>().join("; ")
    })
}

#[test]
fn what_is_pinned_is_read_again() {
    let mut lock = LockFile::default();
    for (name, source) in [
        ("b", "s3://x/b.tgz"),
        ("a", "git+https://x/y?tag=v1"),
        ("b", "s3://x/b.tgz"),
    ] {
        lock.pin(Pinned {
            name: name.to_owned(),
            source: source.to_owned(),
            commit: (name == "a").then(|| "0".repeat(40)),
            digest: format!("sha256:{}", "ab".repeat(32)),
            span: None,
        });
    }
    let mut again = read(&lock.text()).unwrap();
    assert_eq!(again.modules.len(), 2);
    assert!(again.modules.iter_mut().all(|module| module.span.take().is_some()));
    assert_eq!(again, lock);
}

#[test]
fn every_mistake_in_a_lock_file_is_told() {
    let said = read("version = 2\n[[modules]]\nname = 1\n[[modules]]\nname = \"a\"\nsource = \"s\"\ndigest = \"x\"\n")
        .unwrap_err();
    assert!(said.contains("no lock file that this version"), "{said}");
    assert!(said.contains("must be a string"), "{said}");
    assert!(said.contains("this is no digest"), "{said}");
}
