use super::*;
use crate::rules::RuleSet;

/// What programs really say, by what wrote it; the directory that is to be writable, where they name one.
const SAID: &[(&str, Cause, Option<&str>, &str)] = &[
    // A read-only root file system.
    (
        "dash",
        Cause::ReadOnly,
        Some("/var/lib"),
        "sh: 1: cannot create /var/lib/app.db: Read-only file system",
    ),
    ("bash", Cause::ReadOnly, Some("/srv/d"), "bash: line 1: /srv/d/x: Read-only file system"),
    ("busybox", Cause::ReadOnly, Some("/srv/d"), "sh: can't create /srv/d/x: Read-only file system"),
    (
        "mkdir",
        Cause::ReadOnly,
        Some("/srv/d"),
        "mkdir: cannot create directory ‘/srv/d/x’: Read-only file system",
    ),
    ("touch", Cause::ReadOnly, Some("/srv/d"), "touch: cannot touch '/srv/d/x': Read-only file system"),
    (
        "mv",
        Cause::ReadOnly,
        Some("/srv/e"),
        "mv: cannot move '/srv/d/f' to '/srv/e/f': Read-only file system",
    ),
    (
        "ln",
        Cause::ReadOnly,
        Some("/srv/d"),
        "ln: failed to create symbolic link '/srv/d/l': Read-only file system",
    ),
    (
        "go",
        Cause::ReadOnly,
        Some("/data/db"),
        "panic: open /data/db/LOCK: read-only file system\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:9 +0x1d",
    ),
    (
        "go, JSON",
        Cause::ReadOnly,
        Some("/data"),
        r#"{"level":"fatal","error":"mkdir /data/wal: read-only file system","caller":"main.go:9"}"#,
    ),
    (
        "python",
        Cause::ReadOnly,
        Some("/srv/d"),
        "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\nOSError: [Errno 30] Read-only file system: '/srv/d/x'",
    ),
    (
        "node",
        Cause::ReadOnly,
        Some("/srv/d"),
        "Error: EROFS: read-only file system, open '/srv/d/x'\n    at Object.writeFileSync (node:fs:2380:20)\n    at /app/index.js:1:15 {\n  errno: -30,\n  code: 'EROFS',\n  syscall: 'open',\n  path: '/srv/d/x'\n}\n\nNode.js v20.20.2",
    ),
    (
        "node, cut",
        Cause::ReadOnly,
        Some("/srv/d"),
        "    at node:internal/main/eval_string:51:3 {\n  errno: -30,\n  code: 'EROFS',\n  syscall: 'mkdir',\n  path: '/srv/d/x'\n}\n\nNode.js v20.20.2",
    ),
    (
        "java",
        Cause::ReadOnly,
        Some("/srv/d"),
        "Exception in thread \"main\" java.io.FileNotFoundException: /srv/d/x (Read-only file system)\n\tat java.base/java.io.FileOutputStream.open0(Native Method)\n\tat T.main(T.java:3)",
    ),
    (
        "java.nio",
        Cause::ReadOnly,
        Some("/srv/d"),
        "Exception in thread \"main\" java.nio.file.FileSystemException: /srv/d/x: Read-only file system\n\tat T.main(T.java:4)",
    ),
    (
        "ruby",
        Cause::ReadOnly,
        Some("/srv/d"),
        "/app/main.rb:1:in `initialize': Read-only file system @ rb_sysopen - /srv/d/x (Errno::EROFS)\n\tfrom /app/main.rb:1:in `<main>'",
    ),
    (
        "rust",
        Cause::ReadOnly,
        None,
        "Error: Os { code: 30, kind: ReadOnlyFilesystem, message: \"Read-only file system\" }",
    ),
    (
        "rust, anyhow",
        Cause::ReadOnly,
        Some("/srv/d"),
        "Error: failed to open /srv/d/x\n\nCaused by:\n    failed to create file `/srv/d/x`: Read-only file system (os error 30)",
    ),
    (
        "perl",
        Cause::ReadOnly,
        Some("/srv/d"),
        "Cannot open /srv/d/x: Read-only file system at /app/x.pl line 1.",
    ),
    (
        "php",
        Cause::ReadOnly,
        Some("/srv/d"),
        "PHP Warning:  file_put_contents(/srv/d/x): Failed to open stream: Read-only file system in /var/www/html/index.php on line 3",
    ),
    (
        "nginx",
        Cause::ReadOnly,
        Some("/var/cache/nginx"),
        "2026/11/28 12:00:00 [emerg] 1#1: mkdir() \"/var/cache/nginx/client_temp\" failed (30: Read-only file system)\nnginx: [emerg] mkdir() \"/var/cache/nginx/client_temp\" failed (30: Read-only file system)",
    ),
    (
        "nginx, pid",
        Cause::ReadOnly,
        Some("/run"),
        "2026/11/28 12:00:00 [emerg] 1#1: open() \"/run/nginx.pid\" failed (30: Read-only file system)",
    ),
    (
        "apache",
        Cause::ReadOnly,
        Some("/var/run/apache2"),
        "(30)Read-only file system: AH00099: could not create /var/run/apache2/apache2.pid.W1\nAH00100: apache2: could not log pid to file /var/run/apache2/apache2.pid",
    ),
    (
        "mysql",
        Cause::ReadOnly,
        Some("/var/run/mysqld"),
        "2026-11-28T12:00:00 0 [ERROR] [MY-010273] [Server] Could not create unix socket lock file /var/run/mysqld/mysqld.sock.lock: Read-only file system (30).\n2026-11-28T12:00:00 0 [ERROR] [MY-010119] [Server] Aborting",
    ),
    (
        "mariadb",
        Cause::ReadOnly,
        Some("/run/mysqld"),
        "[ERROR] mariadbd: Can't create/write to file '/run/mysqld/mysqld.pid' (Errcode: 30 \"Read-only file system\")",
    ),
    (
        "postgres",
        Cause::ReadOnly,
        Some("/var/run/postgresql"),
        "FATAL:  could not create lock file \"/var/run/postgresql/.s.PGSQL.5432.lock\": Read-only file system",
    ),
    (
        "redis",
        Cause::ReadOnly,
        Some("/data"),
        "1:M 28 Nov 2026 12:00:00.000 # Failed opening the temp RDB file temp-1.rdb (in server root dir /data) for saving: Read-only file system",
    ),
    (
        "erlang",
        Cause::ReadOnly,
        Some("/var/lib/rabbitmq"),
        "{error,{cannot_create_mnesia_dir,\"/var/lib/rabbitmq/mnesia\",erofs}}",
    ),
    (
        "haproxy",
        Cause::ReadOnly,
        Some("/var/run/haproxy"),
        "[ALERT]    (1) : Starting frontend GLOBAL: cannot bind UNIX socket (Read-only file system) [/var/run/haproxy/admin.sock]",
    ),
    // Permission denied.
    ("cat", Cause::Permission, Some("/etc"), "cat: /etc/shadow: Permission denied"),
    ("bash", Cause::Permission, Some("/var/lib"), "bash: line 1: /var/lib/x: Permission denied"),
    (
        "mkdir",
        Cause::Permission,
        Some("/var/lib/x"),
        "mkdir: cannot create directory ‘/var/lib/x’: Permission denied",
    ),
    (
        "go",
        Cause::Permission,
        Some("/var/lib/grafana"),
        "Failed to start: mkdir /var/lib/grafana/plugins: permission denied",
    ),
    (
        "python",
        Cause::Permission,
        Some("/srv/d"),
        "PermissionError: [Errno 13] Permission denied: '/srv/d/x'",
    ),
    (
        "node",
        Cause::Permission,
        Some("/srv/d"),
        "Error: EACCES: permission denied, mkdir '/srv/d/x' {\n  errno: -13,\n  code: 'EACCES',\n  syscall: 'mkdir',\n  path: '/srv/d/x'\n}",
    ),
    (
        "java.nio",
        Cause::Permission,
        Some("/opt/app"),
        "Exception in thread \"main\" java.nio.file.AccessDeniedException: /opt/app/data\n\tat T.main(T.java:5)",
    ),
    (
        "ruby",
        Cause::Permission,
        Some("/srv/d"),
        "/app/main.rb:1:in `initialize': Permission denied @ rb_sysopen - /srv/d/x (Errno::EACCES)",
    ),
    (
        "rust",
        Cause::Permission,
        None,
        "Error: Os { code: 13, kind: PermissionDenied, message: \"Permission denied\" }",
    ),
    (
        "perl",
        Cause::Permission,
        Some("/srv/d"),
        "Cannot open /srv/d/x: Permission denied at /app/x.pl line 1.",
    ),
    (
        "postgres",
        Cause::Permission,
        Some("/var/lib/postgresql/data"),
        "initdb: error: could not access directory \"/var/lib/postgresql/data\": Permission denied",
    ),
    (
        "redis",
        Cause::Permission,
        None,
        "1:M 28 Nov 2026 12:00:00.000 # Can't open or create append-only dir appendonlydir: Permission denied",
    ),
    (
        "erlang",
        Cause::Permission,
        Some("/var/lib/rabbitmq"),
        "Error when reading /var/lib/rabbitmq/.erlang.cookie: eacces",
    ),
    (
        "nginx",
        Cause::Permission,
        Some("/run"),
        "nginx: [emerg] open() \"/run/nginx.pid\" failed (13: Permission denied)",
    ),
    (
        "php-fpm",
        Cause::Permission,
        Some("/proc/self/fd"),
        "[28-Nov-2026 12:00:00] ERROR: failed to open error_log (/proc/self/fd/2): Permission denied (13)",
    ),
    ("socket", Cause::Permission, Some("/run"), "bind() to unix:/run/x.sock failed (13: Permission denied)"),
    // Whose a file is.
    ("chown", Cause::Ownership, None, "chown: changing ownership of '/data': Operation not permitted"),
    ("chgrp", Cause::Ownership, None, "chgrp: changing group of '/data/x': Operation not permitted"),
    (
        "install",
        Cause::Ownership,
        None,
        "install: cannot change ownership of '/data': Operation not permitted",
    ),
    (
        "chmod",
        Cause::Ownership,
        Some("/var/lib"),
        "chmod: changing permissions of '/var/lib/pg': Operation not permitted",
    ),
    (
        "postgres",
        Cause::Ownership,
        Some("/var/lib/postgresql/data"),
        "initdb: error: could not change permissions of directory \"/var/lib/postgresql/data\": Operation not permitted",
    ),
    (
        "nginx",
        Cause::Ownership,
        None,
        "nginx: [emerg] chown(\"/var/cache/nginx/client_temp\", 101) failed (1: Operation not permitted)",
    ),
    (
        "python",
        Cause::Ownership,
        None,
        "  File \"/app/main.py\", line 1, in <module>\n    os.chown(\"/data\", 1, 1)\nPermissionError: [Errno 1] Operation not permitted: '/data'",
    ),
    (
        "node",
        Cause::Ownership,
        None,
        "    at node:internal/main/eval_string:51:3 {\n  errno: -1,\n  code: 'EPERM',\n  syscall: 'chown',\n  path: '/data'\n}",
    ),
    ("go", Cause::Ownership, None, "chown /data: operation not permitted"),
    // Another user.
    ("gosu", Cause::SetUser, None, "error: failed switching to \"www-data\": operation not permitted"),
    ("su-exec", Cause::SetUser, None, "su-exec: setgroups(999): Operation not permitted"),
    ("setpriv", Cause::SetUser, None, "setpriv: setresuid failed: Operation not permitted"),
    (
        "nginx",
        Cause::SetUser,
        None,
        "2026/11/28 12:00:00 [emerg] 7#7: setgid(101) failed (1: Operation not permitted)",
    ),
    (
        "apache",
        Cause::SetUser,
        None,
        "(1)Operation not permitted: AH02157: initgroups: unable to set groups for User www-data and Group 33",
    ),
    ("php-fpm", Cause::SetUser, None, "ERROR: [pool www] failed to setgid(33): Operation not permitted (1)"),
    ("python", Cause::SetUser, None, "    os.setuid(0)\nPermissionError: [Errno 1] Operation not permitted"),
    (
        "node",
        Cause::SetUser,
        None,
        " {\n  errno: 1,\n  code: 'EPERM',\n  syscall: 'setuid'\n}\n\nNode.js v20.20.2",
    ),
    ("perl", Cause::SetUser, None, "setuid: Operation not permitted at -e line 1."),
    ("chroot", Cause::SetUser, None, "chroot: cannot change root directory to '/': Operation not permitted"),
    ("sshd", Cause::SetUser, None, "chroot(\"/run/sshd\"): Operation not permitted [preauth]"),
    ("postfix", Cause::SetUser, None, "fatal: set_eugid: euid 0: Operation not permitted"),
    (
        "supervisor",
        Cause::SetUser,
        None,
        "Error: Can't drop privilege as nonroot user\nFor help, use /usr/bin/supervisord -h",
    ),
    (
        "vsftpd",
        Cause::SetUser,
        None,
        "500 OOPS: vsftpd: must be started as root (see run_as_launching_user option)",
    ),
    ("postfix", Cause::SetUser, None, "postfix: fatal: the postfix command is reserved for the superuser"),
    ("daemon", Cause::SetUser, None, "exampled: this program requires root privileges"),
    ("slapd", Cause::SetUser, None, "6b0b31bd.2d6f6b30 0x7fd743e7a200 Could not set real group id to 101"),
    (
        "privoxy",
        Cause::SetUser,
        None,
        "2026-11-28 19:55:31.780 7fbac9d34080 Fatal error: Cannot setgid(): Insufficient permissions.",
    ),
    // The cause on one line, and of what on the next.
    (
        "mariadb",
        Cause::ReadOnly,
        Some("/run/mysqld"),
        "[ERROR] Can't start server : Bind on unix socket: Read-only file system\n[ERROR] Do you already have another server running on socket: /run/mysqld/mysqld.sock ?\n[ERROR] Aborting",
    ),
    (
        "beanstalkd",
        Cause::Permission,
        Some("/data"),
        "beanstalkd: file.c:123 in open: Permission denied\nbeanstalkd: serv.c:24 in srv_acquire_wal: failed to lock wal dir /data",
    ),
    // No reason is given.
    (
        "etcd",
        Cause::Write,
        Some("/var/lib/etcd"),
        "2026-11-28 20:06:05.031726 I | etcdmain: etcd Version: 3.4.23\n2026-11-28 20:06:05.031726 C | etcdmain: error listing data dir: /var/lib/etcd",
    ),
    (
        "httpd",
        Cause::Write,
        Some("/usr/local/apache2/logs"),
        "[Sat Nov 28 20:06:09.766162 2026] [core:error] [pid 1:tid 1] AH00100: apache2: could not log pid to file /usr/local/apache2/logs/httpd.pid",
    ),
    (
        "a configuration that is not there",
        Cause::Unexplained,
        None,
        "could not create /data/x: No such file or directory",
    ),
    ("nothing that was to be written", Cause::Unexplained, None, "cannot write a reply to /health"),
    // Beside the program.
    (
        "gunicorn",
        Cause::ReadOnly,
        Some("/app/instance"),
        "  File \"/usr/lib/python3/dist-packages/gunicorn/util.py\", line 371, in import_app\n    mod = importlib.import_module(module)\n  File \"/app/notes.py\", line 4, in <module>\n    os.makedirs(\"instance\", exist_ok=True)\n  File \"<frozen os>\", line 225, in makedirs\nOSError: [Errno 30] Read-only file system: 'instance'\n[2026-11-28 20:06:14 +0000] [7] [INFO] Worker exiting (pid: 7)\n[2026-11-28 20:06:14 +0000] [1] [INFO] Reason: Worker failed to boot.",
    ),
    (
        "node, beside the program",
        Cause::ReadOnly,
        Some("/home/node/app/uploads"),
        "node:fs:1362\n  const result = binding.mkdir(\n\nError: EROFS: read-only file system, mkdir 'uploads'\n    at Object.mkdirSync (node:fs:1391:3)\n    at Object.<anonymous> (/home/node/app/server.js:3:4) {\n  errno: -30,\n  syscall: 'mkdir',\n  code: 'EROFS',\n  path: 'uploads'\n}\n\nNode.js v18.20.4",
    ),
    (
        "django",
        Cause::Write,
        Some("/code"),
        "  File \"/code/manage.py\", line 22, in main\n  File \"/usr/lib/python3/dist-packages/django/db/backends/sqlite3/base.py\", line 209, in get_new_connection\n    conn = Database.connect(**conn_params)\ndjango.db.utils.OperationalError: unable to open database file",
    ),
    (
        "java, beside the program",
        Cause::ReadOnly,
        Some("/app/logs"),
        "Exception in thread \"main\" java.nio.file.FileSystemException: logs: Read-only file system\n\tat java.base/java.nio.file.Files.createDirectories(Files.java:793)\n\tat App.main(App.java:7)",
    ),
    (
        "php, beside the program",
        Cause::ReadOnly,
        Some("/app/var"),
        "[Sat Nov 28 22:26:08 2026] PHP Warning:  mkdir(): Read-only file system in /app/public/index.php on line 4\n[Sat Nov 28 22:26:08 2026] PHP Warning:  file_put_contents(var/cache/page.html): Failed to open stream: No such file or directory in /app/public/index.php on line 6",
    ),
    (
        "ruby, beside the program",
        Cause::ReadOnly,
        Some("/rails/log"),
        "/usr/lib/ruby/3.1.0/logger/log_device.rb:111:in `initialize': Read-only file system @ rb_sysopen - log/production.log (Errno::EROFS)\n\tfrom /usr/lib/ruby/3.1.0/logger/log_device.rb:111:in `open'\n\tfrom config.ru:2:in `new'",
    ),
    (
        "a uid that no user namespace has",
        Cause::SetUser,
        None,
        "failed to create containerd task: failed to update container IO owner: failed to do idmap to get host ID: container ID 271828 cannot be mapped to a host ID",
    ),
    (
        "sudo",
        Cause::Setuid,
        None,
        "sudo: The \"no new privileges\" flag is set, which prevents sudo from running as root.\nsudo: If sudo is running in a container, you may need to adjust the container configuration to disable the flag.",
    ),
    // No name for the uid.
    (
        "python, home",
        Cause::UnknownUser,
        None,
        "    pwd.getpwuid(os.getuid())\nKeyError: 'getpwuid(): uid not found: 65532'",
    ),
    (
        "initdb",
        Cause::UnknownUser,
        None,
        "initdb: error: could not look up effective user ID 65532: user does not exist",
    ),
    ("ssh", Cause::UnknownUser, None, "No user exists for uid 65532"),
    ("go, home", Cause::UnknownUser, None, "panic: user: unknown userid 65532"),
    // Node makes directories below one that is read-only.
    (
        "node, mkdir",
        Cause::ReadOnly,
        Some("/app/uploads"),
        "Error: ENOENT: no such file or directory, mkdir 'uploads'\n    at Object.mkdirSync (node:fs:1372:26) {\n  errno: -2,\n  code: 'ENOENT',\n  syscall: 'mkdir',\n  path: 'uploads'\n}\n\nNode.js v18.20.4",
    ),
    (
        "node, mkdir, absolute",
        Cause::ReadOnly,
        Some("/app/uploads"),
        "Error: ENOENT: no such file or directory, mkdir '/app/uploads/1'\n    at Object.mkdirSync (node:fs:1372:26)",
    ),
    ("sqlite", Cause::ReadOnly, None, "sqlite3.OperationalError: attempt to write a readonly database"),
    (
        ".NET",
        Cause::Permission,
        Some("/app/keys"),
        "Unhandled exception. System.UnauthorizedAccessException: Access to the path '/app/keys/key.xml' is denied.",
    ),
    // A low port.
    (
        "python",
        Cause::LowPort,
        None,
        "  File \"/usr/lib/python3.11/socketserver.py\", line 472, in server_bind\n    self.socket.bind(self.server_address)\nPermissionError: [Errno 13] Permission denied",
    ),
    (
        "node",
        Cause::LowPort,
        None,
        "Error: listen EACCES: permission denied 0.0.0.0:80\n    at Server.setupListenHandle [as _listen2] (node:net:1817:21) {\n  code: 'EACCES',\n  errno: -13,\n  syscall: 'listen',\n  address: '0.0.0.0',\n  port: 80\n}",
    ),
    (
        "java",
        Cause::LowPort,
        None,
        "Exception in thread \"main\" java.net.BindException: Permission denied\n\tat T.main(T.java:7)",
    ),
    ("go", Cause::LowPort, None, "listen tcp :80: bind: permission denied"),
    (
        "ruby",
        Cause::LowPort,
        None,
        "`bind': Permission denied - bind(2) for \"0.0.0.0\" port 80 (Errno::EACCES)",
    ),
    ("perl", Cause::LowPort, None, "Cannot bind: IO::Socket::INET: Permission denied at -e line 1."),
    ("nginx", Cause::LowPort, None, "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)"),
    (
        "apache",
        Cause::LowPort,
        None,
        "(13)Permission denied: AH00072: make_sock: could not bind to address 0.0.0.0:80\nno listening sockets available, shutting down\nAH00015: Unable to open logs",
    ),
    (
        "redis",
        Cause::LowPort,
        None,
        "Warning: Could not create server TCP listening socket *:80: bind: Permission denied\nFailed listening on port 80 (tcp), aborting.",
    ),
    (
        "mysql",
        Cause::LowPort,
        None,
        "[ERROR] [MY-010262] [Server] Can't start server: Bind on TCP/IP port: Permission denied",
    ),
    ("postgres", Cause::LowPort, None, "LOG:  could not bind IPv4 address \"0.0.0.0\": Permission denied"),
    (
        "haproxy",
        Cause::LowPort,
        None,
        "[ALERT]    (1) : Starting frontend web: cannot bind socket (Permission denied) for [0.0.0.0:80]",
    ),
    // File capabilities.
    ("shell", Cause::FileCapability, None, "exec /usr/bin/x: operation not permitted"),
    (
        "bash",
        Cause::FileCapability,
        None,
        "/entrypoint.sh: line 3: /usr/sbin/dnsmasq: Operation not permitted",
    ),
    ("runc", Cause::FileCapability, None, "exec: \"/x\": operation not permitted"),
    // Nothing of ours.
    (
        "postgres as root",
        Cause::Unexplained,
        None,
        "\"root\" execution of the PostgreSQL server is not permitted.",
    ),
    ("connection", Cause::Unexplained, None, "dial tcp 10.0.0.1:5432: connect: connection refused"),
    (
        "missing",
        Cause::Unexplained,
        None,
        "Error: ENOENT: no such file or directory, open '/app/config.json'",
    ),
    ("panic", Cause::Unexplained, None, "panic: runtime error: index out of range [3] with length 3"),
    ("heap", Cause::Unexplained, None, "java.lang.OutOfMemoryError: Java heap space"),
    ("memory lock", Cause::Unexplained, None, "mlockall: Operation not permitted"),
];

fn error(message: &str) -> Death<'_> {
    Death { reason: "Error", exit_code: Some(1), signal: None, message, working_dir: None }
}

#[test]
fn what_programs_say() {
    for (who, cause, directory, message) in SAID {
        let found = classify(&error(message), RuleSet::all());
        assert_eq!((found.cause, found.directory.as_deref()), (*cause, *directory), "{who}: {message}");
    }
}

#[test]
fn a_rule_that_was_not_applied_is_no_cause() {
    for (who, _, _, message) in SAID {
        let found = classify(&error(message), RuleSet::default());
        assert_eq!(found, Explained::of(Cause::Unexplained), "{who}");
    }
    // The author's own read-only root is not ours, but the user is.
    let message = "open /data/x: read-only file system\nopen /data/y: permission denied\nretrying on /x: read-only file system";
    let found = classify(&error(message), [RuleId::run_as_non_root].into_iter().collect());
    assert_eq!(found.cause, Cause::Permission);
}

#[test]
fn what_was_said_last_counts() {
    let message = "warning: open /a/x: permission denied\nfatal: open /b/x: read-only file system\nbye";
    let found = classify(&error(message), RuleSet::all());
    assert_eq!((found.cause, found.directory.as_deref()), (Cause::ReadOnly, Some("/b")));
}

#[test]
fn what_the_kubelet_and_the_runtime_say() {
    let death = |reason: &'static str, exit_code, signal, message: &'static str| {
        classify(&Death { reason, exit_code, signal, message, working_dir: None }, RuleSet::all())
    };
    let named = "container has runAsNonRoot and image has non-numeric user (memcache), cannot verify user is non-root";
    let root = "container has runAsNonRoot and image will run as root (pod: \"web_shop(u)\", container: web)";
    let not_found = "failed to create containerd task: runc create failed: unable to start container process: exec: \
                     \"/root/x\": stat /root/x: permission denied: unknown";
    for (found, cause) in [
        (death("CreateContainerConfigError", None, None, named), Cause::NamedUser),
        (death("CreateContainerConfigError", None, None, root), Cause::RootImage),
        (death("CreateContainerConfigError", None, None, "secret \"x\" not found"), Cause::Unexplained),
        (death("OOMKilled", Some(137), None, ""), Cause::OutOfMemory),
        (death("StartError", Some(128), None, not_found), Cause::Permission),
        (death(NEVER_READY, None, None, ""), Cause::NeverReady),
        // As far as nothing is heard of it.
        (death(NEVER_READY, None, None, "ready for connections"), Cause::NeverReady),
        (death(NEVER_READY, None, None, "bind: permission denied"), Cause::LowPort),
        (death("Completed", Some(0), None, ""), Cause::Silent),
        (death("Completed", Some(0), None, "listening on 8080"), Cause::Silent),
        (death("Error", Some(1), None, "  \n"), Cause::Silent),
        (death("Error", Some(1), None, "no such host"), Cause::Unexplained),
        (death("Error", Some(137), None, ""), Cause::Unexplained),
        (death("Error", Some(143), None, ""), Cause::Unexplained),
        (death("Error", Some(1), Some(9), ""), Cause::Unexplained),
        (death("ContainerStatusUnknown", Some(1), None, ""), Cause::Unexplained),
        (death("CreateContainerError", None, None, "context deadline exceeded"), Cause::Unexplained),
        (death("", None, None, ""), Cause::Unexplained),
    ] {
        assert_eq!((found.cause, found.directory), (cause, None));
    }
}

#[test]
fn what_may_be_hardening_though_nothing_explains_it() {
    let death =
        |reason, exit_code, message| Death { reason, exit_code, signal: None, message, working_dir: None };
    let may_be = |death: &Death<'_>| may_be_hardening(death, RuleSet::all(), &LOWERED);
    assert!(may_be(&death("Error", Some(1), "cannot start")));
    let noise = death("Error", Some(1), "cannot start");
    assert!(!may_be_hardening(&noise, RuleSet::default(), &LOWERED), "nothing was taken");
    let others: RuleSet = [RuleId::privilege_escalation].into_iter().collect();
    assert!(
        !may_be_hardening(&noise, others, &LOWERED)
            && may_be_hardening(&noise, others, &[RuleId::privilege_escalation])
    );
    assert!(may_be(&death(NEVER_READY, None, "")), "it runs, and is of no use");
    assert!(!may_be(&death("Error", Some(1), "dial tcp 10.0.0.1:5432: connect: connection refused")));
    assert!(!may_be(&death("Error", Some(1), "getaddrinfo ENOTFOUND db")));
    assert!(!may_be(&death("OOMKilled", Some(137), "")));
    assert!(!may_be(&death("CreateContainerError", None, "context deadline exceeded")), "it did not begin");
}

#[test]
fn a_long_message_is_read_from_its_end() {
    let noise = "ä all is well\n".repeat(2000);
    let message = format!("open /a/x: read-only file system\n{noise}");
    assert_eq!(classify(&error(&message), RuleSet::all()).cause, Cause::Unexplained);
    let message = format!("{noise}open /a/x: read-only file system");
    assert_eq!(classify(&error(&message), RuleSet::all()).cause, Cause::ReadOnly);
}
