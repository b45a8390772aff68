//! Commands in the pages of the guide: the lines of their shell blocks, and words in running text that begin with a
//! program.

use std::path::PathBuf;

const PROGRAMS: &[&str] = &[
    "bootctl",
    "infect",
    "journalctl",
    "nix",
    "systemctl",
    "touch",
    "xapi",
    "xe",
    "xennix-boot",
    "xennix-reconcile",
];

fn begins_with_a_program(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    // A program alone is only named.
    words.next().is_some() && (PROGRAMS.contains(&first) || first.starts_with("nixos-"))
}

/// (page, command), page by page and in order.
pub fn commands() -> Vec<(String, String)> {
    let guide = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/nixos/guide");
    let mut pages: Vec<PathBuf> = std::fs::read_dir(guide).unwrap().map(|one| one.unwrap().path()).collect();
    pages.sort();
    let mut found: Vec<(String, String)> = Vec::new();
    for path in pages {
        let page = path.file_stem().unwrap().to_str().unwrap().to_string();
        for command in of(&std::fs::read_to_string(&path).unwrap()) {
            let one = (page.clone(), command);
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

fn of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    let mut prose = String::new();
    for line in text.lines() {
        match (line.strip_prefix("```"), &block) {
            (Some(kind), None) => {
                found.extend(spans(&std::mem::take(&mut prose)));
                block = Some(kind.trim().to_string());
            }
            (Some(_), Some(_)) => block = None,
            (None, Some(kind)) if kind == "sh" && !line.trim().is_empty() => found.push(line.trim().into()),
            (None, Some(_)) => {}
            (None, None) => prose.push_str(&format!("{line}\n")),
        }
    }
    found.extend(spans(&prose));
    found
}

/// Commands between single backquotes; a line may end inside.
fn spans(prose: &str) -> Vec<String> {
    let between = prose.split('`').skip(1).step_by(2);
    let words = between.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    words.filter(|text| begins_with_a_program(text)).collect()
}

#[test]
fn commands_are_found_in_blocks_and_in_text() {
    let text = "Say `xe vm-list\nuuid=1` or `xe`:\n\n```nix check\n{ nix = 1; }\n```\n\n```sh\ninfect a\n\nb c\n```\n`nixos-x y`\n";
    assert_eq!(of(text), ["xe vm-list uuid=1", "infect a", "b c", "nixos-x y"]);
}
