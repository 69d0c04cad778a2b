use super::*;

/// A key that `ssh-keygen` makes.
fn keygen(arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let mut command = std::process::Command::new("ssh-keygen");
    assert!(command.args(["-q", "-f"]).arg(&path).args(arguments).status().unwrap().success());
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn what_cannot_be_used_as_a_key_is_said_without_it() {
    // Its package brings `ssh-keygen`.
    let Some(_) = component::sshd("what_cannot_be_used_as_a_key") else { return };
    let good = keygen(&["-t", "ed25519", "-N", ""]);
    let cut = &good[..good.len() / 2];
    let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9pSyfxfPOgKRjKxXh6Rt9LhbVgOCfPo0ZM5LTdm5Wr me";
    let rsa = keygen(&["-t", "rsa", "-b", "2048", "-N", ""]);
    let rsa_pem = keygen(&["-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM"]);
    let sealed = keygen(&["-t", "ed25519", "-N", "hunter2"]);
    let sealed_pem = keygen(&["-t", "ecdsa", "-N", "hunter2", "-m", "PKCS8"]);
    let slow = keygen(&["-t", "ed25519", "-N", "hunter2", "-a", "257"]);
    for (text, passphrase, why) in [
        ("", None, "it is no private key"),
        ("hunter2", None, "it is no private key"),
        (cut, None, "it is damaged, or of a kind that is not supported"),
        (public, None, "it is a public key; the private one is wanted"),
        (rsa.as_str(), None, "RSA keys are not supported"),
        (rsa_pem.as_str(), None, "RSA keys are not supported"),
        (sealed.as_str(), None, "it has a passphrase; give that as `password`"),
        (sealed.as_str(), Some(""), "it has a passphrase; give that as `password`"),
        (sealed_pem.as_str(), Some("hunter2"), "only a key in OpenSSH's own format may have a passphrase"),
        (slow.as_str(), Some("hunter2"), "its passphrase takes 257 rounds; at most 256 are made"),
        (&"x".repeat(20_000), None, "it has 20000 bytes; at most 16384 are read"),
    ] {
        let error = Identity::parse(text, passphrase.map(str::to_owned)).err().unwrap();
        assert!(error.starts_with(why) && !error.contains("hunter2"), "{error}");
    }
    assert!(Identity::parse(&format!("\n{good}\n\n"), None).is_ok());
    assert!(Identity::parse(&good.replace('\n', "\r\n"), None).is_ok());
}
