//! What tells the folder of a sweep from that of a run.

use std::path::Path;

/// What a sweep began with: it is there from the first run to the last, and behind it.
pub(super) const SWEEP: &str = "sweep.json";

/// Whether a folder has a sweep, finished or not.
pub(super) fn has_sweep(folder: &Path) -> bool {
    folder.join(SWEEP).exists()
}
