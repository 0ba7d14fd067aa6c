//! A small disk of a daemon's own: a tmpfs in a mount namespace, so that nothing of it outlives the test.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::task::JoinSet;

/// Room for a database with some hundred events, and for its log: SQLite lets that grow to some 4 MB before it is read
/// back.
const SIZE: &str = "16m";

/// What makes a mount namespace: as root, or as anybody who may have a user namespace.
const WAYS: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];

/// The disk. It ends when it is dropped.
pub(crate) struct SmallDisk {
    holder: std::process::Child,
    has_user_namespace: bool,
    folder: PathBuf,
    filling: JoinSet<()>,
}

impl SmallDisk {
    /// Mounts it on `folder`, which only those see that [`SmallDisk::enter`] leads there.
    pub(crate) fn mount(folder: &Path) -> Self {
        let mut refusals = Vec::new();
        for way in WAYS {
            match hold(way, folder) {
                Ok(holder) => {
                    let (has_user_namespace, folder) = (way.len() > 1, folder.to_owned());
                    return Self { holder, has_user_namespace, folder, filling: JoinSet::new() };
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        panic!(
            "this test mounts a small disk: it needs root with CAP_SYS_ADMIN, or user namespaces for everybody \
             (sysctl kernel.apparmor_restrict_unprivileged_userns=0, or docker run --privileged). \
             unshare said: {refusals:?}"
        );
    }

    /// A command, up to where the program and its arguments follow, that runs where the disk is, in folder `home`.
    pub(crate) fn enter(&self, home: &Path) -> Vec<String> {
        let mut enter = vec!["nsenter".to_owned(), format!("--target={}", self.holder.id())];
        if self.has_user_namespace {
            enter.extend(["--user".to_owned(), "--preserve-credentials".to_owned()]);
        }
        // A write beyond the limit of a process is an error then, and not its end.
        let there = r#"trap "" XFSZ; cd "$1" && shift && exec "$@""#;
        enter.extend(["--mount", "sh", "-c", there, "sh"].map(str::to_owned));
        enter.push(home.to_str().unwrap().to_owned());
        enter
    }

    /// Runs a command where the disk is.
    fn run(&self, command: &[&str]) {
        let enter = self.enter(Path::new("/"));
        let output = Command::new(&enter[0]).args(&enter[1..]).args(command).output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    /// Leaves no room on it, and takes what others let go.
    pub(crate) fn fill(&mut self) {
        let mut filler = File::create(self.seen_from_here().join("filler")).unwrap();
        fill_up(&mut filler);
        self.filling.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                fill_up(&mut filler);
            }
        });
    }

    /// Makes room again.
    pub(crate) async fn make_room(&mut self) {
        self.filling.shutdown().await;
        std::fs::remove_file(self.seen_from_here().join("filler")).unwrap();
    }

    /// From now on nobody can open a file on it to write.
    pub(crate) fn make_read_only(&self) {
        let folder = self.folder.to_str().unwrap();
        self.run(&["mount", "--bind", folder, folder]);
        self.run(&["mount", "-o", "remount,bind,ro", folder]);
    }

    /// Takes that back. What is open stays as it is.
    pub(crate) fn make_writable(&self) {
        self.run(&["umount", "--lazy", self.folder.to_str().unwrap()]);
    }

    fn seen_from_here(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(self.folder.strip_prefix("/").unwrap())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Starts a process that keeps the namespace and the disk in it, or says why that cannot be.
fn hold(way: &[&str], folder: &Path) -> Result<std::process::Child, String> {
    let script = format!(
        r#"mount -t tmpfs -o size={SIZE},mode=0700 tmpfs "$1" && echo mounted && exec cat"#
    );
    let mut holder = Command::new("unshare")
        .args(way)
        .args(["sh", "-c", &script, "sh"])
        .arg(folder)
        // It ends with this process, however that ends.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut said = [0; 8];
    match std::io::Read::read_exact(&mut holder.stdout.take().unwrap(), &mut said) {
        Ok(()) => Ok(holder),
        Err(_) => {
            let output = holder.wait_with_output().unwrap();
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

fn fill_up(filler: &mut File) {
    for size in [64 * 1024, 4096, 1] {
        loop {
            match filler.write(&vec![b'x'; size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("the filler: {error}"),
            }
        }
    }
}
