//! Images of ordinary servers, made from Debian packages as their usual images are: `tests/workloads`.

#[allow(dead_code, reason = "what says how a workload is run is the tests' business")]
#[path = "../../../tests/node/running/file.rs"]
mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

pub(crate) use file::{File, WAYS};

use super::oci::{Image, Layer};
use super::{PACKAGES, SUITE, create, debian};
use crate::{cache, packages, run};

/// In every image, for those who ask the service.
const TOOLS: &str = "ca-certificates,curl,netcat-openbsd";

/// So many are made at once.
const AT_ONCE: usize = 2;

/// What there is in the tests' folder, by name.
pub(crate) fn all() -> Result<BTreeMap<String, File>> {
    file::read(&folder()).map_err(|error| anyhow!(error))
}

fn folder() -> PathBuf {
    run::root().join("tests/workloads")
}

/// Their images' archives, that of their base first. What is missing is made.
pub(crate) fn archives(workloads: &BTreeMap<String, File>) -> Result<Vec<PathBuf>> {
    let images = cache::folder()?.join("images");
    create(&images)?;
    let lock =
        std::fs::File::create(images.join("workloads.lock")).context("cannot create the cache's lock")?;
    lock.lock().context("cannot lock the cache")?;
    let base_key = cache::key(&[], &format!("{SUITE} {TOOLS}"))?;
    let base_target = images.join(format!("workloads-base-{base_key}.oci.tar"));
    let script = folder().join("build.sh");
    let mut targets = vec![base_target.clone()];
    let mut missing = Vec::new();
    for (name, workload) in workloads {
        let own = folder().join(format!("{name}.yaml"));
        let key = cache::key(&[&own, &script], &base_key)?;
        let target = images.join(format!("workload-{name}-{key}.oci.tar"));
        if !target.is_file() {
            missing.push((name.as_str(), workload, target.clone()));
        }
        targets.push(target);
    }
    if missing.is_empty() && base_target.is_file() {
        return Ok(targets);
    }
    packages::need(PACKAGES)?;
    let base = Base::new(&images.join(format!("workloads-base-{base_key}")))?;
    if !base_target.is_file() {
        let image =
            Image { names: &["localhost/workloads/base:1"], config: json!({}), layers: &[&base.layer] };
        whole(&base_target, |unfinished| image.save(&base.folder, &[&base.layer], unfinished))?;
    }
    base.update()?;
    make_all(&base, &missing)?;
    Ok(targets)
}

/// Several at once; every one is tried.
fn make_all(base: &Base, missing: &[(&str, &File, PathBuf)]) -> Result<()> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((name, workload, target)) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
            println!("making the image of the workload {name}");
            if let Err(error) = make(base, name, workload, target) {
                println!("{name}: {error:#}");
                failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(*name);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    ensure!(failed.is_empty(), "no image was made of: {}", failed.join(", "));
    Ok(())
}

/// What all of them have below.
struct Base {
    folder: PathBuf,
    layer: Layer,
}

impl Base {
    fn new(folder: &Path) -> Result<Self> {
        create(folder)?;
        let tar = debian(TOOLS, "minbase")?;
        let root = folder.join("root");
        if !root.is_dir() {
            let unfinished = folder.join(format!("unfinished-{}", std::process::id()));
            create(&unfinished)?;
            // Devices are the building machine's.
            let mut unpack = Command::new("tar");
            run::check(unpack.args(["--exclude=./dev/*", "-xf"]).arg(&tar).arg("-C").arg(&unfinished))?;
            std::fs::rename(&unfinished, &root)?;
        }
        Ok(Self { folder: folder.to_path_buf(), layer: Layer::of(&tar)? })
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn lists(&self) -> PathBuf {
        self.folder.join("lists")
    }

    /// Asks which packages there are.
    fn update(&self) -> Result<()> {
        create(&self.lists().join("partial"))?;
        let root = self.root();
        let option = |name: &str, path: &Path| format!("--option={name}={}", path.display());
        let mut update = Command::new("apt-get");
        update
            .args(["--quiet=2", "--option=APT::Sandbox::User=root", "--option=Dir::Cache::pkgcache="])
            .arg("--option=Dir::Cache::srcpkgcache=")
            .args([option("Dir", &root), option("Dir::State::lists", &self.lists())])
            .arg(option("Dir::State::status", &root.join("var/lib/dpkg/status")));
        run::check(update.arg("update"))
    }
}

/// Makes one image.
fn make(base: &Base, name: &str, workload: &File, target: &Path) -> Result<()> {
    let work = base.folder.join(format!("work-{name}"));
    remove(&work)?;
    let files = work.join("files");
    create(&files)?;
    for (path, text) in &workload.files {
        let file = files.join(path.trim_start_matches('/'));
        create(file.parent().context("a file without a folder")?)?;
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        if text.starts_with("#!") {
            run::check(Command::new("chmod").arg("755").arg(&file))?;
        }
    }
    std::fs::write(work.join("before"), &workload.before)?;
    std::fs::write(work.join("setup"), &workload.setup)?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh"]).arg(folder().join("build.sh"));
    command.arg(base.root()).arg(base.lists()).arg(&work).args(&workload.packages);
    let output = command.output().context("cannot start unshare")?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        return Err(anyhow!("build.sh: {}", lines[lines.len().saturating_sub(15)..].join("\n")));
    }
    let layer = Layer::of(&work.join("layer.tar"))?;
    let ours = format!("localhost/workloads/{name}:1");
    let image =
        Image { names: &[&workload.image, &ours], config: config(workload), layers: &[&base.layer, &layer] };
    whole(target, |unfinished| image.save(&work, &[&layer], unfinished))?;
    remove(&work)
}

/// As an image's configuration says it.
fn config(workload: &File) -> Value {
    let config = &workload.config;
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut environment = vec![];
    if !config.env.contains_key("PATH") {
        environment.push(format!("PATH={path}"));
    }
    environment.extend(config.env.iter().map(|(name, value)| format!("{name}={value}")));
    let set = |names: Vec<String>| -> Value { names.into_iter().map(|name| (name, json!({}))).collect() };
    json!({
        "User": config.user,
        "WorkingDir": config.workdir,
        "Entrypoint": config.entrypoint,
        "Cmd": config.cmd,
        "Env": environment,
        "Volumes": set(config.volumes.clone()),
        "ExposedPorts": set(config.ports.iter().map(|port| format!("{port}/tcp")).collect()),
    })
}

/// A file, whole or not at all.
fn whole(target: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let unfinished = target.with_extension(format!("unfinished-{}", std::process::id()));
    write(&unfinished)?;
    std::fs::rename(&unfinished, target).with_context(|| format!("cannot put {} in place", target.display()))
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
