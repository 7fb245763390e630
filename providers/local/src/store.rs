use acquire_provider::Error;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::path::Path;
use std::sync::Arc;

/// Opens a directory as an object store that syncs what it writes.
pub(crate) fn open(directory: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
    let store = LocalFileSystem::new_with_prefix(directory)
        .map_err(|error| Error::NotFound(format!("bucket directory {}: {error}", directory.display())))?;
    Ok(Arc::new(store.with_fsync(true)))
}
