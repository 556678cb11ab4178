//! Images as OCI archives, written without a builder: layers that are there, and a configuration.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Platform, copy, create};
use crate::run;

/// A layer, compressed.
pub(super) struct Layer {
    file: PathBuf,
    digest: String,
    size: u64,
    /// Of what is inside.
    content: String,
}

impl Layer {
    /// Compresses an archive of files, beside it.
    pub(super) fn of(tar: &Path) -> Result<Self> {
        let file = tar.with_extension("tar.gz");
        if !file.is_file() {
            let unfinished = tar.with_extension(format!("unfinished-{}", std::process::id()));
            let out = std::fs::File::create(&unfinished)
                .with_context(|| format!("cannot write {}", unfinished.display()))?;
            run::check(Command::new("gzip").args(["-1", "--no-name", "--stdout"]).arg(tar).stdout(out))?;
            std::fs::rename(&unfinished, &file)?;
        }
        let size = std::fs::metadata(&file)?.len();
        Ok(Self { digest: digest(&file)?, size, content: digest(tar)?, file })
    }
}

/// An image.
pub(super) struct Image<'a> {
    pub(super) names: &'a [&'a str],
    /// `config` of an image's configuration.
    pub(super) config: Value,
    pub(super) layers: &'a [&'a Layer],
}

impl Image<'_> {
    /// Writes the archive, with the layers that `held` says: whoever imports it has the others.
    pub(super) fn save(&self, work: &Path, held: &[&Layer], target: &Path) -> Result<()> {
        let folder = work.join("archive");
        let blobs = folder.join("blobs/sha256");
        create(&blobs)?;
        for layer in held {
            copy(&layer.file, &blobs.join(name(&layer.digest)))?;
        }
        let contents: Vec<&str> = self.layers.iter().map(|layer| layer.content.as_str()).collect();
        let config = json!({
            "architecture": Platform::default().as_str(),
            "os": "linux",
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": contents},
        });
        let config = blob(&blobs, "application/vnd.oci.image.config.v1+json", &config)?;
        let layers: Vec<Value> = self.layers.iter().map(|layer| json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer.digest, "size": layer.size,
        })).collect();
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
        let manifest = blob(&blobs, media_type, &manifest)?;
        let manifests: Vec<Value> = self
            .names
            .iter()
            .map(|name| {
                let mut named = manifest.clone();
                named["annotations"] =
                    json!({"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name});
                named
            })
            .collect();
        let write = |name: &str, value: &Value| {
            let file = folder.join(name);
            std::fs::write(&file, value.to_string())
                .with_context(|| format!("cannot write {}", file.display()))
        };
        write("oci-layout", &json!({"imageLayoutVersion": "1.0.0"}))?;
        write("index.json", &json!({"schemaVersion": 2, "manifests": manifests}))?;
        run::check(Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(target).arg("."))?;
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    }
}

/// Writes a document, and says what refers to it.
fn blob(blobs: &Path, media_type: &str, value: &Value) -> Result<Value> {
    let (file, text) = (blobs.join("unnamed"), value.to_string());
    std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    let digest = digest(&file)?;
    std::fs::rename(&file, blobs.join(name(&digest)))?;
    Ok(json!({"mediaType": media_type, "digest": digest, "size": text.len()}))
}

fn name(digest: &str) -> &str {
    digest.trim_start_matches("sha256:")
}

/// By the system's program: a build without optimisation would take minutes for a large layer.
fn digest(file: &Path) -> Result<String> {
    let sum = run::read(Command::new("sha256sum").arg(file))?;
    let sum = sum.split_whitespace().next().context("sha256sum said nothing")?;
    Ok(format!("sha256:{sum}"))
}
