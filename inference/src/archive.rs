//! Models in archives: `model.tar.gz`, as SageMaker packs and keeps them.

use std::collections::HashMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;

/// The most that the archive of a model may unpack to, in bytes: everything is held in memory.
pub const MOST: u64 = 4 << 30;

/// Unpacks the files at the top of an archive. Folders and what is in them are passed over: a manifest names only files
/// beside itself. All of it together may have `most` bytes.
///
/// # Errors
/// What is wrong with it.
pub fn unpack(bytes: &[u8], most: u64) -> Result<HashMap<String, Vec<u8>>, String> {
    // One byte more than is allowed is enough to know.
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes).take(most + 1));
    let broken = |error: std::io::Error| format!("it is no whole .tar.gz: {error}");
    let mut files = HashMap::new();
    let mut unpacked = 0;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        unpacked += entry.size();
        if unpacked > most {
            return Err(format!("it unpacks to more than {most} bytes"));
        }
        let path = entry.path().map_err(broken)?.into_owned();
        let name = path.strip_prefix(".").unwrap_or(&path).to_str().map(ToOwned::to_owned);
        let Some(name) = name.filter(|name| !name.is_empty() && !name.contains('/')) else {
            continue;
        };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        files.insert(name, content);
    }
    Ok(files)
}
