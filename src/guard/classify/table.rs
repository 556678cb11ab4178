//! The table: which words mean what, and which rules can have brought it about.

use super::LOWERED;
use crate::guard::Cause;
use crate::rules::RuleId::{
    self, capabilities, privilege_escalation, read_only_root_filesystem, run_as_non_root,
};

/// One line of the table. All words are in lower case.
pub(super) struct Row {
    pub(super) cause: Cause,
    /// One of these must be in the line; a path is looked for around it.
    pub(super) phrases: &'static [&'static str],
    /// One of these as well, where there are any.
    pub(super) with: &'static [&'static str],
    pub(super) where_: Where,
    pub(super) path: Path,
    /// One of these must have been applied.
    pub(super) by: &'static [RuleId],
}

/// Where `with` is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// In the same line.
    Line,
    /// In the same line, which names a path, and no reason of its own.
    LineWithPath,
    /// In the same line, which names no path: a socket with a path has no port.
    LineWithoutPath,
    /// Anywhere in the message: Python and Node name the call on another line than the error.
    Anywhere,
    /// Anywhere, where the line names no path.
    AnywhereWithoutPath,
}

/// What a path in the line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// Of no use.
    Ignored,
    /// Something in the directory that must be writable.
    Inside,
    /// There is none: it is one of the program's own, where its sources are.
    Program,
}

const DENIED: &[&str] = &[
    "permission denied",
    "eacces",
    "permissiondenied",
    "errno 13",
    "access is denied",
    "accessdenied",
    "unauthorizedaccessexception",
];
const NOT_PERMITTED: &[&str] = &["operation not permitted", "not permitted", "eperm", "errno 1]"];
const BECOME: &[&str] = &[
    "must be run as root",
    "must be started as root",
    "must be running as root",
    "must run as root",
    "must be root",
    "needs to be run as root",
    "need to be root",
    "needs root",
    "requires root",
    "requires to be run as root",
    "should be run as root",
    "have to be root",
    "has to be root",
    "not running as root",
    "not superuser",
    "are not root",
    "root privileges",
    "only root",
    "for the superuser",
    "drop privilege",
    // Said without the system's own words.
    "set real group id",
    "set real user id",
    "set effective group id",
    "set effective user id",
    "cannot setgid",
    "cannot setuid",
];
const NAMELESS: &[&str] = &[
    "uid not found",
    "unknown userid",
    "unknown uid",
    "no user exists for uid",
    "cannot find name for user id",
    "could not look up effective user id",
    "couldn't look up user",
    "you don't exist, go away",
    "getpwuid",
];
const IDENTITY: &[RuleId] = &[run_as_non_root, capabilities];

/// The first row that fits counts; of a message the last line that one fits.
pub(super) const TABLE: &[Row] = &[
    Row {
        cause: Cause::LowPort,
        phrases: DENIED,
        with: &["bind", "listen"],
        where_: Where::LineWithoutPath,
        path: Path::Ignored,
        by: IDENTITY,
    },
    Row {
        cause: Cause::LowPort,
        phrases: DENIED,
        with: &[".bind(", "server_bind", "syscall: 'listen'", "syscall: 'bind'"],
        where_: Where::AnywhereWithoutPath,
        path: Path::Ignored,
        by: IDENTITY,
    },
    // Who owns a directory may do that.
    Row {
        cause: Cause::Ownership,
        phrases: NOT_PERMITTED,
        with: &["chmod", "changing permissions", "change permissions", "set permissions"],
        where_: Where::Line,
        path: Path::Inside,
        by: IDENTITY,
    },
    Row {
        cause: Cause::Ownership,
        phrases: NOT_PERMITTED,
        with: &[".chmod(", "syscall: 'chmod'"],
        where_: Where::Anywhere,
        path: Path::Inside,
        by: IDENTITY,
    },
    Row {
        cause: Cause::Ownership,
        phrases: NOT_PERMITTED,
        with: &[".chown(", "syscall: 'chown'", ".lchown(", "syscall: 'lchown'"],
        where_: Where::Anywhere,
        path: Path::Ignored,
        by: IDENTITY,
    },
    Row {
        cause: Cause::Ownership,
        phrases: NOT_PERMITTED,
        with: &[
            "chown",
            "changing ownership",
            "change owner",
            "change ownership",
            "changing group",
            "chgrp",
            "set owner",
        ],
        where_: Where::Line,
        path: Path::Ignored,
        by: IDENTITY,
    },
    Row {
        cause: Cause::SetUser,
        phrases: &["operation not permitted", "not permitted", "eperm", "errno 1]", "permission denied"],
        with: &[
            "setuid",
            "setgid",
            "seteuid",
            "setegid",
            "setreuid",
            "setregid",
            "setresuid",
            "setresgid",
            "setgroups",
            "initgroups",
            "set_eugid",
            "failed switching to",
            "gosu",
            "su-exec",
            "setpriv",
            "drop privileges",
            "set gid",
            "set uid",
            "set user id",
            "set group id",
            "set groups",
            "change to user",
            "switch to user",
            "cannot set groups",
            "effective gid",
            "effective uid",
            "chroot",
            "su: ",
        ],
        where_: Where::Line,
        path: Path::Ignored,
        by: IDENTITY,
    },
    Row {
        cause: Cause::SetUser,
        phrases: NOT_PERMITTED,
        with: &[
            ".setuid(",
            ".setgid(",
            ".setgroups(",
            ".initgroups(",
            ".setresuid(",
            "syscall: 'setuid'",
            "syscall: 'setgid'",
            "syscall: 'setgroups'",
            "syscall: 'initgroups'",
        ],
        where_: Where::Anywhere,
        path: Path::Ignored,
        by: IDENTITY,
    },
    // A user namespace has 65536 ids.
    Row {
        cause: Cause::SetUser,
        phrases: &["cannot be mapped to a host id"],
        with: &[],
        where_: Where::Line,
        path: Path::Ignored,
        by: &[run_as_non_root],
    },
    Row {
        cause: Cause::Setuid,
        phrases: &[
            "\"no new privileges\" flag is set",
            "with the 'nosuid' option",
            "must be setuid root",
            "must be suid to work",
            "must have the setuid bit",
            "not installed setuid root",
            "not setuid root",
        ],
        with: &[],
        where_: Where::Line,
        path: Path::Ignored,
        by: &[privilege_escalation],
    },
    // Said by who is not root and would be.
    Row {
        cause: Cause::SetUser,
        phrases: BECOME,
        with: &[],
        where_: Where::Line,
        path: Path::Ignored,
        by: &[run_as_non_root],
    },
    Row {
        cause: Cause::UnknownUser,
        phrases: NAMELESS,
        with: &[],
        where_: Where::Line,
        path: Path::Ignored,
        by: &[run_as_non_root],
    },
    Row {
        cause: Cause::FileCapability,
        phrases: &["operation not permitted"],
        with: &["exec ", "exec:", "execve", "/bin/", "/sbin/"],
        where_: Where::Line,
        path: Path::Ignored,
        by: &[capabilities],
    },
    Row {
        cause: Cause::ReadOnly,
        phrases: &[
            "read-only file system",
            "read-only filesystem",
            "readonlyfilesystem",
            "erofs",
            "errno 30",
        ],
        with: &[],
        where_: Where::Line,
        path: Path::Inside,
        by: &[read_only_root_filesystem],
    },
    // SQLite names no file.
    Row {
        cause: Cause::ReadOnly,
        phrases: &["readonly database"],
        with: &[],
        where_: Where::Line,
        path: Path::Program,
        by: &[read_only_root_filesystem],
    },
    // Node says so of directories to be made below one that is read-only.
    Row {
        cause: Cause::ReadOnly,
        phrases: &["enoent: no such file or directory, mkdir"],
        with: &[],
        where_: Where::Line,
        path: Path::Inside,
        by: &[read_only_root_filesystem],
    },
    Row {
        cause: Cause::Permission,
        phrases: DENIED,
        with: &[],
        where_: Where::Line,
        path: Path::Inside,
        by: IDENTITY,
    },
];

/// What a program says that could not write, and does not say why. Reading is not in it: what is missing is missing.
pub(super) const WITHOUT_REASON: &[Row] = &[
    Row {
        cause: Cause::Write,
        phrases: &[
            "log pid to",
            "write pid to",
            "listing data dir",
            "for writing",
            "not writable",
            "not writeable",
            "isn't writable",
            "unwritable",
            "unwriteable",
            "is read-only",
            "could not create",
            "couldn't create",
            "can't create",
            "cannot create",
            "can not create",
            "unable to create",
            "failed to create",
            "failed creating",
            "error creating",
            "could not write",
            "couldn't write",
            "can't write",
            "cannot write",
            "can not write",
            "unable to write",
            "failed to write",
            "error writing",
            "could not lock",
            "cannot lock",
            "can't lock",
            "unable to lock",
            "failed to lock",
            "failed to mkdir",
            "unable to mkdir",
            "could not touch",
            "failed to touch",
            "unlink failed",
            "open log",
            "opening log",
            "open pid",
            "opening pid",
        ],
        with: &[],
        where_: Where::LineWithPath,
        path: Path::Inside,
        by: &LOWERED,
    },
    Row {
        cause: Cause::Write,
        phrases: &["unable to open database file"],
        with: &[],
        where_: Where::Line,
        path: Path::Program,
        by: &LOWERED,
    },
];

/// Reasons that no directory helps: a line that names one is not taken for a write that hardening refused.
pub(super) const REASONS: &[&str] = &[
    "no such file",
    "not found",
    "does not exist",
    "doesn't exist",
    "not exist",
    "enoent",
    "already exists",
    "file exists",
    "eexist",
    "no space",
    "disk full",
    "enospc",
    "quota",
    "too many open",
    "is a directory",
    "not a directory",
    "invalid",
    "syntax",
    "parse",
    "corrupt",
    "resource temporarily unavailable",
    "connection",
    "timed out",
];
