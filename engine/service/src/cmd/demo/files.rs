//! The project of the demo: what `ferry new` makes, with the very pipeline of `pipelines/payoneer-salesforce`, from inside the binary.

use std::path::Path;

use super::super::new;

/// Writes it into a new folder.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    let _ = std::fs::remove_dir_all(folder);
    for (path, content) in new::payouts() {
        let path = folder.join("pipelines").join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, content)?;
    }
    Ok(())
}
