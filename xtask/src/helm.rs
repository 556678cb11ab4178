//! What the tests install with beside kubectl: Helm, of both major versions, and definitions of the objects that some
//! of the manifests have: cert-manager's and the Prometheus operator's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::golang::Program;
use crate::{cache, run};

const HELM_4: &str = "v4.3.1";
const HELM_3: &str = "v3.22.0";

/// A module that has definitions of custom resources, and which of them are needed.
struct Definitions {
    /// Its folder below `tests`, and in the cache.
    name: &'static str,
    module: &'static str,
    /// Where it has them.
    folder: &'static str,
    files: &'static [&'static str],
}

/// Of the objects that `manifests/components/cert-manager` has.
const CERT_MANAGER: Definitions = Definitions {
    name: "cert-manager",
    module: "github.com/cert-manager/cert-manager",
    folder: "deploy/crds",
    files: &["cert-manager.io_certificates.yaml", "cert-manager.io_issuers.yaml"],
};

/// Of those that `manifests/components/monitoring` has.
const PROMETHEUS_OPERATOR: Definitions = Definitions {
    name: "prometheus-operator",
    module: "github.com/prometheus-operator/prometheus-operator",
    folder: "example/prometheus-operator-crd",
    files: &["monitoring.coreos.com_podmonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"],
};

/// The folders with `helm`, `helm3` and the definitions. What is missing is built first.
pub(crate) fn folders() -> Result<Vec<PathBuf>> {
    Ok(vec![
        helm("helm", 4, HELM_4)?,
        helm("helm3", 3, HELM_3)?,
        CERT_MANAGER.taken()?,
        PROMETHEUS_OPERATOR.taken()?,
    ])
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

impl Definitions {
    /// The folder with them, taken out of the module: nothing of it is built.
    fn taken(&self) -> Result<PathBuf> {
        let Self { name, module, folder, files } = self;
        let here = run::root().join("tests").join(name);
        let inputs = [here.join("go.mod"), here.join("go.sum")];
        let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
        let target = cache::folder()?.join(format!("{name}/{}", cache::key(&inputs, "")?));
        if files.iter().all(|name| target.join(name).is_file()) {
            return Ok(target);
        }
        let mut download = Command::new("go");
        download.current_dir(&here).args(["mod", "download", "-json", module]);
        let told: Value = serde_json::from_str(&run::read(&mut download)?)?;
        let source = Path::new(told["Dir"].as_str().context("the module has no folder")?).join(folder);
        std::fs::create_dir_all(&target).with_context(|| format!("cannot create {}", target.display()))?;
        for file in *files {
            let text = std::fs::read(source.join(file)).with_context(|| format!("{module}'s {file}"))?;
            std::fs::write(target.join(file), text).with_context(|| format!("cannot write {file}"))?;
        }
        Ok(target)
    }
}
