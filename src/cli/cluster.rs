//! A connection to the cluster, as kubectl would make it.

use std::path::PathBuf;

use anyhow::Context as _;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Which cluster.
#[derive(Debug, clap::Args)]
pub(super) struct Cluster {
    /// The kubeconfig file; unset: $KUBECONFIG, then ~/.kube/config, then the pod's own account
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in it; unset: the current one
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Which objects in it.
#[derive(Debug, clap::Args)]
pub(super) struct Scope {
    /// Of this namespace; unset: of the context's
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Only with these labels, as kubectl has it (app=web,tier!=cache)
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
}

impl Scope {
    /// The namespace; `None`: all of them.
    pub(super) fn namespace<'s>(&'s self, client: &'s Client) -> Option<&'s str> {
        let named = self.namespace.as_deref().unwrap_or_else(|| client.default_namespace());
        (!self.all_namespaces).then_some(named)
    }

    /// The labels, as the API server takes them.
    pub(super) fn selector(&self) -> Option<&str> {
        self.selector.as_deref()
    }
}

impl Cluster {
    /// As reports call it.
    pub(super) fn name(&self) -> String {
        self.context.as_ref().map_or_else(|| "the cluster".to_owned(), |name| format!("the cluster {name}"))
    }

    /// Whether one was chosen by an argument.
    pub(super) const fn is_named(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    /// Does something with the API server.
    pub(super) fn run<T, F: Future<Output = anyhow::Result<T>>>(
        &self,
        work: impl FnOnce(Client) -> F,
    ) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client = Client::try_from(self.config().await?).context("connecting to the API server")?;
            work(client).await
        })
    }

    async fn config(&self) -> anyhow::Result<Config> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match &self.kubeconfig {
            Some(file) => {
                let kubeconfig = Kubeconfig::read_from(file)?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await?
            }
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await.context("there is no cluster to ask: give --kubeconfig")?,
        };
        Ok(config)
    }
}
