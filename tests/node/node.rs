//! A node beside the control plane: containerd, kubelet, kube-proxy, and a scheduler to fill it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::cluster::{ADMIN, Binaries, Cluster, NODE, until, until_ok};
use crate::machine;
use crate::process::Process;

/// The node's name, as in the kubelet's user.
pub(crate) const NAME: &str = "node-1";

const PAUSE: &str = "localhost/pause:1";

pub(crate) struct Node {
    // In the order in which they end.
    processes: Vec<Process>,
    folder: PathBuf,
    ctr: PathBuf,
}

impl Node {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(binaries: &Binaries, cluster: &Cluster, images: &[PathBuf]) -> Self {
        let folder = machine::folder().expect("to be inside");
        let mut node = Self { processes: Vec::new(), folder, ctr: binaries.find("ctr") };
        node.mount_logs();
        let config = node.write("containerd.toml", &node.containerd_config(binaries));
        node.run(binaries, "containerd", &[format!("--config={}", config.display())]);
        node.until_containerd_answers().await;
        images.iter().for_each(|image| node.import(image));
        node.run(binaries, "kubelet", &node.kubelet_args(cluster));
        let admin = cluster.kubeconfig(ADMIN);
        let scheduler = [
            format!("--kubeconfig={}", admin.display()),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ];
        node.run(binaries, "kube-scheduler", &scheduler);
        let config = node.write("kube-proxy.json", &proxy_config(&admin).to_string());
        node.run(binaries, "kube-proxy", &[format!("--config={}", config.display())]);
        node.until_ready(cluster).await;
        node
    }

    /// Ends its processes; the containers end with the machine.
    pub(crate) fn stop(&self) {
        self.processes.iter().for_each(Process::stop);
    }

    /// Gives an image a second name.
    pub(crate) fn tag(&self, image: &str, name: &str) {
        let args = ["images", "tag", "--force", image, name].map(Path::new);
        let output = self.ctr(&args);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// The disk that containers' output goes to.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    pub(crate) fn process(&self, name: &str) -> &Process {
        self.processes.iter().find(|process| process.name() == name).expect("a program of the node")
    }

    /// A disk of their own, which can be filled.
    fn mount_logs(&self) {
        std::fs::create_dir(self.logs()).expect("a folder");
        let mut mount = Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", "size=64m", "logs"]).arg(self.logs()).status();
        assert!(status.expect("mount").success(), "no disk for logs");
    }

    fn run(&mut self, binaries: &Binaries, name: &str, args: &[String]) {
        let process = Process::start(name, &binaries.find(name), args, &self.folder);
        self.processes.insert(0, process);
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, content).expect("a file");
        file
    }

    fn socket(&self) -> String {
        self.folder.join("containerd.sock").display().to_string()
    }

    fn containerd_config(&self, binaries: &Binaries) -> String {
        let folder = self.folder.display();
        let networks = self.folder.join("networks");
        std::fs::create_dir_all(&networks).expect("a folder");
        std::fs::write(networks.join("pods.conflist"), self.network().to_string()).expect("a file");
        let plugins = binaries.find("ptp");
        let plugins = plugins.parent().expect("a folder");
        format!(
            r"
            version = 3
            root = '{folder}/containerd'
            state = '{folder}/containerd-state'
            imports = []
            disabled_plugins = ['io.containerd.nri.v1.nri']
            [grpc]
            address = '{socket}'
            [ttrpc]
            address = '{socket}.ttrpc'
            [plugins.'io.containerd.cri.v1.images']
            snapshotter = 'overlayfs'
            [plugins.'io.containerd.cri.v1.images'.pinned_images]
            sandbox = '{PAUSE}'
            [plugins.'io.containerd.cri.v1.runtime']
            restrict_oom_score_adj = true
            disable_apparmor = true
            netns_mounts_under_state_dir = true
            [plugins.'io.containerd.cri.v1.runtime'.cni]
            bin_dirs = ['{plugins}']
            conf_dir = '{networks}'
            [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
            runtime_type = 'io.containerd.runc.v2'
            [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
            BinaryName = '{runc}'
            [plugins.'io.containerd.internal.v1.opt']
            path = '{folder}/opt'
            ",
            socket = self.socket(),
            plugins = plugins.display(),
            networks = networks.display(),
            runc = binaries.find("runc").display(),
        )
    }

    fn network(&self) -> Value {
        json!({
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [{
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "dataDir": self.folder.join("addresses"),
                    "ranges": [[{"subnet": machine::PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }],
        })
    }

    async fn until_containerd_answers(&self) {
        until_ok("containerd answers", async || {
            self.processes.iter().for_each(Process::assert_running);
            let output = self.ctr(&["version".as_ref()]);
            output.status.success().then_some(()).ok_or_else(|| text(&output.stderr))
        })
        .await;
    }

    fn import(&self, archive: &Path) {
        // Unpinned ones the kubelet may remove where the disk is full.
        let args = ["images", "import", "--local", "--label=io.cri-containerd.pinned=pinned"];
        let mut args: Vec<&Path> = args.iter().map(Path::new).collect();
        args.push(archive);
        let output = self.ctr(&args);
        assert!(output.status.success(), "{}: {}", archive.display(), text(&output.stderr));
    }

    fn ctr(&self, args: &[&Path]) -> Output {
        let mut command = Command::new(&self.ctr);
        command.arg("--address").arg(self.socket()).args(["--namespace", "k8s.io"]);
        command.args(args).output().expect("ctr")
    }

    fn kubelet_args(&self, cluster: &Cluster) -> Vec<String> {
        cluster.write_kubeconfig(NODE, NODE);
        let kubeconfig = cluster.kubeconfig(NODE);
        let config = self.write("kubelet.json", &self.kubelet_config().to_string());
        let root = self.folder.join("kubelet");
        vec![
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--config={}", config.display()),
            format!("--root-dir={}", root.display()),
            format!("--cert-dir={}", root.join("pki").display()),
            format!("--hostname-override={NAME}"),
            format!("--node-ip={}", machine::ADDRESS),
        ]
    }

    fn kubelet_config(&self) -> Value {
        // Pods are not to learn of this machine's name servers.
        let names = self.write("resolv.conf", "");
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "0.0.0.0",
            "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": format!("unix://{}", self.socket()),
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": machine::control_group(&self.folder),
            "enforceNodeAllocatable": [],
            "failCgroupV1": false,
            "failSwapOn": false,
            "podLogsDir": self.logs().join("pods"),
            "volumePluginDir": self.folder.join("volume-plugins"),
            "resolvConf": names,
            // Secrets reach pods sooner, and what ended starts again sooner, than on other nodes.
            "syncFrequency": "2s",
            "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
            // A full disk is not what these tests are about.
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1Mi", "imagefs.available": "1Mi"},
            "imageGCHighThresholdPercent": 100,
        })
    }

    async fn until_ready(&self, cluster: &Cluster) {
        let api = cluster.api(ADMIN);
        until("the node is ready", async || {
            self.processes.iter().for_each(Process::assert_running);
            let node = api.get(&format!("/api/v1/nodes/{NAME}")).await;
            node.is_ok_and(|node| is_ready(&node.object))
        })
        .await;
    }
}

/// Whether the condition `Ready` of a node or a pod is true.
pub(crate) fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn proxy_config(kubeconfig: &Path) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": kubeconfig},
        "hostnameOverride": NAME,
        "clusterCIDR": machine::PODS,
        // These are settings of the whole machine.
        "conntrack": {"maxPerCore": 0, "min": 0},
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
