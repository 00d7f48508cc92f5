//! Files of an SFTP server as a pipeline sees them, against OpenSSH.

use std::{
    net::{TcpListener, TcpStream},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::system::System;

/// How often a server that starts is asked whether it listens.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 500;

/// A server of our own, which is killed when this goes.
struct Server {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        ["host", "user", "other"].iter().for_each(|name| key(&at(name)));
        std::fs::create_dir_all(at("files/in")).unwrap();
        std::fs::copy(at("user.pub"), at("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nSubsystem sftp internal-sftp\n",
            at("host").display(),
            at("authorized").display()
        );
        std::fs::write(at("config"), settings).unwrap();
        // A server of root wants this folder, which only a service makes.
        let _ = std::fs::create_dir_all("/run/sshd");
        let program = ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|program| Path::new(program).exists());
        let program = program.expect("`sshd` is not installed: apt-get install openssh-server");
        let log = std::fs::File::create(at("log")).unwrap();
        let mut command = Command::new(program);
        let child = command
            .args(["-D", "-e", "-f"])
            .arg(at("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { folder, port, child };
        for _ in 0..LOOKS_MAX {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("sshd does not start: {}", server.text("log"));
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    /// The folder `files` as the one user, with the keys in these files.
    fn system(&self, host_key: &str, user_key: &str) -> System {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let (user, port) = (String::from_utf8(user).unwrap(), self.port.to_string());
        let (folder, host_key, user_key) = (self.at("files"), self.text(host_key), self.text(user_key));
        let fields = [
            ("host", "127.0.0.1"),
            ("port", &port),
            ("folder", folder.to_str().unwrap()),
            ("user", user.trim()),
            ("host_key", &host_key),
            ("private_key", &user_key),
        ];
        System::new("sftp", "server", &fields)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn key(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status().unwrap();
    assert!(made.success());
}

#[tokio::test]
async fn files_of_a_server_are_written_whole_read_listed_and_moved() {
    let server = Server::start();
    let system = server.system("host.pub", "user");
    let table = |amount: u32| json!({ "path": "in/a.csv", "columns": ["id", "amount"], "rows": [{ "id": "I-1", "amount": amount }] });
    assert_eq!(system.said("write_csv", table(7)).await, r#"{"path":"in/a.csv","bytes":16}"#);
    assert_eq!(system.said("write_csv", table(8)).await, r#"{"path":"in/a.csv","bytes":16}"#, "it is replaced");
    let read = system.said("read_csv", json!({ "path": "in/a.csv" })).await;
    assert_eq!(read, r#"{"columns":["id","amount"],"rows":[{"id":"I-1","amount":"8"}]}"#);
    std::fs::write(server.at("files/in/b.xml"), crate::file::STATEMENT).unwrap();
    let camt = system.call("read_camt", json!({ "path": "in/b.xml" })).await.unwrap();
    assert_eq!(camt["entries"][0]["amount"].to_string(), "1250.10");
    let listed = system.call("list", json!({ "folder": "in" })).await.unwrap();
    let mut names: Vec<&str> =
        listed["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["in/a.csv", "in/b.xml"], "nothing is left beside them");
    let moved = json!({ "path": "in/a.csv", "to": "a.csv" });
    for _ in 0..2 {
        assert_eq!(system.said("move", moved.clone()).await, r#"{"path":"a.csv"}"#);
    }
    assert_eq!(system.said("write_csv", table(9)).await, r#"{"path":"in/a.csv","bytes":16}"#);
    assert_eq!(system.said("move", moved).await, "conflict: `a.csv` is there already");
    system.close();
    assert!(system.call("write_csv", table(10)).await.unwrap_err().is_untried);
    assert_eq!(server.text("files/in/a.csv"), "id,amount\nI-1,9\n");
    let hidden = std::fs::read_dir(server.at("files/in")).unwrap().count();
    assert_eq!(hidden, 2, "what did not take its place is removed");
}

#[tokio::test]
async fn no_path_leaves_the_folder_of_a_server() {
    let server = Server::start();
    std::fs::write(server.at("secret.csv"), "a\n1\n").unwrap();
    symlink(server.at("secret.csv"), server.at("files/link.csv")).unwrap();
    symlink(server.folder.path(), server.at("files/up")).unwrap();
    let system = server.system("host.pub", "user");
    for path in ["../secret.csv", "link.csv", "up/secret.csv", "/etc/passwd"] {
        let read = system.call("read_csv", json!({ "path": path })).await;
        assert!(read.is_err(), "{path}: {read:?}");
        let _ = system.call("write_csv", json!({ "path": path, "columns": ["b"], "rows": [] })).await;
        assert_eq!(server.text("secret.csv"), "a\n1\n", "{path}");
    }
    for (action, input, expected) in [
        ("read_csv", json!({ "path": "none.csv" }), "not_found: there is no file `none.csv`"),
        ("read_csv", json!({ "path": "in" }), "rejected: `in` is no file"),
        ("list", json!({ "folder": "none" }), "config: the folder `none` cannot be opened: No such file"),
        (
            "write_csv",
            json!({ "path": "none/a", "columns": [], "rows": [] }),
            "config: the folder `none` cannot be opened",
        ),
    ] {
        let said = system.said(action, input).await;
        assert!(said.starts_with(expected), "{action}: {said}");
    }
}

#[tokio::test]
async fn a_server_and_a_user_are_known_by_their_keys() {
    let mut server = Server::start();
    let other_host = server.system("other.pub", "user").said("list", json!({})).await;
    assert!(other_host.starts_with("config: the server shows another key than `host_key`"), "{other_host}");
    let other_user = server.system("host.pub", "other").said("list", json!({})).await;
    assert!(other_user.starts_with("auth: the SFTP server does not take the login"), "{other_user}");
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let nobody = server.system("host.pub", "user").said("list", json!({})).await;
    assert!(nobody.starts_with("unavailable: the SFTP server cannot be reached"), "{nobody}");
}
