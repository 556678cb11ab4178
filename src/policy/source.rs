//! Where `--policy` says that policies are: a preset, a file, or a folder of files such as a mounted ConfigMap.

use std::fs;
use std::path::{Path, PathBuf};

use super::load::parse;
use super::{KIND, Policy, PolicyError, PolicySet, Preset, Selector};
use crate::nearest::nearest;

/// Which files of a folder are policies.
const ENDINGS: [&str; 2] = ["yaml", "yml"];

/// What `--policy` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A built-in policy.
    Preset(Preset),
    /// A file or a folder.
    Path(PathBuf),
}

impl Source {
    /// A preset by its name, else a path.
    ///
    /// # Errors
    /// When it is neither: with the nearest preset.
    pub fn find(name: &str) -> Result<Self, PolicyError> {
        if let Some(preset) = Preset::find(name) {
            return Ok(Self::Preset(preset));
        }
        let path = Path::new(name);
        let looks_like_a_file = path.extension().is_some() || name.contains('/');
        if !looks_like_a_file && !path.exists() {
            let presets = Preset::ALL.map(Preset::as_str);
            let hint =
                nearest(name, presets).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
            return Err(PolicyError::Unknown { name: name.to_owned(), presets: presets.join(", "), hint });
        }
        Ok(Self::Path(path.to_owned()))
    }

    /// The policies.
    ///
    /// # Errors
    /// When a file cannot be read or is not valid.
    pub fn load(&self) -> Result<PolicySet, PolicyError> {
        match self {
            Self::Preset(preset) => Ok((*preset).into()),
            Self::Path(path) => Ok(PolicySet::new(Texts::read(path)?.parse()?)),
        }
    }
}

/// What stands in a file or in the files of a folder: what is compared to notice a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    path: PathBuf,
    files: Vec<(PathBuf, String)>,
}

impl Texts {
    /// Reads a file, or the policies of a folder in the order of their names; what lies deeper, or is hidden as the
    /// kubelet hides what its links point to, is none.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn read(path: &Path) -> Result<Self, PolicyError> {
        let failed = |path: &Path, source| PolicyError::Read { path: path.to_owned(), source };
        let mut paths = Vec::new();
        if path.is_dir() {
            for entry in fs::read_dir(path).map_err(|error| failed(path, error))? {
                let entry = entry.map_err(|error| failed(path, error))?.path();
                if is_policy(&entry) {
                    paths.push(entry);
                }
            }
            paths.sort();
        } else {
            paths.push(path.to_owned());
        }
        let read = |path: PathBuf| match fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(error) => Err(failed(&path, error)),
        };
        Ok(Self { path: path.to_owned(), files: paths.into_iter().map(read).collect::<Result<_, _>>()? })
    }

    /// What was read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Each file and what stands in it.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files.iter().map(|(path, text)| (path.as_path(), text.as_str()))
    }

    /// The policies in all of them.
    ///
    /// # Errors
    /// When one is not valid, or two have one name: file, line, and the nearest valid name.
    pub fn parse(&self) -> Result<Vec<Policy>, PolicyError> {
        let mut policies: Vec<Policy> = Vec::new();
        for (path, text) in &self.files {
            let place = path.display().to_string();
            for policy in parse(&place, text)? {
                if policies.iter().any(|other| other.name == policy.name) {
                    let message = format!("policy \"{}\" is there twice", policy.name);
                    return Err(PolicyError::Invalid { place, message });
                }
                policies.push(policy);
            }
        }
        if policies.is_empty() {
            let message = format!("holds no {KIND} in a file *.yaml or *.yml");
            return Err(PolicyError::Invalid { place: self.path.display().to_string(), message });
        }
        Ok(policies)
    }
}

/// The policies of the cluster, by name, and those that `--policy` names, in the order in which they are tried.
///
/// One of the cluster takes the place of one of the same name. One for everything hides what comes after it, so those
/// of the cluster that are come after what selects: only then are they what an administrator means by a default.
#[must_use]
pub fn together(of_cluster: Vec<Policy>, named: Vec<Policy>) -> Vec<Policy> {
    let everything = |policy: &Policy| policy.selector == Selector::default();
    let mut named: Vec<Policy> =
        named.into_iter().filter(|policy| of_cluster.iter().all(|other| other.name != policy.name)).collect();
    let rest = named.split_off(named.iter().position(everything).unwrap_or(named.len()));
    let (defaults, mut all): (Vec<Policy>, Vec<Policy>) = of_cluster.into_iter().partition(everything);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.extend(named);
    let first = all.len();
    all.extend(defaults);
    all[first..].sort_by(|a, b| a.name.cmp(&b.name));
    all.extend(rest);
    all
}

fn is_policy(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    let ending = path.extension().and_then(|ending| ending.to_str());
    !hidden && ending.is_some_and(|ending| ENDINGS.contains(&ending)) && path.is_file()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn document(name: &str) -> String {
        format!("apiVersion: pod-hardener.dev/v1alpha1\nkind: HardeningPolicy\nmetadata: {{name: {name}}}\n")
    }

    fn names(path: &Path) -> Result<Vec<String>, String> {
        let policies =
            Texts::read(path).and_then(|texts| texts.parse()).map_err(|error| error.to_string())?;
        Ok(policies.into_iter().map(|policy| policy.name).collect())
    }

    #[test]
    fn a_folder_as_the_kubelet_mounts_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("..2027");
        fs::create_dir(&data).expect("a folder");
        for (file, text) in [
            ("b.yaml", document("b")),
            ("a.yml", document("a")),
            ("schema.json", "{}".to_owned()),
            ("README.md", "no policy".to_owned()),
        ] {
            fs::write(data.join(file), text).expect("a file");
            symlink(Path::new("..data").join(file), folder.path().join(file)).expect("a link");
        }
        symlink("..2027", folder.path().join("..data")).expect("a link");
        fs::create_dir(folder.path().join("deeper.yaml")).expect("a folder");
        assert_eq!(names(folder.path()).expect("valid"), ["a", "b"]);
    }

    #[test]
    fn what_is_for_everything_hides_nothing_that_selects() {
        let policies = |names: &[&str]| {
            let policy = |name: &&str| {
                // In capitals: it selects.
                let selects = name.chars().all(char::is_uppercase);
                let spec = if selects { "spec: {selector: {namespaces: [x]}}\n" } else { "" };
                parse("p", &(document(&name.to_lowercase()) + spec)).expect("valid").remove(0)
            };
            names.iter().map(policy).collect::<Vec<_>>()
        };
        let order = |cluster: &[&str], named: &[&str]| {
            let all = together(policies(cluster), policies(named));
            all.iter().map(|policy| policy.name.as_str()).collect::<String>()
        };
        assert_eq!(order(&["c", "B", "a", "D"], &["Z", "y", "X"]), "bdzacyx");
        assert_eq!(order(&["Y"], &["Z", "y"]), "yz");
        assert_eq!(order(&[], &["y", "Z"]), "yz");
        assert_eq!(order(&["a"], &["restricted"]), "arestricted");
    }

    #[test]
    fn what_is_wrong_with_a_folder_names_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(names(folder.path()).expect_err("empty").contains("holds no HardeningPolicy"));
        fs::write(folder.path().join("a.yaml"), document("same")).expect("a file");
        fs::write(folder.path().join("b.yml"), document("same")).expect("a file");
        let error = names(folder.path()).expect_err("twice");
        assert!(error.contains("b.yml: policy \"same\" is there twice"), "{error}");
        fs::write(folder.path().join("b.yml"), document("other") + "spec: {presett: safe}\n")
            .expect("a file");
        let error = names(folder.path()).expect_err("a wrong key");
        assert!(error.contains("b.yml:4:") && error.contains("did you mean `preset`?"), "{error}");
    }
}
