use super::*;

#[test]
fn a_path_is_quoted_as_git_quotes_it() {
    for (path, quoted) in [
        ("/org/app.git", "'/org/app.git'"),
        ("/it's", "'/it'\\''s'"),
        ("/wow!", "'/wow'\\!''"),
        ("/$(reboot) `x` \"", "'/$(reboot) `x` \"'"),
    ] {
        assert_eq!(quote_path(path), quoted);
    }
}
