//! The disk that the database is on.

use std::fs;
use std::path::Path;

use super::Config;

/// Types of file systems that other hosts write to, as Linux names them.
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

impl Config {
    /// What is wrong with the disk that the file is on, if SQLite's log does not work there. Nothing is said of a
    /// folder that does not exist.
    pub fn disk_warning(&self) -> Option<String> {
        // What the file is a link to, or else its folder.
        let place =
            fs::canonicalize(&self.path).or_else(|_| fs::canonicalize(self.folder())).ok()?;
        // Other systems than Linux have no such list.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        network_file_system(&mounts, &place).map(|kind| {
            format!(
                "[store] path: {} is on a network file system ({kind}), where SQLite's write-ahead log does not \
                 work; put it on a local disk",
                self.path.display()
            )
        })
    }

    /// The folder that the file is in.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }
}

/// The type of the file system that holds `place`, if it is one that other hosts write to.
fn network_file_system<'m>(mounts: &'m str, place: &Path) -> Option<&'m str> {
    let mounted_on = |line: &'m str| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?.replace("\\040", " "), fields.next()?))
    };
    mounts
        .lines()
        .filter_map(mounted_on)
        .filter(|(mount, _)| place.starts_with(mount))
        // Of several at the same place, the last hides the others.
        .max_by_key(|(mount, _)| mount.len())
        .map(|(_, kind)| kind)
        .filter(|kind| NETWORK.contains(kind))
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
