//! Unpacking a gzipped tar archive in memory. Nothing in it is trusted: not its sizes, its paths nor its kinds of entry.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Component;

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

/// How much an archive may unpack to, in bytes.
const MOST: u64 = 64 << 20;
/// How many entries it may have.
const MOST_ENTRIES: usize = 10_000;

/// The files of an archive by their paths; links, devices and folders are left out.
///
/// Errors: it is none, it is broken, a path leads out of it, or it unpacks to more than any module has.
pub fn unpack(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    untar(GzDecoder::new(bytes)).map_err(|why| why.replace("no tar archive", "no gzipped tar archive"))
}

/// The same of an archive that is not compressed.
pub fn untar(reader: impl Read) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let broken = |error: &std::io::Error| format!("it is no tar archive: {error}");
    let mut archive = Archive::new(reader.take(MOST));
    let mut files = BTreeMap::new();
    let mut total = 0_u64;
    for (index, entry) in archive.entries().map_err(|error| broken(&error))?.enumerate() {
        if index >= MOST_ENTRIES {
            return Err(format!("it has more than {MOST_ENTRIES} entries"));
        }
        let entry = entry.map_err(|error| broken(&error))?;
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous) {
            continue;
        }
        let path = plain(&entry.path().map_err(|error| broken(&error))?)?;
        let mut content = Vec::new();
        entry
            .take(MOST + 1)
            .read_to_end(&mut content)
            .map_err(|error| broken(&error))?;
        total = total.saturating_add(content.len() as u64);
        if total > MOST {
            return Err(format!("it unpacks to more than {} MiB", MOST >> 20));
        }
        files.insert(path, content);
    }
    Ok(files)
}

/// A relative path that stays where it is, with `/` between its parts.
fn plain(path: &std::path::Path) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => match part.to_str() {
                Some(part) => parts.push(part),
                None => return Err(format!("the name {} is not UTF-8", path.display())),
            },
            Component::CurDir => {}
            _ => return Err(format!("the path {} leads out of it", path.display())),
        }
    }
    Ok(parts.join("/"))
}
