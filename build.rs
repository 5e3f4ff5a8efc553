//! Rebuilds the library when a migration comes or changes (the embedding macro cannot see a new folder), and hands the
//! tests a hash of all migrations, by which they name their template database.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=migrations");
    let mut files = BTreeMap::new();
    collect(Path::new("migrations"), &mut files);
    // FNV-1a: a name for a state of the folder, no protection against anybody.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for (path, content) in &files {
        for byte in path.bytes().chain([0]).chain(content.iter().copied()).chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    println!("cargo:rustc-env=ROLLBOOK_MIGRATIONS_HASH={hash:016x}");
}

fn collect(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        println!("cargo:rerun-if-changed={}", path.display());
        if path.is_dir() {
            collect(&path, files);
        } else if let Ok(content) = fs::read(&path) {
            files.insert(path.to_string_lossy().into_owned(), content);
        }
    }
}
