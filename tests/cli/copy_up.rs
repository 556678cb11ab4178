//! The copier as a user that is not root, on files of others: the built program, as in an init container.
//!
//! Only root can become another user: elsewhere this is skipped, and says so.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const USER: u32 = 1000;
const OTHER: u32 = 2000;

struct Stage {
    folder: TempDir,
    program: PathBuf,
}

impl Stage {
    /// An image and a volume that anybody may reach, and the program; `None` where this is not root.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        if fs::metadata(folder.path()).expect("a folder").uid() != 0 {
            println!("SKIPPED: only root can run the copier as another user");
            return None;
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
        let program = folder.path().join("pod-hardener");
        // By another process: what this one has open for writing, a test beside this one may hand on to what it starts,
        // and what somebody has open for writing cannot be run.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_pod-hardener")).arg(&program).status();
        assert!(copied.expect("cp").success());
        fs::write(folder.path().join("message"), "").expect("a file");
        fs::set_permissions(folder.path().join("message"), Permissions::from_mode(0o666)).expect("a mode");
        let stage = Self { folder, program };
        stage.make("", 0, 0o755);
        stage.make("srv", USER, 0o700);
        let volume = stage.folder.path().join("volume");
        fs::create_dir(&volume).expect("a folder");
        fs::set_permissions(&volume, Permissions::from_mode(0o777)).expect("a mode");
        Some(stage)
    }

    fn image(&self, path: &str) -> PathBuf {
        self.folder.path().join("image").join(path)
    }

    fn make(&self, path: &str, owner: u32, mode: u32) {
        let path = self.image(path);
        fs::create_dir(&path).expect("a folder");
        give(&path, owner, mode);
    }

    fn write(&self, path: &str, owner: u32, mode: u32) {
        let path = self.image(path);
        fs::write(&path, "content").expect("a file");
        give(&path, owner, mode);
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("volume/content")
    }

    fn run(&self, user: u32) -> Output {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        command.arg("copy-up").arg(format!("--from={}", folder.join("image").display()));
        command.arg(format!("--message={}", folder.join("message").display()));
        command.arg(format!("/srv:{}:1Mi", self.target().display()));
        command.uid(user).gid(user).output().expect("the program")
    }

    fn message(&self) -> String {
        fs::read_to_string(self.folder.path().join("message")).expect("a file")
    }
}

fn give(path: &Path, owner: u32, mode: u32) {
    chown(path, Some(owner), Some(owner)).expect("an owner");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// Uid, gid and mode.
fn of(path: &Path) -> (u32, u32, u32) {
    let metadata = fs::symlink_metadata(path).expect("is there");
    (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
}

#[test]
fn what_a_user_may_read_becomes_its_own_and_the_rest_is_named() {
    let Some(stage) = Stage::new() else { return };
    stage.write("srv/own", USER, 0o600);
    stage.write("srv/setuid-own", USER, 0o4755);
    stage.write("srv/roots", 0, 0o644);
    stage.write("srv/setuid-root", 0, 0o4755);
    stage.write("srv/secret", 0, 0o600);
    stage.make("srv/closed", 0, 0o700);
    stage.write("srv/closed/inside", USER, 0o644);
    stage.make("srv/passed", 0, 0o711);
    stage.write("srv/passed/inside", USER, 0o644);
    stage.make("srv/shared", OTHER, 0o2755);
    let output = stage.run(USER);
    assert!(output.status.success(), "{output:?}");
    let target = stage.target();
    for (path, mode) in [
        ("", 0o700),
        ("own", 0o600),
        ("setuid-own", 0o4755),
        ("roots", 0o644),
        ("setuid-root", 0o755),
        ("shared", 0o755),
    ] {
        assert_eq!(of(&target.join(path)), (USER, USER, mode), "{path}");
    }
    let message = stage.message();
    for path in ["secret", "closed", "passed"] {
        assert!(!target.join(path).exists(), "{path}");
        assert!(message.contains(&format!("{path} (this user may not read it)")), "{message}");
    }
    assert!(message.contains("/srv: 4 files, 1 directories") && message.contains("3 left out"), "{message}");
}

#[test]
fn root_keeps_owners() {
    let Some(stage) = Stage::new() else { return };
    stage.write("srv/own", USER, 0o4640);
    stage.make("srv/shared", OTHER, 0o2770);
    assert!(stage.run(0).status.success());
    assert_eq!(of(&stage.target()), (USER, USER, 0o700));
    assert_eq!(of(&stage.target().join("own")), (USER, USER, 0o4640));
    assert_eq!(of(&stage.target().join("shared")), (OTHER, OTHER, 0o2770));
}

#[test]
fn a_directory_that_cannot_be_read_is_an_empty_one() {
    let Some(stage) = Stage::new() else { return };
    give(&stage.image("srv"), 0, 0o700);
    assert!(stage.run(USER).status.success());
    assert_eq!(of(&stage.target()), (USER, USER, 0o700));
    assert!(stage.message().contains("all of it (this user may not read it)"), "{}", stage.message());
}

#[test]
fn what_does_not_fit_ends_the_copier_with_a_message() {
    let Some(stage) = Stage::new() else { return };
    fs::write(stage.image("srv/large"), vec![b'x'; 2 << 20]).expect("a file");
    give(&stage.image("srv/large"), USER, 0o644);
    let output = stage.run(USER);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stage.message().contains("/srv holds more than 1048576 bytes"), "{}", stage.message());
    assert!(!stage.target().exists());
}
