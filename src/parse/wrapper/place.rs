//! What the path of a file says about where its lines come from.
//!
//! ```text
//! /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log[.20261120-112448[.gz]]     kubelet
//! /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log                                kubelet, a link to the former
//! /var/lib/docker/containers/ID/ID-json.log[.1]                                     docker
//! HOST/var/log/nginx/error.log                                                      copies of several machines
//! ```

/// What a path says; slices of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// The directory above `var/log` and its like, if it has a name of its own: the machine, as people who copy logs name it.
    pub host: Option<&'a str>,
    /// The directory the file lies in, if it has a name of its own. A guess: worth a host only if the sources of a run differ
    /// in it.
    pub directory: Option<&'a str>,
    pub namespace: Option<&'a str>,
    pub pod: Option<&'a str>,
    /// A container's name, or the first 12 digits of its id where docker knows no other.
    pub container: Option<&'a str>,
    /// How often the container had been restarted before these lines.
    pub n_restarts: Option<u32>,
}

/// Reads a path; `/` and `\` part its names.
pub fn place(path: &str) -> Place<'_> {
    let names: Vec<&str> = path
        .split(['/', '\\'])
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    let Some((&file, directories)) = names.split_last() else {
        return Place::default();
    };
    let (root, is_system) = match root_len(directories) {
        Some(len) => (&directories[..len], true),
        None => (directories, false),
    };
    let mut place = Place {
        host: root
            .last()
            .copied()
            .filter(|name| is_system && is_own(name)),
        directory: root
            .last()
            .copied()
            .filter(|name| !is_system && is_own(name)),
        ..Place::default()
    };
    read_container(file, directories, &mut place);
    if place.container.is_some() {
        place.directory = None;
    }
    place
}

/// How many of the directories stand before the ones that every system has.
fn root_len(directories: &[&str]) -> Option<usize> {
    let pairs: [[&str; 2]; 4] = [
        ["var", "log"],
        ["var", "lib"],
        ["usr", "local"],
        ["var", "www"],
    ];
    directories
        .windows(2)
        .position(|pair| pairs.iter().any(|known| known == pair))
}

/// Whether a directory has a name that somebody gave it: not one that every machine or every copy has.
fn is_own(name: &str) -> bool {
    const COMMON: &[&str] = &[
        "..",
        "access",
        "archive",
        "backup",
        "data",
        "domains",
        "downloads",
        "error",
        "home",
        "host",
        "log",
        "logs",
        "mnt",
        "nginx",
        "old",
        "opt",
        "private",
        "root",
        "rootfs",
        "srv",
        "tmp",
        "usr",
        "var",
        "www",
    ];
    !COMMON
        .iter()
        .any(|common| name.eq_ignore_ascii_case(common))
}

/// Facts of container logs.
fn read_container<'a>(file: &'a str, directories: &[&'a str], place: &mut Place<'a>) {
    match directories {
        [.., "pods", pod, container] => {
            let mut parts = pod.splitn(3, '_');
            if let (Some(namespace), Some(pod), Some(_uid)) =
                (parts.next(), parts.next(), parts.next())
            {
                place.namespace = Some(namespace);
                place.pod = Some(pod);
                place.container = Some(container);
                place.n_restarts = file
                    .split_once(".log")
                    .and_then(|(number, _)| number.parse().ok());
            }
        }
        [.., "containers", id] if is_id(id) && file.starts_with(id) => {
            place.container = Some(&id[..12])
        }
        [.., "containers"] => {
            let name = file
                .split_once(".log")
                .and_then(|(name, _)| name.rsplit_once('-'));
            let Some((name, _)) = name.filter(|(_, id)| is_id(id)) else {
                return;
            };
            let mut parts = name.splitn(3, '_');
            if let (Some(pod), Some(namespace), Some(container)) =
                (parts.next(), parts.next(), parts.next())
            {
                place.namespace = Some(namespace);
                place.pod = Some(pod);
                place.container = Some(container);
            }
        }
        _ => {}
    }
}

/// 64 hexadecimal digits.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn pods_and_containers() {
        for file in ["2.log", "2.log.20261120-112448", "2.log.20261119-231500.gz"] {
            let path = format!("node7/var/log/pods/shop_web-7c9d_5f0e/nginx/{file}");
            let want = Place {
                host: Some("node7"),
                namespace: Some("shop"),
                pod: Some("web-7c9d"),
                container: Some("nginx"),
                n_restarts: Some(2),
                ..Place::default()
            };
            assert_eq!(place(&path), want, "{path}");
        }
        let path = format!("/var/log/containers/web-7c9d_shop_nginx-{ID}.log");
        let got = place(&path);
        assert_eq!(
            (got.pod, got.namespace, got.container),
            (Some("web-7c9d"), Some("shop"), Some("nginx"))
        );
        let path = format!("/var/lib/docker/containers/{ID}/{ID}-json.log.1");
        assert_eq!(place(&path).container, Some("0123456789ab"));
        assert_eq!(place("/var/log/containers/notes.log"), Place::default());
        assert_eq!(place("/var/log/pods/odd/nginx/0.log").pod, None);
    }

    #[test]
    fn machines() {
        for (path, host, directory) in [
            ("web1/var/log/nginx/error.log", Some("web1"), None),
            (
                "/srv/case 7/edge-2/var/log/nginx/error.log.2.gz",
                Some("edge-2"),
                None,
            ),
            (
                "gw1/usr/local/openresty/nginx/logs/error.log",
                Some("gw1"),
                None,
            ),
            ("C:\\copies\\gw3\\error.log", None, Some("gw3")),
            ("./incident/web1/error.log", None, Some("web1")),
            ("/var/log/nginx/error.log", None, None),
            ("/tmp/var/log/nginx/error.log", None, None),
            ("logs/error.log", None, None),
            ("error.log", None, None),
            ("", None, None),
        ] {
            let got = place(path);
            assert_eq!((got.host, got.directory), (host, directory), "{path}");
        }
    }
}
