//! What the disk below `target/` can do.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

/// How often a second the disk can be waited for: one page of 4 KiB is written over and synced, one after the other,
/// for `time`. That is the least that a commit costs.
pub(crate) fn syncs_per_second(folder: &Path, time: Duration) -> std::io::Result<f64> {
    let mut file = File::create(folder.join("synced"))?;
    let page = [0x5a; 4_096];
    // As SQLite's log is once it has started over, the file is there already.
    file.write_all(&page.repeat(1_000))?;
    file.sync_all()?;
    let started = Instant::now();
    let mut syncs = 0_u32;
    while started.elapsed() < time {
        file.seek(SeekFrom::Start(u64::from(syncs % 1_000) * 4_096))?;
        file.write_all(&page)?;
        file.sync_all()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / started.elapsed().as_secs_f64())
}
