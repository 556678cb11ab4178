//! What the tests install with beside kubectl: Helm, of both major versions, and cert-manager's definitions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::golang::Program;
use crate::{cache, run};

const HELM_4: &str = "v4.3.1";
const HELM_3: &str = "v3.22.0";

/// Of the objects that `manifests/components/cert-manager` has.
const DEFINITIONS: [&str; 2] = ["cert-manager.io_certificates.yaml", "cert-manager.io_issuers.yaml"];

/// The folders with `helm`, `helm3` and the definitions. What is missing is built first.
pub(crate) fn folders() -> Result<Vec<PathBuf>> {
    Ok(vec![helm("helm", 4, HELM_4)?, helm("helm3", 3, HELM_3)?, definitions()?])
}

fn helm(name: &str, major: u8, version: &str) -> Result<PathBuf> {
    Program {
        name,
        of: &format!("helm/{version}"),
        package: &format!("helm.sh/helm/v{major}/cmd/helm"),
        module: run::root().join(format!("tests/helm/v{major}")),
        inputs: &["go.mod", "go.sum"],
        tags: "",
        ldflags: &format!("-s -w -X helm.sh/helm/v{major}/internal/version.version={version}"),
    }
    .built()
}

/// Out of cert-manager's module: nothing of it is built.
fn definitions() -> Result<PathBuf> {
    let module = run::root().join("tests/cert-manager");
    let inputs = [module.join("go.mod"), module.join("go.sum")];
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let folder = cache::folder()?.join(format!("cert-manager/{}", cache::key(&inputs, "")?));
    if DEFINITIONS.iter().all(|name| folder.join(name).is_file()) {
        return Ok(folder);
    }
    let mut download = Command::new("go");
    download.current_dir(&module).args(["mod", "download", "-json", "github.com/cert-manager/cert-manager"]);
    let told: Value = serde_json::from_str(&run::read(&mut download)?)?;
    let source = Path::new(told["Dir"].as_str().context("the module has no folder")?).join("deploy/crds");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for name in DEFINITIONS {
        let text = std::fs::read(source.join(name)).with_context(|| format!("cert-manager's {name}"))?;
        std::fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    Ok(folder)
}
