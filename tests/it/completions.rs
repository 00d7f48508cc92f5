//! `ferry completions`, asked by a real shell.

use std::process::Command;

use crate::program::ferry;

#[test]
fn a_shell_completes_commands_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = ferry(folder.path()).args(["completions", "bash"]).output().unwrap();
    assert_eq!(script.status.code(), Some(0));
    std::fs::write(folder.path().join("ferry.bash"), &script.stdout).unwrap();
    for (words, expected) in
        [("ferry gra", "graph"), ("ferry graph --format m", "mermaid"), ("ferry fmt --ch", "--check")]
    {
        let last = words.split(' ').count() - 1;
        let typed = format!(
            "source ferry.bash; COMP_WORDS=({words}); COMP_CWORD={last}; _ferry ferry \"${{COMP_WORDS[{last}]}}\" \
             \"${{COMP_WORDS[{}]}}\"; echo \"${{COMPREPLY[@]}}\"",
            last - 1
        );
        let output = Command::new("bash").args(["-c", &typed]).current_dir(folder.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words}");
    }
    let unknown = ferry(folder.path()).args(["completions", "tcsh"]).output().unwrap();
    assert!(
        unknown.status.code() == Some(2) && String::from_utf8_lossy(&unknown.stderr).contains("possible values: bash")
    );
}
