//! The list of methods without code, kept in `docs/unimplemented.txt`, may only shrink.

#[test]
fn the_list_of_missing_methods_is_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/unimplemented.txt");
    let now = xapi_ops::unimplemented();
    if std::env::var_os("XENNIX_UNIMPLEMENTED_WRITE").is_some() {
        std::fs::write(path, now.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
    }
    let listed = std::fs::read_to_string(path).unwrap();
    let listed: Vec<&str> = listed.lines().collect();
    let grown: Vec<_> = now.iter().filter(|name| !listed.contains(*name)).collect();
    assert!(grown.is_empty(), "these methods lost their code: {grown:?}");
    let done: Vec<_> = listed.iter().filter(|name| !now.contains(*name)).collect();
    assert!(done.is_empty(), "these are done; take them off docs/unimplemented.txt: {done:?}");
}
