//! Layout of what a command prints: tables, and the one line of `--minimal`.

/// One record as label and value pairs.
pub type Pairs = Vec<(String, String)>;

/// The text of one record: labels aligned, then an empty line.
pub fn table(pairs: &[(String, String)]) -> String {
    let longest = pairs.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    let width = longest + 4;
    let lines: Vec<String> = pairs
        .iter()
        .enumerate()
        .map(|(at, (label, value))| match at {
            0 => format!("{label:<width$}: {value}"),
            _ => format!("{label:>width$}: {value}"),
        })
        .collect();
    format!("{}\n\n", lines.join("\n"))
}

/// A value inside the line of `--minimal`.
pub fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_label_left_others_right() {
        let pairs: Pairs =
            [("uuid ( RO)", "1"), ("name-label ( RW)", "x")].map(|(a, b)| (a.into(), b.into())).into();
        assert_eq!(table(&pairs), "uuid ( RO)          : 1\n    name-label ( RW): x\n\n");
        assert_eq!(table(&[]), "\n\n");
    }

    #[test]
    fn separators_are_escaped() {
        assert_eq!(escape("a, b\\"), "a\\, b\\\\");
    }
}
