//! Unix sockets: files that a broker makes, may find left over, and removes.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process;

use socket2::{Domain, SockAddr, Socket, Type};

use super::BACKLOG;

/// The file of a listening socket, removed with the value.
#[derive(Debug)]
pub(in crate::net) struct SocketFile {
    path: PathBuf,
    /// Which file it was: another one at the same path is somebody else's.
    identity: (u64, u64),
}

/// Opens a listening socket at `path`. One that is left over from a program that has ended is replaced.
///
/// The socket is made beside its place and moved there when it is ready, so whoever can see it has the permission and
/// finds somebody listening.
pub(super) fn bind(path: &Path, permissions: u32) -> io::Result<(UnixListener, SocketFile)> {
    refuse_occupied(path)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", process::id()));
    let beside = PathBuf::from(beside);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // what a crash between two lines below has left
    let _ = fs::remove_file(&beside);
    socket.bind(&SockAddr::unix(&beside)?)?;
    let made = || -> io::Result<(u64, u64)> {
        fs::set_permissions(&beside, Permissions::from_mode(permissions))?;
        socket.listen(BACKLOG)?;
        let identity = identity(&beside)?;
        fs::rename(&beside, path)?;
        Ok(identity)
    }();
    match made {
        Ok(identity) => Ok((socket.into(), SocketFile { path: path.to_owned(), identity })),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(error)
        }
    }
}

/// Refuses a path where somebody listens, or where something else is than a socket.
fn refuse_occupied(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"))
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            // gone meanwhile
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // nobody is left to be told
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own for one test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("mqtt-{name}-{}", process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_socket_has_its_permissions_and_is_gone_with_its_value() {
        let directory = Directory::new("permissions");
        let path = directory.0.join("socket");
        for mode in [0o600, 0o666] {
            let (_listener, file) = bind(&path, mode).expect("a free path");
            assert_eq!(fs::symlink_metadata(&path).expect("there").mode() & 0o777, mode);
            assert!(UnixStream::connect(&path).is_ok());
            assert_eq!(fs::read_dir(&directory.0).expect("there").count(), 1);
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_socket_that_is_left_over_is_replaced_but_not_one_that_is_used() {
        let directory = Directory::new("left-over");
        let path = directory.0.join("socket");
        drop(UnixListener::bind(&path).expect("a free path"));
        assert!(path.exists());
        let (listener, file) = bind(&path, 0o600).expect("nobody listens");
        let error = bind(&path, 0o600).expect_err("somebody listens");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(UnixStream::connect(&path).is_ok());
        drop(listener);
        let (_other, _file) = bind(&path, 0o600).expect("nobody listens any more");
        drop(file);
        assert!(path.exists(), "the socket of another is not removed");
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let directory = Directory::new("file");
        let path = directory.0.join("socket");
        fs::write(&path, "precious").expect("written");
        assert_eq!(bind(&path, 0o600).expect_err("a file").kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("there"), "precious");
        let error = bind(&directory.0.join("no/socket"), 0o600).expect_err("no directory");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
