//! [`Writer`]: the file as the original lays it out: one line, a fixed order of columns.

use std::io::{self, Write};

use crate::{
    Manifest, Row,
    escape::{protect, storable, to_attribute},
};

/// Writes a file from its start to its end. Order of tables and rows is the caller's: the original has tables
/// and rows in byte order of their names and references.
pub struct Writer<W: Write> {
    out: W,
    /// Name of the table that was begun, and whether it has rows yet.
    table: Option<(String, bool)>,
}

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Those of the output.
    pub fn new(mut out: W, manifest: &Manifest) -> io::Result<Writer<W>> {
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<database><manifest>")?;
        let known = [
            ("schema_major_vsn", manifest.schema_major.to_string()),
            ("schema_minor_vsn", manifest.schema_minor.to_string()),
            ("generation_count", manifest.generation.to_string()),
        ];
        let other = manifest.other.iter().map(|(key, value)| (key.as_str(), value.clone()));
        for (key, value) in known.into_iter().chain(other) {
            write!(out, "<pair key=\"{}\" value=\"{}\"/>", to_attribute(key), to_attribute(&value))?;
        }
        out.write_all(b"</manifest>")?;
        Ok(Writer { out, table: None })
    }

    /// Begins a table.
    ///
    /// # Errors
    /// Those of the output.
    pub fn table(&mut self, name: &str) -> io::Result<()> {
        self.end_table()?;
        write!(self.out, "<table name=\"{}\"", to_attribute(name))?;
        self.table = Some((name.to_string(), false));
        Ok(())
    }

    /// Writes a row of the table that was begun last.
    ///
    /// # Errors
    /// Those of the output; a row outside a table.
    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        match &mut self.table {
            Some((_, true)) => {}
            Some((_, rows @ false)) => {
                *rows = true;
                self.out.write_all(b">")?;
            }
            None => return Err(io::Error::other("a row outside a table")),
        }
        let reference = protect(&row.reference);
        let reference = to_attribute(&reference);
        write!(
            self.out,
            "<row ref=\"{reference}\" __ctime=\"{}\" __mtime=\"{}\"",
            row.created, row.modified
        )?;
        let mut columns: Vec<(&str, &str)> =
            row.columns.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        columns.push(("_ref", &row.reference));
        columns.sort_unstable();
        for (name, text) in columns {
            let text = protect(storable(text));
            write!(self.out, " {name}=\"{}\"", to_attribute(&text))?;
        }
        self.out.write_all(b"/>")
    }

    fn end_table(&mut self) -> io::Result<()> {
        match self.table.take() {
            Some((_, true)) => self.out.write_all(b"</table>"),
            Some((_, false)) => self.out.write_all(b"/>"),
            None => Ok(()),
        }
    }

    /// Ends the file and hands the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_table()?;
        self.out.write_all(b"</database>")?;
        self.out.flush()?;
        Ok(self.out)
    }
}
