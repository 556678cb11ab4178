//! How the API server is reached.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::settings::{ClusterMode, Settings};

/// Where the kubelet mounts a pod's token.
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Longer than any watch goes on: what is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(75);

/// Why the API server cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig cannot be used.
    #[error("{}: {source}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<KubeconfigError>,
    },
    /// This is no pod with a token.
    #[error("there is no --kubeconfig, and this is no pod with a token: {0}")]
    NotInCluster(#[source] kube::config::InClusterError),
    /// No client can be made of it.
    #[error("no client can be made: {0}")]
    Client(#[source] Box<kube::Error>),
}

/// A client, or `None` where no cluster is to be asked. Nothing is sent yet.
///
/// # Errors
/// When there should be a cluster and it is not known how to reach it.
pub async fn connect(settings: &Settings) -> Result<Option<Client>, ClusterError> {
    client(config(settings).await?)
}

/// A client that asks once: where "too many requests" is an answer, such as a PodDisruptionBudget's.
///
/// # Errors
/// As [`connect`].
pub(crate) async fn connect_once(settings: &Settings) -> Result<Option<Client>, ClusterError> {
    let mut config = config(settings).await?;
    config.iter_mut().for_each(|config| config.default_retry = false);
    client(config)
}

fn client(config: Option<Config>) -> Result<Option<Client>, ClusterError> {
    let made = config.map(Client::try_from).transpose();
    made.map_err(|error| ClusterError::Client(Box::new(error)))
}

async fn config(settings: &Settings) -> Result<Option<Config>, ClusterError> {
    let mut config = match (&settings.kubeconfig, settings.cluster) {
        (Some(path), _) => from_file(path).await?,
        (None, ClusterMode::Off) => return Ok(None),
        (None, ClusterMode::On) => Config::incluster().map_err(ClusterError::NotInCluster)?,
        (None, ClusterMode::Auto) => {
            if std::env::var_os("KUBERNETES_SERVICE_HOST").is_none() {
                return Ok(None);
            }
            if !Path::new(TOKEN).exists() {
                tracing::warn!("this pod has no token: nothing is known of the cluster, see docs/webhook.md");
                return Ok(None);
            }
            Config::incluster().map_err(ClusterError::NotInCluster)?
        }
    };
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(SILENCE);
    Ok(Some(config))
}

async fn from_file(path: &Path) -> Result<Config, ClusterError> {
    let failed = |source| ClusterError::Kubeconfig { path: path.to_owned(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cluster_that_is_off_is_not_asked() {
        let settings = Settings { cluster: ClusterMode::Off, ..Settings::default() };
        assert!(connect(&settings).await.expect("nothing to do").is_none());
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_is_named() {
        let settings = Settings { kubeconfig: Some("no/such".into()), ..Settings::default() };
        let error = connect(&settings).await.err().expect("is not there");
        assert!(error.to_string().contains("no/such"), "{error}");
    }
}
