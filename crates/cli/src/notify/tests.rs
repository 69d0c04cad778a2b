use std::os::unix::net::UnixDatagram;

use super::send_to;

#[test]
fn a_manager_is_told_at_a_path_and_at_an_abstract_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let at_path = UnixDatagram::bind(&path).unwrap();
    let mut told = [0; 64];
    send_to(&path.clone().into_os_string(), "READY=1").unwrap();
    let length = at_path.recv(&mut told).unwrap();
    assert_eq!(&told[..length], b"READY=1");
    assert!(send_to(&dir.path().join("none").into_os_string(), "READY=1").is_err());

    #[cfg(target_os = "linux")]
    {
        let name = format!("kurator-test-{}", std::process::id());
        let abstracted = UnixDatagram::bind_addr(&super::abstract_address(name.as_bytes()).unwrap()).unwrap();
        send_to(&format!("@{name}").into(), "STOPPING=1").unwrap();
        let length = abstracted.recv(&mut told).unwrap();
        assert_eq!(&told[..length], b"STOPPING=1");
    }
}
