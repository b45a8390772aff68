//! Which files the server may ask for. Pure.

use std::path::{Component, Path, PathBuf};

/// A path made absolute and free of `.` and `..`, without looking at the disk.
pub(super) fn absolute(directory: &Path, name: &str) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in directory.join(name).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// True when the user named this file as the value of some argument; `directory_too` also allows the
/// current directory, which an empty name stands for.
pub(super) fn permitted(directory: &Path, args: &[String], name: &str, directory_too: bool) -> bool {
    let wanted = absolute(directory, name);
    let named = args.iter().filter_map(|arg| arg.split_once('=')).map(|(_, value)| value);
    let mut allowed = named.map(|value| absolute(directory, value));
    allowed.any(|path| path == wanted) || (directory_too && wanted == absolute(directory, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_command_line() {
        let directory = Path::new("/home/me");
        let args = ["vm-export".to_owned(), "filename=../me/x.xva".into(), "vm=y".into()];
        assert!(permitted(directory, &args, "../me/x.xva", false));
        assert!(permitted(directory, &args, "/home/me/x.xva", false));
        assert!(!permitted(directory, &args, "x.xva2", false));
        assert!(!permitted(directory, &args, "/etc/passwd", false));
        assert!(!permitted(directory, &args, "", false));
        assert!(permitted(directory, &args, "", true));
    }
}
