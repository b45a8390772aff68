//! The table `xl list -v` prints. Pure.

/// A domain as xl shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name; not ours alone to choose, so it may hold anything.
    pub name: String,
    /// Number.
    pub domid: u32,
    /// MiB of memory.
    pub memory: i64,
    /// It has used next to no processor time.
    pub unused: bool,
    /// uuid.
    pub uuid: String,
    /// It is stopped for the moment.
    pub paused: bool,
    /// It has ended and still occupies its place.
    pub shut_down: bool,
    /// It is being taken apart.
    pub dying: bool,
    /// Why it ended: 0 poweroff, 1 reboot, 2 suspend, 3 crash, 4 watchdog, 5 soft reset.
    pub reason: Option<u32>,
}

/// A uuid as xl writes it.
fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The rows of the table, the control domain's left out. A name may hold blanks, so a line is read from its uuid.
pub fn rows(text: &str) -> Vec<Row> {
    text.lines().filter_map(row).filter(|row| row.domid != 0).collect()
}

/// MiB of memory the control domain has.
pub fn control_domain_memory(text: &str) -> i64 {
    text.lines().filter_map(row).find(|row| row.domid == 0).map_or(0, |row| row.memory)
}

fn row(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    // From the right: a name could look like a uuid too.
    let at = words.iter().rposition(|word| is_uuid(word))?;
    let before = |back: usize| at.checked_sub(back).and_then(|at| words.get(at)).copied();
    let (state, memory, domid) = (before(2)?, before(4)?.parse().ok()?, before(5)?.parse().ok()?);
    let flag = |position: usize, letter: char| state.chars().nth(position) == Some(letter);
    Some(Row {
        name: words[..at.checked_sub(5)?].join(" "),
        domid,
        memory,
        unused: before(1) == Some("0.0"),
        uuid: words[at].to_string(),
        paused: flag(2, 'p'),
        shut_down: flag(3, 's'),
        dying: flag(5, 'd'),
        reason: words.get(at + 1).and_then(|word| word.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Xen 4.20, the third name made up.
    const LIST: &str = "\
Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                            Reason-Code\tSecurity Label
Domain-0                                     0   768     1     r-----     205.4 00000000-0000-0000-0000-000000000000        -                -
p                                            3    96     1     -b----     122.8 dace27fd-cf88-4d2f-99ae-ea608b152bd3        -                -
fw                                           6    64     1     --psr-       9.0 a3fff2a8-6784-4c7f-9166-db61f0da3f49        1                -
my  own 7 guest                             11   128     2     ---sc-       9.0 b3fff2a8-6784-4c7f-9166-db61f0da3f49        3                -
";

    #[test]
    fn recorded_tables_are_read() {
        let rows = rows(LIST);
        assert_eq!(rows.iter().map(|row| row.domid).collect::<Vec<_>>(), [3, 6, 11]);
        assert_eq!(
            (rows[0].memory, rows[0].paused, rows[0].shut_down, rows[0].reason),
            (96, false, false, None)
        );
        assert_eq!((rows[1].paused, rows[1].shut_down, rows[1].reason), (true, true, Some(1)));
        assert!(rows.iter().all(|row| !row.unused));
        assert_eq!((rows[2].name.as_str(), rows[2].reason), ("my own 7 guest", Some(3)));
    }

    #[test]
    fn one_that_never_ran_is_known() {
        let list = "n  4  96  1  --p---  0.0 dace27fd-cf88-4d2f-99ae-ea608b152bd3  -  -\n";
        assert!(rows(list)[0].unused && rows(list)[0].paused);
    }

    #[test]
    fn what_is_no_row_is_left_out() {
        assert!(rows("").is_empty());
        assert!(rows("a3fff2a8-6784-4c7f-9166-db61f0da3f49\nError: x\n\u{0}").is_empty());
    }
}
