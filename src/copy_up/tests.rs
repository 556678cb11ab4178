//! What is copied, as whoever runs the tests; as another user it is in `tests/copy_up.rs`.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::{CopyError, Outcome, Report, Request, Skipped, Why, copy};

/// An image with something in `/srv`, and a volume.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir_all(stage.image("srv")).expect("a folder");
        fs::create_dir(stage.volume()).expect("a folder");
        stage
    }

    fn image(&self, path: &str) -> PathBuf {
        self.folder.path().join("image").join(path)
    }

    fn volume(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    fn target(&self) -> PathBuf {
        self.volume().join("content")
    }

    fn write(&self, path: &str, content: &[u8], mode: u32) {
        let path = self.image(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
    }

    fn copy_path(&self, path: &str, limit: Option<u64>) -> Result<Outcome, CopyError> {
        let request = Request { path: path.to_owned(), target: self.target(), limit };
        copy(&self.folder.path().join("image"), &request)
    }

    fn copied(&self) -> Report {
        match self.copy_path("/srv", None).expect("a copy") {
            Outcome::Copied(report) => report,
            Outcome::There => panic!("it was there"),
        }
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("is there").mode() & 0o7777
}

#[test]
fn files_directories_and_links_with_their_modes_and_times() {
    let stage = Stage::new();
    stage.write("srv/data.txt", b"data", 0o640);
    stage.write("srv/bin/run", b"#!", 0o555);
    stage.write("srv/empty", b"", 0o400);
    fs::create_dir(stage.image("srv/sealed")).expect("a folder");
    symlink("/etc/passwd", stage.image("srv/absolute")).expect("a link");
    symlink("../../../x", stage.image("srv/bin/up")).expect("a link");
    fs::set_permissions(stage.image("srv/sealed"), Permissions::from_mode(0o500)).expect("a mode");
    fs::set_permissions(stage.image("srv"), Permissions::from_mode(0o700)).expect("a mode");
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_007);
    for path in ["srv/data.txt", "srv/bin", "srv"] {
        File::open(stage.image(path)).expect("opens").set_modified(then).expect("a time");
    }
    let report = stage.copied();
    assert_eq!(report, Report { files: 3, directories: 2, links: 2, bytes: 6, ..Report::default() });
    let target = stage.target();
    for (path, expected) in [
        ("", 0o700),
        ("data.txt", 0o640),
        ("bin", 0o755),
        ("bin/run", 0o555),
        ("empty", 0o400),
        ("sealed", 0o500),
    ] {
        assert_eq!(mode(&target.join(path)), expected, "{path}");
    }
    assert_eq!(fs::read(target.join("data.txt")).expect("a file"), b"data");
    assert_eq!(fs::read_link(target.join("absolute")).expect("a link"), Path::new("/etc/passwd"));
    assert_eq!(fs::read_link(target.join("bin/up")).expect("a link"), Path::new("../../../x"));
    for path in ["", "data.txt", "bin"] {
        let modified = fs::metadata(target.join(path)).expect("is there").modified().expect("a time");
        assert_eq!(modified, then, "{path}");
    }
    assert_eq!(fs::read_dir(stage.volume()).expect("a folder").count(), 1, "nothing else is left");
}

#[test]
fn the_directory_itself_can_always_be_used_by_its_owner() {
    let stage = Stage::new();
    fs::set_permissions(stage.image("srv"), Permissions::from_mode(0o555)).expect("a mode");
    stage.copied();
    assert_eq!(mode(&stage.target()), 0o755);
}

#[test]
fn hard_links_stay_one_file_and_holes_stay_holes() {
    let stage = Stage::new();
    stage.write("srv/one", b"same", 0o644);
    fs::hard_link(stage.image("srv/one"), stage.image("srv/two")).expect("a link");
    let mut sparse = File::create(stage.image("srv/sparse")).expect("a file");
    sparse.write_all(b"begin").expect("written");
    sparse.set_len(64 << 20).expect("a length");
    let report = stage.copied();
    assert_eq!((report.files, report.bytes), (3, 4 + 4096));
    let metadata = |path: &str| fs::metadata(stage.target().join(path)).expect("is there");
    assert_eq!(metadata("one").ino(), metadata("two").ino());
    assert_eq!(metadata("sparse").len(), 64 << 20);
    assert!(metadata("sparse").blocks() * 512 < 1 << 20, "{} blocks", metadata("sparse").blocks());
    assert_eq!(&fs::read(stage.target().join("sparse")).expect("a file")[..6], b"begin\0");
}

#[test]
fn what_is_neither_file_nor_directory_is_left_out_and_said() {
    let stage = Stage::new();
    let _socket = UnixListener::bind(stage.image("srv/socket")).expect("a socket");
    stage.write("srv/file", b"x", 0o644);
    let report = stage.copied();
    assert_eq!(report.skipped, [Skipped { path: "socket".into(), why: Why::Special }]);
    assert_eq!((report.files, report.left_out), (1, 1));
    assert!(!stage.target().join("socket").exists());
}

#[test]
fn links_on_the_way_stay_in_the_image() {
    let stage = Stage::new();
    stage.write("run/app/file", b"inside", 0o644);
    symlink("/run", stage.image("srv/run")).expect("a link");
    stage.copy_path("/srv/run/app", None).expect("a copy");
    assert_eq!(fs::read(stage.target().join("file")).expect("a file"), b"inside");
}

#[test]
fn nothing_there_is_an_empty_directory_and_a_file_is_an_error() {
    let stage = Stage::new();
    let outcome = stage.copy_path("/nothing/here", None).expect("a copy");
    assert_eq!(outcome, Outcome::Copied(Report { missing: true, ..Report::default() }));
    assert!(stage.target().is_dir());
    let stage = Stage::new();
    stage.write("file", b"", 0o644);
    assert!(matches!(stage.copy_path("/file", None), Err(CopyError::NoDirectory(_))));
    assert!(!stage.target().exists());
}

#[test]
fn what_was_copied_stays_as_the_program_left_it() {
    let stage = Stage::new();
    stage.write("srv/file", b"image", 0o644);
    stage.copied();
    fs::write(stage.target().join("file"), "written").expect("written");
    assert_eq!(stage.copy_path("/srv", None).expect("no error"), Outcome::There);
    assert_eq!(fs::read(stage.target().join("file")).expect("a file"), b"written");
}

#[test]
fn what_an_ended_copier_left_is_begun_anew() {
    let stage = Stage::new();
    stage.write("srv/file", b"whole", 0o644);
    let left = stage.volume().join(".content/sealed/deep");
    fs::create_dir_all(&left).expect("a folder");
    fs::write(left.join("half"), "ha").expect("a file");
    for folder in [left.clone(), stage.volume().join(".content/sealed"), stage.volume().join(".content")] {
        fs::set_permissions(folder, Permissions::from_mode(0o500)).expect("a mode");
    }
    stage.copied();
    let names: Vec<_> =
        fs::read_dir(stage.target()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["file"]);
    assert!(!stage.volume().join(".content").exists());
}

#[test]
fn no_more_than_the_volume_may_hold() {
    for (limit, files, size, fits) in [
        (8 * 4096, 4, 4096, true),
        (8 * 4096, 8, 4096, true),
        (8 * 4096, 9, 4096, false),
        // Each takes a block.
        (8 * 4096, 8, 1, true),
        (8 * 4096, 9, 0, false),
        (8 * 4096, 1, 8 * 4096, true),
        (8 * 4096, 1, 8 * 4096 + 1, false),
    ] {
        let stage = Stage::new();
        for number in 0..files {
            stage.write(&format!("srv/{number}"), &vec![b'x'; size], 0o644);
        }
        match stage.copy_path("/srv", Some(limit)) {
            Ok(_) => assert!(fits, "{files} of {size}"),
            Err(CopyError::TooLarge { .. }) => {
                assert!(!fits, "{files} of {size}");
                assert!(!stage.target().exists(), "half a copy");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
