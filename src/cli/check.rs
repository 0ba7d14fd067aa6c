//! `matchwatch check`

use std::io::Write as _;
use std::path::Path;

use super::config_args::ConfigArgs;
use super::{Exit, Failure};
use crate::aws::Aws;
use crate::config::{AccountSettings, NotifierAdapter, NotifierSettings, Settings, StoreSettings};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let loaded = args.config.load()?;
    for warning in &loaded.warnings {
        super::tell(format_args!("warning: {warning}"));
    }
    if let Some(warning) = warning_about_disk(&loaded.settings.store) {
        super::tell(format_args!("warning: {warning}"));
    }
    Aws::trusting(loaded.settings.ca_bundle.as_ref()).map_err(Failure::usage)?;
    let summary = summary(&args.config.path.display().to_string(), &loaded.settings);
    std::io::stdout().write_all(summary.as_bytes()).map_err(Failure::usage)?;
    Ok(Exit::Success)
}

/// What may keep the database from working on this machine, which need not be the one that it is for.
fn warning_about_disk(store: &StoreSettings) -> Option<String> {
    let StoreSettings::Sqlite(sqlite) = store else {
        return None;
    };
    let folder = match sqlite.path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let Ok(folder) = folder.canonicalize() else {
        return Some(format!("[store] path: there is no folder {} here", folder.display()));
    };
    // Other systems than Linux have no such list.
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    network_file_system(&mounts, &folder).map(|kind| {
        format!(
            "[store] path: {} is on a network file system ({kind}), where SQLite's write-ahead log does not work; \
             put it on a local disk",
            folder.display()
        )
    })
}

/// The type of the file system that holds `folder`, if it is one that other hosts write to.
fn network_file_system<'m>(mounts: &'m str, folder: &Path) -> Option<&'m str> {
    const NETWORK: [&str; 12] = [
        "9p",
        "afs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "lustre",
        "nfs",
        "nfs4",
        "smb3",
    ];
    let mounted_on = |line: &'m str| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?.replace("\\040", " "), fields.next()?))
    };
    mounts
        .lines()
        .filter_map(mounted_on)
        .filter(|(mount, _)| folder.starts_with(mount))
        // Of several at the same place, the last hides the others.
        .max_by_key(|(mount, _)| mount.len())
        .map(|(_, kind)| kind)
        .filter(|kind| NETWORK.contains(kind))
}

/// What would run.
fn summary(file: &str, settings: &Settings) -> String {
    let mut lines = vec![format!("{file} is fine. `serve` would run:")];
    lines.extend(settings.accounts.iter().map(account));
    lines.extend(settings.watches.iter().map(|watch| {
        let jobs = counted(watch.job_ids.len(), "job");
        let told = match watch.notifiers.as_slice() {
            [] => "all notifiers".to_owned(),
            names => names.join(", "),
        };
        format!(
            "  watch     {} of {} in {}, told to {told}",
            jobs, watch.workflow_name, watch.account
        )
    }));
    lines.extend(settings.notifiers.iter().map(notifier));
    lines.push(match &settings.store {
        StoreSettings::Memory => "  store     memory: nothing survives a restart".to_owned(),
        StoreSettings::Sqlite(sqlite) => format!("  store     {}", sqlite.path.display()),
    });
    lines.push(match settings.http_listen {
        Some(address) => format!("  http      {address}"),
        None => "  http      off".to_owned(),
    });
    lines.join("\n") + "\n"
}

fn account(account: &AccountSettings) -> String {
    let region = account.access.region.as_deref().unwrap_or("the Region of the AWS environment");
    format!("  account   {} in {region}", account.name)
}

fn notifier(notifier: &NotifierSettings) -> String {
    let adapter = match &notifier.adapter {
        NotifierAdapter::Stdout => "standard output",
        NotifierAdapter::Webhook(_) => "a webhook",
        NotifierAdapter::Sns(sns) => sns.topic_arn.as_str(),
        NotifierAdapter::Command(command) => command.command.first().map_or("", String::as_str),
    };
    let filter = &notifier.filter;
    let statuses = match filter.statuses.as_slice() {
        [] => "every transition".to_owned(),
        some => some.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", "),
    };
    let narrowed = [
        ("workflows", filter.workflows.join(", ")),
        ("accounts", filter.accounts.join(", ")),
        ("kinds", filter.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")),
    ];
    let narrowed: String = narrowed
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!(", {what} {names}"))
        .collect();
    format!("  notifier  {} tells {adapter}: {statuses}{narrowed}", notifier.name)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_says_whether_a_folder_is_on_the_network() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\nnas:/x /srv/my\\040data nfs4 rw 0 0\ntmpfs /srv/my\\040data/tmp tmpfs rw 0 0\n";
        let kind = |folder: &str| network_file_system(mounts, Path::new(folder));
        assert_eq!(kind("/srv/my data/matchwatch"), Some("nfs4"));
        assert_eq!(kind("/srv/my data/tmp"), None);
        assert_eq!(kind("/srv"), None);
    }
}
