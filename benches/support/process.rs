//! What a process costs, as the kernel counts it. Linux only.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// Time on a processor that the threads of a process have had that still live: `"self"`, or its id.
pub(crate) fn cpu_time(process: &str) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end in between.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let on_cpu = text.split_whitespace().next().context("schedstat is empty")?;
        nanos += on_cpu.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Bytes of a process that are resident, and the most that ever were.
#[allow(dead_code, reason = "not every bench looks at memory")]
pub(crate) fn resident(process: &str) -> anyhow::Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1_024).with_context(|| format!("/proc shows no {name}"))
    };
    Ok((bytes("VmRSS:")?, bytes("VmHWM:")?))
}
