//! Images as OCI archives, made without a registry: ours by `Dockerfile`, and small ones for the tests.

mod oci;
mod origin;
mod platform;
pub(crate) mod workloads;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use origin::Origin;
pub(crate) use platform::Platform;

use crate::golang::Program;
use crate::packages::{self, Want};
use crate::{cache, run};

const SUITE: &str = "bookworm";

/// What the image is called on the tests' node.
const POD_HARDENER: &str = "localhost/pod-hardener:dev";

const PACKAGES: &[Want] =
    &[Want { what: "mmdebstrap", package: "mmdebstrap" }, Want { what: "buildah", package: "buildah" }];

/// What of this checkout decides what the image holds.
const SOURCES: &[&str] = &[
    ".cargo",
    ".dockerignore",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "src",
    "tests/node/images/builder",
];

/// How the image is built.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For this platform
    #[arg(long, value_enum, default_value_t)]
    platform: Platform,
    /// Build it twice, the second time anew, and compare the digests
    #[arg(long)]
    twice: bool,
    /// Take less time for the program's code, as for the tests
    #[arg(long)]
    quick: bool,
}

/// `cargo xtask image`.
pub(crate) fn make(args: &Args) -> Result<()> {
    let profile = if args.quick { Profile::Quick } else { Profile::Release };
    let archive = pod_hardener(profile, args.platform)?;
    println!("{}", archive.display());
    println!("{}", digest(&archive)?);
    if args.twice {
        let again = archive.with_extension("again");
        let built = build(profile, args.platform, &again, true).and_then(|()| digest(&again));
        let _ = std::fs::remove_file(&again);
        let (first, second) = (digest(&archive)?, built?);
        ensure!(first == second, "the second build gave another image: {second}");
        println!("the second build gave the same");
    }
    Ok(())
}

/// The digest of the manifest in an archive: of the whole image, layers and configuration.
fn digest(archive: &Path) -> Result<String> {
    let index = run::read(Command::new("tar").arg("-xOf").arg(archive).arg("index.json"))?;
    let index: Value = serde_json::from_str(&index)?;
    let digest = index.pointer("/manifests/0/digest").and_then(Value::as_str);
    Ok(digest.context("the archive has no manifest")?.to_owned())
}

/// How much time the compiler takes for the best code.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// As much as for a release.
    Release,
    /// Less: optimised, but in parts. For tests, which build it after every change.
    Quick,
}

impl Profile {
    /// What the image says of where it is from: for tests nothing that changes with every commit.
    fn origin(self) -> Result<Origin> {
        match self {
            Self::Release => Origin::of_checkout(),
            Self::Quick => Ok(Origin::default()),
        }
    }

    /// What is in the environment of the build.
    fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Release => &[],
            Self::Quick => &["CARGO_PROFILE_RELEASE_LTO=off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16"],
        }
    }
}

/// The image that `Dockerfile` describes.
pub(crate) fn pod_hardener(profile: Profile, platform: Platform) -> Result<PathBuf> {
    let mut files = Vec::new();
    for source in SOURCES {
        list(&run::root().join(source), &mut files)?;
    }
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let origin = profile.origin()?.args().join(" ");
    let recipe = format!("{}{}{origin}{}", rustc()?, profile.settings().join(" "), platform.as_str());
    archive("pod-hardener", &cache::key(&files, &recipe)?, |target| build(profile, platform, target, false))
}

fn rustc() -> Result<String> {
    run::read(Command::new("rustc").arg("-vV").current_dir(run::root()))
}

/// Builds it into an archive, with what is left of former builds unless it is to be built anew.
fn build(profile: Profile, platform: Platform, target: &Path, anew: bool) -> Result<()> {
    let sysroot = run::read(Command::new("rustc").args(["--print", "sysroot"]).current_dir(run::root()))?;
    run::check(&mut run::cargo(&["fetch", "--locked", "--target", platform.target()]))?;
    let store = Store::new()?;
    let built = if anew {
        store.folder("target")?
    } else {
        let key = cache::key(&[&run::root().join("Cargo.lock")], &rustc()?)?;
        cache::folder()?.join(format!("images/build-{key}"))
    };
    forget_ours(&built.join(platform.target()).join("release/.fingerprint"))?;
    create(&built)?;
    let base = store.folder("builder")?;
    copy(&run::root().join("tests/node/images/builder/Dockerfile"), &base.join("Dockerfile"))?;
    copy(&debian(platform.packages(), "minbase")?, &base.join("root.tar"))?;
    let settings: Vec<String> = profile.settings().iter().map(|one| format!("--env={one}")).collect();
    store.build("localhost/builder", &base, &settings)?;
    let mut args = vec![
        format!("--platform=linux/{}", platform.as_str()),
        // Buildah of Debian's takes the image's platform for this one.
        format!("--build-arg=BUILDPLATFORM=linux/{}", Platform::default().as_str()),
        format!("--volume={}:/rust:ro", sysroot.trim()),
        format!("--volume={}:/cargo/registry:ro", cargo_home()?.join("registry").display()),
        format!("--volume={}:/src/target", built.display()),
        "--build-arg=BUILDER=localhost/builder".to_owned(),
    ];
    args.append(&mut profile.origin()?.args());
    store.build(POD_HARDENER, &run::root(), &args)?;
    store.save(POD_HARDENER, target)
}

/// The image that holds a pod's namespaces.
pub(crate) fn pause() -> Result<PathBuf> {
    let module = run::root().join("tests/node/pause");
    let folder = Program {
        name: "pause",
        of: "node/pause",
        package: ".",
        module,
        inputs: &["go.mod", "main.go"],
        tags: "netgo",
        ldflags: "-s -w",
    }
    .built()?;
    small("pause", || Ok(folder.join("pause")))
}

/// An image with a shell and a web server.
pub(crate) fn busybox() -> Result<PathBuf> {
    small("busybox", busybox_program)
}

/// The same with files where it writes.
pub(crate) fn content() -> Result<PathBuf> {
    small("content", busybox_program)
}

fn busybox_program() -> Result<PathBuf> {
    let tar = debian("busybox-static", "extract")?;
    let folder = tar.with_extension("");
    let file = folder.join("bin/busybox");
    if !file.is_file() {
        create(&folder)?;
        run::check(Command::new("tar").arg("-C").arg(&folder).arg("-xf").arg(&tar).arg("./bin/busybox"))?;
    }
    Ok(file)
}

/// The image `localhost/NAME:1` of one program, as its Dockerfile in the tests' folder says.
fn small(name: &str, program: impl FnOnce() -> Result<PathBuf>) -> Result<PathBuf> {
    let dockerfile = run::root().join(format!("tests/node/images/{name}/Dockerfile"));
    archive(name, &cache::key(&[&dockerfile], SUITE)?, |target| {
        let store = Store::new()?;
        let context = store.folder(name)?;
        copy(&dockerfile, &context.join("Dockerfile"))?;
        copy(&program()?, &context.join(name))?;
        let image = format!("localhost/{name}:1");
        store.build(&image, &context, &[])?;
        store.save(&image, target)
    })
}

/// An image's archive in the cache, made where it is missing: whole or not at all.
fn archive(name: &str, key: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = cache::folder()?.join("images");
    create(&folder)?;
    let target = folder.join(format!("{name}-{key}.oci.tar"));
    // One build at a time: they share what was built before.
    let lock = std::fs::File::create(folder.join("lock")).context("cannot create the cache's lock")?;
    lock.lock().context("cannot lock the cache")?;
    if !target.is_file() {
        println!("building the image {name}");
        packages::need(PACKAGES)?;
        let unfinished = target.with_extension(format!("unfinished-{}", std::process::id()));
        make(&unfinished)?;
        std::fs::rename(&unfinished, &target)
            .with_context(|| format!("cannot put {} in place", target.display()))?;
    }
    Ok(target)
}

/// The files of Debian packages, as an archive in the cache.
fn debian(include: &str, variant: &str) -> Result<PathBuf> {
    let key = cache::key(&[], &format!("{SUITE} {variant} {include}"))?;
    let target = cache::folder()?.join(format!("images/debian-{key}.tar"));
    if !target.is_file() {
        let unfinished = target.with_extension(format!("unfinished-{}", std::process::id()));
        run::check(
            Command::new("mmdebstrap")
                .args(["--quiet", "--format=tar"])
                .arg(format!("--variant={variant}"))
                .arg(format!("--include={include}"))
                .arg(SUITE)
                .arg(&unfinished),
        )?;
        std::fs::rename(&unfinished, &target)
            .with_context(|| format!("cannot put {} in place", target.display()))?;
    }
    Ok(target)
}

/// So that what was built from another checkout does not pass for ours: cargo goes by times.
fn forget_ours(fingerprints: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(fingerprints) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("pod-hardener-") {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(own) = std::env::var_os("CARGO_HOME") {
        return std::path::absolute(own).context("CARGO_HOME");
    }
    match std::env::home_dir() {
        Some(home) => Ok(home.join(".cargo")),
        None => bail!("neither CARGO_HOME nor HOME is set"),
    }
}

/// Every file at or below this path, in a fixed order.
fn list(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut entries = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| list(entry, files))
}

fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = std::fs::copy(from, to);
    copied.with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Buildah's images of one build, thrown away with it.
struct Store {
    folder: PathBuf,
}

impl Store {
    /// Of one build at a time, so one that is there is of a build that was killed.
    fn new() -> Result<Self> {
        let folder = cache::folder()?.join("images/store");
        let store = Self { folder };
        store.remove();
        create(&store.folder)?;
        // Else it looks, and leaves a lock, where this machine's networks are configured.
        let config = format!("[network]\nnetwork_config_dir = \"{}\"\n", store.folder("networks")?.display());
        let file = store.config();
        std::fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(store)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("containers.conf")
    }

    fn remove(&self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder)
            && error.kind() != ErrorKind::NotFound
        {
            println!("cannot remove {}: {error}", self.folder.display());
        }
    }

    /// A folder in it, to build in.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        create(&folder)?;
        Ok(folder)
    }

    fn build(&self, image: &str, context: &Path, args: &[String]) -> Result<()> {
        let mut command = self.buildah(&["build", "--isolation=chroot", "--quiet", "--pull-never"]);
        run::check(command.arg(format!("--tag={image}")).args(args).arg(context))
    }

    fn save(&self, image: &str, target: &Path) -> Result<()> {
        let to = format!("oci-archive:{}:{image}", target.display());
        run::check(self.buildah(&["push", "--quiet", image]).arg(to))
    }

    fn buildah(&self, args: &[&str]) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.folder.join("root")).arg("--runroot").arg(self.folder.join("run"));
        // The only driver that works on every file system.
        command.arg("--storage-driver=vfs").args(args).env("CONTAINERS_CONF", self.config());
        command
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.remove();
    }
}
