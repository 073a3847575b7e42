//! The configuration that a run rests on: the one that `--nginx-config` names, or one that lies among the logs.

use super::message::{Failure, say};
use crate::{
    config::{self, Config, File, Files},
    engine::{Scanned, SourceState},
    error::Error,
    input::{ConfTree, Found, Kind, Place, conf_tree::is_nginx_config_file, kind::is_config_dump},
    text,
};
use std::path::{Path, PathBuf};

/// Reads the configuration at `path`: an `nginx -T` dump, a main file, a directory, or `-`. Damage inside it is no failure.
pub fn read(path: &Path) -> Result<Config, Failure> {
    let tree = ConfTree::open(path)?;
    let main = tree.main().as_os_str().as_encoded_bytes().to_vec();
    let config = match config::read_dump(tree.main_bytes()) {
        Some(config) => config,
        None => config::read(&main, &mut OnDisk(tree)),
    };
    if !config.is_plausible() {
        return Err(Failure::Usage(format!(
            "--nginx-config {}: no directive of nginx in it; give an `nginx -T` dump, an nginx.conf or its directory",
            text::path_for_terminal(path)
        )));
    }
    Ok(config)
}

/// Files as the configuration names them, found on a disk.
struct OnDisk(ConfTree);

impl Files for OnDisk {
    fn file(&mut self, path: &[u8]) -> Result<Option<File>, String> {
        let found = self.0.file(path).map_err(|error| match &error {
            Error::Open { source, .. } | Error::Read { source, .. } => source.to_string(),
            _ => error.to_string(),
        })?;
        Ok(found.map(|(path, bytes)| File {
            name: path.into_os_string().into_encoded_bytes(),
            bytes: bytes.into(),
        }))
    }

    fn glob(&mut self, pattern: &[u8]) -> Vec<Vec<u8>> {
        let found = self.0.glob(pattern).into_iter();
        found
            .map(|path| path.into_os_string().into_encoded_bytes())
            .collect()
    }
}

/// Problems of a configuration that are said one by one.
const PROBLEMS_SAID: usize = 8;

/// Says what is wrong with the text of `config`.
pub fn tell_problems(config: &Config) {
    for problem in config.problems.iter().take(PROBLEMS_SAID) {
        say(
            "warning",
            &format!("nginx configuration: {}", config.describe(problem)),
        );
    }
    if let Some(n @ 1..) = config.problems.len().checked_sub(PROBLEMS_SAID) {
        say(
            "warning",
            &format!("nginx configuration: {n} more problems"),
        );
    }
}

/// Reads the configuration among the logs: a dump if there is one, else the only `nginx.conf`, else the only file of that kind. Where it
/// is not clear which, none is read, and that is said unless `is_quiet`.
pub fn read_among(found: &[Found], is_quiet: bool) -> Option<Config> {
    let files = found.iter().filter_map(|found| match &found.place {
        Place::File(path) => Some(path.as_path()),
        Place::Pipe(_) | Place::Stdin => None,
    });
    let files: Vec<&Path> = files.filter(|path| is_nginx_config_file(path)).collect();
    let dumps: Vec<&Path> = files.iter().copied().filter(|path| is_dump(path)).collect();
    let mains: Vec<&Path> = files
        .iter()
        .copied()
        .filter(|path| path.ends_with("nginx.conf"))
        .collect();
    let chosen = match (&dumps[..], &mains[..], &files[..]) {
        ([one], ..) | ([], [one], _) | ([], [], [one]) => *one,
        ([], [], []) => return None,
        _ => {
            if !is_quiet {
                let n = files.len();
                say(
                    "warning",
                    &format!(
                        "{n} files of nginx configurations lie among the logs: --nginx-config names the one to use"
                    ),
                );
            }
            return None;
        }
    };
    match read(chosen) {
        Ok(config) => Some(config),
        Err(failure) => {
            failure.report();
            None
        }
    }
}

/// Says that a configuration lies in an archive, where it is not read.
pub fn tell_packed(scanned: &Scanned) {
    let is_packed = |state: &SourceState| {
        state.kind == Kind::NginxConfig && (!state.decode.is_empty() || state.name.contains(&b'!'))
    };
    if scanned.sources.iter().any(is_packed) {
        say(
            "warning",
            "an nginx configuration inside an archive is not read: unpack it and name it with --nginx-config",
        );
    }
}

fn is_dump(path: &Path) -> bool {
    ConfTree::open(path).is_ok_and(|tree| is_config_dump(tree.main_bytes()))
}

/// The files of `config`, as far as they lie on this machine under these names.
pub fn paths(config: &Config) -> impl Iterator<Item = PathBuf> + '_ {
    let paths = config.files.iter();
    paths.map(|file| PathBuf::from(String::from_utf8_lossy(&file.path).into_owned()))
}
