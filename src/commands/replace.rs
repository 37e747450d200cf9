//! Replacing a file by a new text: whole or not at all.

use std::io::{Error, ErrorKind, Result, Write};
use std::path::Path;

/// Writes `text` to `path` through a file beside it that takes its place: whoever reads at the same time sees the old
/// text or the new one, and a crash leaves one of them. Links are followed, permissions are kept, a file that may not be
/// written is refused.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let target = match fs_err::canonicalize(path) {
        Ok(target) => target,
        // It does not exist yet.
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let present = fs_err::metadata(&target).ok();
    if present.as_ref().is_some_and(|file| file.permissions().readonly()) {
        return Err(Error::new(ErrorKind::PermissionDenied, "the file is read-only"));
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let beside = target.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            match present {
                Some(present) => fs_err::set_permissions(&beside, present.permissions()),
                None => Ok(()),
            }
        })
        .and_then(|()| fs_err::rename(&beside, &target));
    if written.is_err() {
        // What matters is told already: the file could not be written.
        let _ = fs_err::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.toml"), folder.path().join("link.toml"));
        fs_err::write(&file, "old").unwrap();
        fs_err::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real.toml", &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "new");
        assert!(fs_err::symlink_metadata(&link).unwrap().file_type().is_symlink());
        assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(
            fs_err::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing is left beside it"
        );
    }

    #[test]
    fn a_read_only_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        fs_err::write(&file, "old").unwrap();
        let mut permissions = fs_err::metadata(&file).unwrap().permissions();
        permissions.set_readonly(true);
        fs_err::set_permissions(&file, permissions).unwrap();
        assert_eq!(replace(&file, "new").unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "old");
    }
}
