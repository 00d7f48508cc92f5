//! The pipeline of the demo: the very files of `pipelines/payoneer-salesforce`, from inside the binary.

use std::path::Path;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../pipelines/payoneer-salesforce"]
#[include = "*.yaml"]
#[include = "tables/*.yaml"]
#[include = "samples/*.json"]
struct Pipelines;

/// Writes them into a new folder.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    let _ = std::fs::remove_dir_all(folder);
    for name in Pipelines::iter() {
        let path = folder.join("pipelines").join(name.as_ref());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if let Some(file) = Pipelines::get(&name) {
            std::fs::write(path, file.data)?;
        }
    }
    Ok(())
}
