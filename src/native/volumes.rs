//! `read-only-root-filesystem` in CEL, and all that is done to volumes and mounts.

use std::borrow::Cow;

use super::cel::{any, backwards};
use super::exempt;
use super::program::{Program, covers};
use crate::annotation::WRITABLE_PATHS;
use crate::cel::{list, text};
use crate::plan::normalize;
use crate::rules::RuleId;
use crate::tuning::FORBIDDEN;

const RULE: RuleId = RuleId::read_only_root_filesystem;

/// What an annotation may name, before what it may not is left out.
const MOST_PATHS: usize = 32;

/// The first parts of names for volumes where a readable one cannot be had.
const STEMS: [&str; 4] = ["writable", "writable-path", "empty-dir", "scratch-space"];

/// A path `p` without repeated or trailing slashes and `.`; `..` is no part of it.
const NORMAL: &str = "'/' + p.split('/').filter(part, !(part in ['', '.'])).join('/')";

fn within(path: &str, root: &str) -> String {
    format!("({path} == {root} || {path}.startsWith({root} + '/'))")
}

pub(super) fn apply(program: &mut Program<'_>) {
    if program.applies(RULE) {
        look(program);
        paths(program);
        names(program);
    }
    mounts(program);
    volumes(program);
}

/// Whose root becomes read-only, and where something is mounted already.
fn look(program: &mut Program<'_>) {
    let all = "(e.own.?volumeMounts.orValue([]).map(m, m.mountPath) + \
               e.own.?volumeDevices.orValue([]).map(d, d.devicePath))";
    program.let_be("mounted", format!("variables.containers.map(e, {all}.map(p, {NORMAL}))"));
    let root = "e.context.?readOnlyRootFilesystem";
    let open = if program.replaces(RULE) {
        format!("!{root}.orValue(false)")
    } else {
        format!("!{root}.hasValue()")
    };
    // Where `..` leads cannot be said here: what is mounted there might be hidden.
    let strange = format!("{all}.exists(p, '..' in p.split('/'))");
    let covered = format!("variables.linux && {} && variables.stem != '' && !{strange}", covers(RULE));
    program.let_be(
        "stem",
        format!(
            "({}.filter(s, !variables.taken.exists(n, n.startsWith(s + '-'))) + [''])[0]",
            list(stems(program))
        ),
    );
    program.let_be("covered", format!("variables.containers.map(e, {covered})"));
    program.set_in_containers(format!("variables.covered[i] && {open}"), "readOnlyRootFilesystem", "true");
}

/// Those that no policy's path could make too.
fn stems<'p>(program: &Program<'_>) -> impl Iterator<Item = &'p str> {
    let plain: Vec<String> = program
        .policy
        .rules
        .read_only_root_filesystem
        .writable_paths
        .iter()
        .filter_map(|path| stem_of(&normalize(path)))
        .collect();
    STEMS.into_iter().filter(move |stem| !plain.iter().any(|other| stem.starts_with(other.as_str())))
}

/// The readable beginning of a volume's name for a path, where there is one: see `plan::volume_name`.
fn stem_of(path: &str) -> Option<String> {
    let replaced = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let stem: String = path.chars().skip(1).map(replaced).collect();
    (!stem.is_empty() && !stem.starts_with('-') && !format!("{stem}-").contains("--")).then_some(stem)
}

/// The paths that each container gets an emptyDir on: the pod's own are looked at once.
fn paths(program: &mut Program<'_>) {
    let [own, of_pod] = exempt::keys(&program.policy.annotation_prefix, WRITABLE_PATHS);
    let params = &program.policy.rules.read_only_root_filesystem;
    let from_policy: Vec<Cow<'_, str>> = params.writable_paths.iter().map(|path| normalize(path)).collect();
    let from_policy = list(from_policy.iter().map(AsRef::as_ref));
    program.let_be("podPaths", apart(&asked(&of_pod)));
    program.let_be("commonPaths", apart(&format!("({from_policy} + variables.podPaths).distinct()")));
    program.let_be(
        "ownPaths",
        format!("variables.containers.map(e, {})", asked(&own.replace("c.name", "e.own.name"))),
    );
    let becomes =
        if program.replaces(RULE) { "true" } else { "e.context.?readOnlyRootFilesystem.orValue(true)" };
    // What the author made read-only needs only what the author asks for.
    let others =
        "(e.context.?readOnlyRootFilesystem.orValue(false) ? variables.podPaths : variables.commonPaths)";
    let own = "variables.ownPaths[i]";
    let all =
        format!("({own}.size() == 0 ? {others} : {})", apart(&format!("({others} + {own}).distinct()")));
    let taken = format!("variables.mounted[i].exists(m, m == '/' || {})", within("p", "m"));
    program.let_be(
        "paths",
        format!(
            "variables.containers.transformList(i, e, !(variables.covered[i] && {becomes}) ? [] : \
             {all}.filter(p, !{taken}))"
        ),
    );
}

/// Those of a list of paths that lie in no other of them.
fn apart(paths: &str) -> String {
    format!("[{paths}].map(all, all.filter(p, !all.exists(o, o != p && p.startsWith(o + '/'))))[0]")
}

/// The paths that an annotation asks for, and may.
fn asked(key: &str) -> String {
    let value = "variables.annotations[k]";
    let refused = any(&[
        "p.matches('^/lib[^/]*(/|$)')".to_owned(),
        format!("{}.exists(f, {} || {})", list(FORBIDDEN), within("p", "f"), within("('/var' + p)", "f")),
    ]);
    format!(
        "[{key}].filter(k, k in variables.annotations && {value}.size() <= 2048)\
         .map(k, [{value}.split(',').map(p, p.trim()).filter(p, p != '')].map(all, \
         all.size() > {MOST_PATHS} ? all.slice(0, {MOST_PATHS}) : all)[0]\
         .filter(p, p.startsWith('/') && p.size() <= 255 && !p.matches('[:\\\\p{{Cc}}]') && \
         !('..' in p.split('/'))).map(p, {NORMAL}).filter(p, p != '/' && !{refused})).flatten().distinct()"
    )
}

/// The names of volumes, and what of them each container gets.
fn names(program: &mut Program<'_>) {
    let params = &program.policy.rules.read_only_root_filesystem;
    let mut plain: Vec<(Cow<'_, str>, String)> = Vec::new();
    for path in &params.writable_paths {
        let path = normalize(path);
        let Some(stem) = stem_of(&path) else { continue };
        let collides = |other: &str| {
            let (one, two) = (format!("{stem}-"), format!("{other}-"));
            one.starts_with(&two) || two.starts_with(&one)
        };
        if !plain.iter().any(|(_, other)| collides(other)) {
            plain.push((path, stem));
        }
    }
    let stems: Vec<String> =
        plain.iter().map(|(path, stem)| format!("{}: {}", text(path), text(stem))).collect();
    let stems = if stems.is_empty() { "{'': ''}".to_owned() } else { format!("{{{}}}", stems.join(", ")) };
    let numbered = "variables.stem + '-' + string(i) + '-' + string(k)";
    program.let_be("stems", stems);
    program.let_be(
        "mounts",
        format!(
            "variables.containers.transformList(i, e, variables.paths[i].transformList(k, p, \
             e.kind == 'ephemeral' ? {{'path': dyn(p), 'name': dyn(({})[0])}} : \
             [p in variables.stems ? variables.stems[p] + '-' + e.own.name : ''].map(n, {{'path': dyn(p), \
             'name': dyn(n != '' && n.size() <= 63 && !n.contains('--') && !(n in variables.taken) ? n : {numbered})}})[0])\
             .filter(m, m.name != ''))",
            targets_volume(),
        ),
    );
}

/// The emptyDir that the target of an ephemeral container has on the path `p`: a running pod takes no volume.
fn targets_volume() -> String {
    let is_there =
        "[m.mountPath].exists(q, '/' + q.split('/').filter(part, !(part in ['', '.'])).join('/') == p)";
    format!(
        "variables.containers.filter(t, t.own.name == e.own.?targetContainerName.orValue('')).map(t, \
         t.own.?volumeMounts.orValue([]).filter(m, {is_there} && m.?subPath.orValue('') == '' && \
         m.?subPathExpr.orValue('') == '' && variables.volumes.exists(v, v.name == m.name && \
         v.?emptyDir.hasValue())).map(m, m.name)).flatten() + ['']"
    )
}

fn mounts(program: &mut Program<'_>) {
    let gone = backwards("e.own.?volumeMounts.orValue([])", "x.name in variables.tokens");
    let mut operations =
        vec![format!("{gone}.map(k, JSONPatch{{op: 'remove', path: e.at + '/volumeMounts/' + string(k)}})")];
    if program.applies(RULE) {
        operations.push(
            "(variables.mounts[i].size() > 0 && e.own.?volumeMounts.orValue([]).size() == 0 ? \
             [JSONPatch{op: 'add', path: e.at + '/volumeMounts', value: []}] : [])"
                .to_owned(),
        );
        operations.push(
            "variables.mounts[i].map(m, JSONPatch{op: 'add', path: e.at + '/volumeMounts/-', \
             value: {'name': m.name, 'mountPath': m.path}})"
                .to_owned(),
        );
    }
    if program.applies(RULE) || program.applies(RuleId::service_account_token) {
        program.operate_in_containers(&operations.join(" + "));
    }
}

fn volumes(program: &mut Program<'_>) {
    if program.applies(RuleId::service_account_token) {
        program.operate(format!(
            "{}.map(k, JSONPatch{{op: 'remove', path: '/spec/volumes/' + string(k)}})",
            backwards("variables.volumes", "x.name in variables.tokens")
        ));
    }
    if !program.applies(RULE) {
        return;
    }
    let limit = &program.policy.rules.read_only_root_filesystem.size_limit;
    let empty_dir =
        if limit.is_empty() { "{}".to_owned() } else { format!("{{'sizeLimit': {}}}", text(limit)) };
    program.let_be(
        "newVolumes",
        "variables.containers.transformList(i, e, e.kind != 'ephemeral', variables.mounts[i].map(m, m.name)).flatten()",
    );
    program.operate(format!(
        "(variables.newVolumes.size() > 0 && variables.volumes.size() == 0 ? \
         [JSONPatch{{op: 'add', path: '/spec/volumes', value: []}}] : []) + \
         variables.newVolumes.map(n, JSONPatch{{op: 'add', path: '/spec/volumes/-', \
         value: {{'name': dyn(n), 'emptyDir': dyn({empty_dir})}}}})"
    ));
}
