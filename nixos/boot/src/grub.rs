//! Entries in the configuration of a foreign GRUB: one marked part of its file, everything else stays as it is to the
//! byte. The default changes only by [`crate::loader::Grub`].

use crate::bootspec::Generation;

const BEGIN: &str = "### xennix: begin, written by xennix-boot ###\n";
const END: &str = "### xennix: end ###\n";
/// Variable with the entry of every start.
pub const DEFAULT: &str = "xennix_default";
/// Variable with the entry of the next start only.
pub const NEXT: &str = "xennix_next";

/// The part: an entry for each generation, and the choice between them. Last in the file, so that it has the last
/// word; without variables of ours the choice of the rest stands.
pub fn part(generations: &[Generation], root_uuid: &str) -> String {
    let mut text = String::from(BEGIN);
    for one in generations {
        text.push_str(&entry(one, root_uuid));
    }
    // The variable of one start is forgotten before that start: whatever happens then, the one after is the default's.
    text.push_str(&format!(
        "if [ -s $prefix/grubenv ]; then\n  load_env {DEFAULT} {NEXT}\nfi\n\
         if [ \"${{{NEXT}}}\" ]; then\n  set default=\"${{{NEXT}}}\"\n  set {NEXT}=\n  save_env {NEXT}\n\
         elif [ \"${{{DEFAULT}}}\" ]; then\n  set default=\"${{{DEFAULT}}}\"\nfi\n"
    ));
    text.push_str(END);
    text
}

fn entry(one: &Generation, root_uuid: &str) -> String {
    let system = &one.system;
    let params = |list: &[String]| list.iter().map(|word| format!(" {}", quoted(word))).collect::<String>();
    let command = format!(" {}{}", quoted(&format!("init={}", system.init)), params(&system.kernel_params));
    let title = quoted(&format!("NixOS {} (generation {})", system.label, one.number));
    let mut text = format!(
        "menuentry {title} --id {} {{\n  search --no-floppy --fs-uuid --set=root {root_uuid}\n",
        one.id()
    );
    match &one.xen {
        Some(xen) => {
            text.push_str(&format!("  multiboot2 {}{}\n", quoted(&xen.multiboot_path), params(&xen.params)));
            text.push_str(&format!("  module2 {}{command}\n", quoted(&system.kernel)));
            if let Some(initrd) = &system.initrd {
                text.push_str(&format!("  module2 {}\n", quoted(initrd)));
            }
        }
        None => {
            text.push_str(&format!("  linux {}{command}\n", quoted(&system.kernel)));
            if let Some(initrd) = &system.initrd {
                text.push_str(&format!("  initrd {}\n", quoted(initrd)));
            }
        }
    }
    text.push_str("}\n");
    text
}

/// As one word of GRUB's language, whatever is in it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.=,:+%@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', "'\\''").replace('\n', " "))
}

/// A configuration with the part in it, in place of an older one.
pub fn with_part(configuration: &str, part: &str) -> String {
    let without = without_part(configuration);
    let gap = if without.is_empty() || without.ends_with('\n') { "" } else { "\n" };
    format!("{without}{gap}{part}")
}

/// A configuration without the part.
pub fn without_part(configuration: &str) -> String {
    match (configuration.find(BEGIN), configuration.find(END)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{}", &configuration[..from], &configuration[to + END.len()..])
        }
        // The end is missing: what follows is ours or nobody's.
        (Some(from), _) => configuration[..from].to_string(),
        _ => configuration.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootspec::{System, Xen};

    fn generation(number: u64, xen: bool) -> Generation {
        Generation {
            number,
            system: System {
                init: "/nix/store/a-system/init".into(),
                initrd: Some("/nix/store/a-initrd/initrd".into()),
                kernel: "/nix/store/a-kernel/bzImage".into(),
                kernel_params: vec!["console=hvc0".into(), "it's=$(x)".into()],
                label: "26.05".into(),
            },
            xen: xen.then(|| Xen {
                multiboot_path: "/nix/store/a-xen/boot/xen".into(),
                params: vec!["dom0_mem=1G+10%,max:8G".into()],
            }),
            toplevel: "/nix/store/a-system".into(),
        }
    }

    #[test]
    fn the_rest_of_the_file_stays_to_the_byte() {
        let foreign = "set default=0\nmenuentry 'XCP-ng' { true }";
        let once = with_part(foreign, &part(&[generation(1, true)], "uuid"));
        let twice = with_part(&once, &part(&[generation(2, true), generation(1, true)], "uuid"));
        assert!(twice.starts_with(foreign) && twice.contains("--id xennix-2"));
        assert_eq!(twice.matches(BEGIN).count(), 1);
        assert_eq!(without_part(&twice), format!("{foreign}\n"));
        assert_eq!(without_part(foreign), foreign);
    }

    #[test]
    fn xen_comes_first_and_nothing_is_expanded() {
        let text = part(&[generation(3, true)], "2f1d");
        let line =
            |start: &str| text.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default();
        assert_eq!(line("multiboot2"), "  multiboot2 /nix/store/a-xen/boot/xen dom0_mem=1G+10%,max:8G");
        assert!(
            line("module2").contains("init=/nix/store/a-system/init console=hvc0 'it'\\''s=$(x)'"),
            "{text}"
        );
        let bare = part(&[generation(3, false)], "2f1d");
        assert!(bare.contains("  linux /nix/store/a-kernel/bzImage") && !bare.contains("multiboot2"));
    }
}
