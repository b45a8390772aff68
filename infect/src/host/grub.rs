//! `grub.cfg` of either firmware: which entry starts, and with which arguments. Lines nobody needs are passed over;
//! what the old system generates is all understood.

use super::malformed::{Malformed, Result, text};
use serde::Serialize;

/// Where it is on BIOS hosts.
pub const BIOS: &str = "/boot/grub/grub.cfg";
/// Where it is on UEFI hosts.
pub const UEFI: &str = "/boot/efi/EFI/xenserver/grub.cfg";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Grub {
    /// Entry that starts by itself: a number or a title.
    pub default: Option<String>,
    /// Seconds it waits.
    pub timeout: Option<i64>,
    /// Arguments of `serial`.
    pub serial: Option<String>,
    /// Entries in order.
    pub entries: Vec<Entry>,
}

/// A menu entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its title.
    pub title: String,
    /// Label by which root is found.
    pub label: Option<String>,
    /// Hypervisor's file and arguments.
    pub xen: Vec<String>,
    /// Kernel's file and arguments.
    pub kernel: Vec<String>,
    /// Initrd's file.
    pub initrd: Option<String>,
}

impl Grub {
    /// The entry that starts by itself.
    pub fn default_entry(&self) -> Option<&Entry> {
        let wanted = self.default.as_deref().unwrap_or("0");
        match wanted.parse::<usize>() {
            Ok(number) => self.entries.get(number),
            Err(_) => self.entries.iter().find(|entry| entry.title == wanted),
        }
        .or_else(|| self.entries.first())
    }
}

/// Value of `name=value` among arguments; the last wins.
pub fn argument<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    arguments.iter().rev().find_map(|one| one.strip_prefix(name)?.strip_prefix('='))
}

/// Reads it.
///
/// # Errors
/// A quote or an entry that does not end.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Grub> {
    let mut out = Grub::default();
    let mut open: Option<(Entry, usize, usize)> = None;
    let mut depth = 0;
    for (index, line) in text(file, bytes)?.lines().enumerate() {
        let number = index + 1;
        let words = words(file, number, line)?;
        let Some(first) = words.first() else { continue };
        match first.as_str() {
            "menuentry" => {
                if open.is_some() {
                    return Err(Malformed::at(file, number, "`}` before the next menuentry", line));
                }
                let Some(title) = words.get(1).filter(|title| *title != "{") else {
                    return Err(Malformed::at(file, number, "menuentry 'title' {", line));
                };
                open = Some((Entry { title: title.clone(), ..Entry::default() }, depth, number));
            }
            "set" => {
                for assignment in &words[1..] {
                    match assignment.split_once('=') {
                        Some(("default", value)) if open.is_none() => out.default = Some(value.to_owned()),
                        Some(("timeout", value)) if open.is_none() => {
                            out.timeout = Some(
                                value
                                    .parse()
                                    .map_err(|_| Malformed::at(file, number, "set timeout=SECONDS", line))?,
                            );
                        }
                        _ => {}
                    }
                }
            }
            "serial" => out.serial = Some(words[1..].join(" ")),
            command => {
                if let Some((entry, ..)) = &mut open {
                    entry_line(entry, command, &words);
                }
            }
        }
        for word in &words {
            match word.as_str() {
                "{" => depth += 1,
                "}" => {
                    if depth == 0 {
                        return Err(Malformed::at(file, number, "a block before `}`", line));
                    }
                    depth -= 1;
                }
                _ => {}
            }
        }
        if let Some((_, outer, started)) = &open
            && depth <= *outer
            && number > *started
        {
            out.entries.extend(open.take().map(|(entry, ..)| entry));
        }
    }
    match open {
        Some((entry, _, started)) => Err(Malformed::at(file, started, "`}` after this entry", &entry.title)),
        None => Ok(out),
    }
}

fn entry_line(entry: &mut Entry, command: &str, words: &[String]) {
    let rest = || words[1..].to_vec();
    match command {
        "search" => {
            let label = words.windows(2).find_map(|pair| (pair[0] == "--label").then(|| pair[1].clone()));
            // `--label --set root NAME`: the name comes last.
            entry.label = match label {
                Some(next) if !next.starts_with("--") => Some(next),
                Some(_) => words.last().cloned(),
                None => entry.label.take(),
            };
        }
        "multiboot" | "multiboot2" | "xen_hypervisor" => entry.xen = rest(),
        "module" | "module2" | "xen_module" => {
            if entry.kernel.is_empty() {
                entry.kernel = rest();
            } else if entry.initrd.is_none() {
                entry.initrd = words.iter().skip(1).find(|word| !word.starts_with("--")).cloned();
            }
        }
        _ => {}
    }
}

/// Words of a line, quotes taken off; a comment ends it.
fn words(file: &str, number: usize, line: &str) -> Result<Vec<String>> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let into = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        None => {
                            return Err(Malformed::at(file, number, format!("a closing {c}"), line.trim()));
                        }
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => into.extend(chars.next()),
                        Some(other) => into.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '#' if word.is_none() => break,
            c if c.is_whitespace() || c == ';' => out.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    out.extend(word);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "serial --unit=0 --speed=115200\nset default=1\nset timeout=5\nif [ x ]; then\n  true\nfi\n\
        menuentry 'A' {\n\tsearch --label --set root root-abc\n\tmultiboot2 /boot/xen.gz dom0_mem=1024M,max:1024M\n\
        \tmodule2 /boot/vmlinuz root=LABEL=root-abc ro\n\tmodule2 /boot/initrd.img\n}\n\
        menuentry \"B \\\"two\\\"\" --class x {\n\tif [ y ] {\n\t}\n\txen_hypervisor /boot/xen.efi iommu=1\n}\n";

    #[test]
    fn entries_and_default() {
        let read = parse("f", TWO.as_bytes()).unwrap();
        assert_eq!(read.entries.len(), 2);
        assert_eq!(read.timeout, Some(5));
        assert_eq!(read.serial.as_deref(), Some("--unit=0 --speed=115200"));
        let a = &read.entries[0];
        assert_eq!((a.label.as_deref(), a.initrd.as_deref()), (Some("root-abc"), Some("/boot/initrd.img")));
        assert_eq!(argument(&a.xen, "dom0_mem"), Some("1024M,max:1024M"));
        assert_eq!(argument(&a.kernel, "root"), Some("LABEL=root-abc"));
        let b = read.default_entry().unwrap();
        assert_eq!((b.title.as_str(), b.xen[0].as_str()), ("B \"two\"", "/boot/xen.efi"));
    }

    #[test]
    fn unfinished_things_have_a_line() {
        assert_eq!(parse("f", b"\nmenuentry 'A' {\n x\n").unwrap_err().line, 2);
        assert_eq!(parse("f", b"\n\nmenuentry 'A {\n").unwrap_err().line, 3);
        assert_eq!(parse("f", b"}\n").unwrap_err().line, 1);
        assert_eq!(parse("f", b"menuentry 'A' {\nmenuentry 'B' {\n").unwrap_err().line, 2);
        assert_eq!(parse("f", b"set timeout=soon\n").unwrap_err().line, 1);
    }
}
