//! [`Reader`]: the file as a stream of events, in whatever order it has them.

use std::{
    borrow::Cow,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use quick_xml::events::{BytesStart, Event as Xml};

use crate::{
    Error, Place, Result,
    error::short,
    escape::{from_attribute, unprotect},
    input::Counted,
};

/// Oldest schema that is carried over (major is always 5): XCP-ng 8.2.
pub const SCHEMA_OLDEST: u64 = 601;
/// Newest schema known.
pub const SCHEMA_CURRENT: u64 = 909;

/// What the file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Always 5.
    pub schema_major: u64,
    /// Grows with the object model.
    pub schema_minor: u64,
    /// Number of the last change.
    pub generation: u64,
    /// Pairs with keys nobody knows.
    pub other: Vec<(String, String)>,
}

/// An object as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its reference.
    pub reference: String,
    /// Generation that made it.
    pub created: u64,
    /// Generation that changed it last.
    pub modified: u64,
    /// Columns and their texts, without `_ref`, in the file's order.
    pub columns: Vec<(String, String)>,
    /// Where it stands.
    pub place: Place,
}

impl Row {
    /// The text of a column.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, text)| text.as_str())
    }
}

/// What comes next in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// What the file says of itself; comes once, at any place.
    Manifest(Manifest),
    /// A table begins; rows up to the next one are its own.
    Table(String),
    /// A row of the table that began last.
    Row(Row),
}

/// Reads the file.
pub struct Reader<R: BufRead> {
    xml: quick_xml::Reader<Counted<R>>,
    buffer: Vec<u8>,
    state: State,
    manifest: Option<Manifest>,
    pairs: Vec<(String, String)>,
    /// Where the manifest began.
    began: Place,
    /// The element waiting for its end tag though it has no content.
    inside_leaf: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Database,
    Manifest,
    Table,
    After,
}

/// Opens a file, compressed or not.
///
/// # Errors
/// [`Error::Io`].
pub fn open(path: &Path) -> Result<Reader<Box<dyn BufRead>>> {
    let fail = |source| Error::Io { place: Place::default(), source };
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(fail)?);
    let compressed = file.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
    Ok(Reader::new(if compressed {
        let unpacked: Box<dyn Read> = Box::new(flate2::bufread::MultiGzDecoder::new(file));
        Box::new(BufReader::with_capacity(1 << 18, unpacked))
    } else {
        Box::new(file)
    }))
}

impl<R: BufRead> Reader<R> {
    /// Reads from the start of a file.
    pub fn new(input: R) -> Reader<R> {
        let mut xml = quick_xml::Reader::from_reader(Counted::new(input));
        let config = xml.config_mut();
        config.check_end_names = true;
        config.expand_empty_elements = false;
        Reader {
            xml,
            buffer: Vec::new(),
            state: State::Before,
            manifest: None,
            pairs: Vec::new(),
            began: Place::default(),
            inside_leaf: None,
        }
    }

    /// Where reading is.
    pub fn place(&self) -> Place {
        self.xml.get_ref().place()
    }

    /// What comes next; `None` after the end of a whole file.
    ///
    /// # Errors
    /// See [`Error`]. Nothing more can be read after one.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            let place = self.place();
            self.xml.get_mut().begin();
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            // A row of megabytes must not keep its room for ever.
            buffer.shrink_to(1 << 20);
            let read = self.xml.read_event_into(&mut buffer).map(Xml::into_owned);
            self.buffer = buffer;
            let event = match read {
                Ok(event) => event,
                Err(error) => return Err(self.fault(place, error)),
            };
            let found = match event {
                Xml::Start(tag) => self.element(&tag, place, false)?,
                Xml::Empty(tag) => self.element(&tag, place, true)?,
                Xml::End(tag) => self.end(tag.name().as_ref(), place)?,
                Xml::Eof => return self.finish(place).map(|()| None),
                Xml::Decl(decl) => {
                    if let Some(Ok(encoding)) = decl.encoding()
                        && !encoding.eq_ignore_ascii_case("utf-8")
                    {
                        return Err(Error::malformed(place, "the encoding UTF-8", encoding));
                    }
                    None
                }
                Xml::DocType(_) => {
                    return Err(Error::malformed(place, "no document type", "a document type"));
                }
                // Text says nothing in this format; editors put white space there.
                Xml::Text(_) | Xml::CData(_) | Xml::Comment(_) | Xml::PI(_) | Xml::GeneralRef(_) => None,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn fault(&self, place: Place, error: quick_xml::Error) -> Error {
        match error {
            quick_xml::Error::Io(source) => {
                let source = std::io::Error::new(source.kind(), source.to_string());
                Error::Io { place: self.place(), source }
            }
            other => Error::malformed(place, "well-formed XML", other.to_string()),
        }
    }

    fn element(&mut self, tag: &BytesStart, place: Place, empty: bool) -> Result<Option<Event>> {
        let name = tag.name().as_ref().to_string();
        if let Some(leaf) = &self.inside_leaf {
            return Err(Error::malformed(place, format!("the end of {leaf}"), format!("<{name}>")));
        }
        let wrong = |expected: &str| Err(Error::malformed(place, expected, format!("<{name}>")));
        match (self.state, name.as_str()) {
            (State::Before, "database") => {
                self.state = if empty { State::After } else { State::Database };
                Ok(None)
            }
            (State::Before, _) => wrong("<database>"),
            (State::Database, "manifest") => {
                if self.manifest.is_some() {
                    return Err(Error::malformed(place, "one manifest", "a second one"));
                }
                self.began = place;
                if empty {
                    return self.manifest_ends().map(Some);
                }
                self.state = State::Manifest;
                Ok(None)
            }
            (State::Database, "table") => {
                let mut found = None;
                for (column, text) in attributes(tag, place)? {
                    match column.as_str() {
                        "name" => found = Some(text.into_owned()),
                        _ => return Err(Error::malformed(place, "a table's name", format!("{column}="))),
                    }
                }
                let Some(found) = found else {
                    return Err(Error::malformed(place, "a table's name", "none"));
                };
                self.state = if empty { State::Database } else { State::Table };
                Ok(Some(Event::Table(found)))
            }
            (State::Database, _) => wrong("<manifest> or <table>"),
            (State::Manifest, "pair") => {
                self.leaf(&name, empty);
                let pair = pair(tag, place)?;
                self.pairs.push(pair);
                Ok(None)
            }
            (State::Manifest, _) => wrong("<pair>"),
            (State::Table, "row") => {
                self.leaf(&name, empty);
                row(tag, place).map(|row| Some(Event::Row(row)))
            }
            (State::Table, _) => wrong("<row>"),
            (State::After, _) => wrong("the end of the file"),
        }
    }

    fn leaf(&mut self, name: &str, empty: bool) {
        self.inside_leaf = (!empty).then(|| name.to_string());
    }

    fn end(&mut self, name: &str, place: Place) -> Result<Option<Event>> {
        if self.inside_leaf.take().is_some() {
            return Ok(None);
        }
        self.state = match self.state {
            State::Table => State::Database,
            State::Manifest => {
                self.state = State::Database;
                return self.manifest_ends().map(Some);
            }
            State::Database => State::After,
            State::Before | State::After => {
                return Err(Error::malformed(place, "an element", format!("</{name}>")));
            }
        };
        Ok(None)
    }

    fn manifest_ends(&mut self) -> Result<Event> {
        let mut other = std::mem::take(&mut self.pairs);
        let mut take = |key: &str| -> Result<u64> {
            let found: Vec<usize> = (0..other.len()).filter(|at| other[*at].0 == key).collect();
            match found[..] {
                [at] => {
                    let text = other.remove(at).1;
                    let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
                    number.ok_or_else(|| {
                        Error::malformed(self.began, format!("a number for {key}"), short(&text))
                    })
                }
                [] => Err(Error::malformed(self.began, format!("{key} in the manifest"), "none")),
                _ => Err(Error::malformed(self.began, format!("{key} once"), "several")),
            }
        };
        let manifest = Manifest {
            schema_major: take("schema_major_vsn")?,
            schema_minor: take("schema_minor_vsn")?,
            generation: take("generation_count")?,
            other,
        };
        self.manifest = Some(manifest.clone());
        Ok(Event::Manifest(manifest))
    }

    /// The file ends; whether it is whole.
    fn finish(&self, place: Place) -> Result<()> {
        let missing = match self.state {
            State::Before => "<database>",
            State::Manifest => "</manifest>",
            State::Table => "</table>",
            State::Database => "</database>",
            State::After if self.manifest.is_none() => "a manifest",
            State::After => return Ok(()),
        };
        Err(Error::malformed(place, missing, "the end of the file: it was cut, or is of another kind"))
    }
}

fn pair(tag: &BytesStart, place: Place) -> Result<(String, String)> {
    let (mut key, mut value) = (None, None);
    for (name, text) in attributes(tag, place)? {
        match name.as_str() {
            "key" => key = Some(text.into_owned()),
            "value" => value = Some(text.into_owned()),
            _ => return Err(Error::malformed(place, "key= and value=", format!("{name}="))),
        }
    }
    match (key, value) {
        (Some(key), Some(value)) => Ok((key, value)),
        _ => Err(Error::malformed(place, "key= and value=", "a pair without one of them")),
    }
}

fn row(tag: &BytesStart, place: Place) -> Result<Row> {
    let mut row = Row { reference: String::new(), created: 0, modified: 0, columns: Vec::new(), place };
    let (mut reference, mut again) = (None, None);
    let generation = |name: &str, text: &str| {
        let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        number.ok_or_else(|| Error::malformed(place, format!("a number for {name}"), short(text)))
    };
    for (name, text) in attributes(tag, place)? {
        match name.as_str() {
            "ref" => reference = Some(unprotect(&text).into_owned()),
            "_ref" => again = Some(unprotect(&text).into_owned()),
            "__ctime" => row.created = generation(&name, &text)?,
            "__mtime" => row.modified = generation(&name, &text)?,
            _ => row.columns.push((name, unprotect(&text).into_owned())),
        }
    }
    row.reference = match reference {
        Some(reference) if !reference.is_empty() => reference,
        _ => return Err(Error::malformed(place, "a row's ref", "none")),
    };
    match again {
        Some(again) if again != row.reference => {
            let expected = format!("{} in _ref, as in ref", short(&row.reference));
            Err(Error::malformed(place, expected, short(&again)))
        }
        _ => Ok(row),
    }
}

/// Names and texts of an element's attributes.
fn attributes<'a>(tag: &'a BytesStart, place: Place) -> Result<Vec<(String, Cow<'a, str>)>> {
    let text = tag.attributes_raw();
    // Where in the file a byte of the attributes stands.
    let start = tag.name().as_ref().len() + 1;
    let at = |offset: usize| Place {
        line: place.line + text[..offset].bytes().filter(|b| *b == b'\n').count() as u64,
        byte: place.byte + (start + offset) as u64,
    };
    let mut found: Vec<(String, Cow<str>)> = Vec::new();
    let mut pos = 0;
    loop {
        let rest = &text[pos..];
        let skipped = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        pos += skipped;
        let rest = &text[pos..];
        if rest.is_empty() {
            break;
        }
        if skipped == 0 && !found.is_empty() {
            return Err(Error::malformed(at(pos), "a space between attributes", "none"));
        }
        let Some(equals) = rest.find('=') else {
            return Err(Error::malformed(at(pos), "name=\"text\"", short(rest)));
        };
        let name = rest[..equals].trim_end_matches([' ', '\t', '\n', '\r']);
        if name.is_empty() || name.contains([' ', '\t', '\n', '\r', '"', '\'', '&', '<', '>', '/']) {
            return Err(Error::malformed(at(pos), "an attribute's name", short(&rest[..equals])));
        }
        let after = rest[equals + 1..].trim_start_matches([' ', '\t', '\n', '\r']);
        let open = rest.len() - after.len();
        let Some(mark @ ('"' | '\'')) = after.chars().next() else {
            return Err(Error::malformed(at(pos + open), "a quotation mark", short(after)));
        };
        let Some(length) = after[1..].find(mark) else {
            return Err(Error::malformed(at(pos + open), "the end of the text", "none"));
        };
        let value = from_attribute(&after[1..1 + length])
            .map_err(|(byte, expected, what)| Error::malformed(at(pos + open + 1 + byte), expected, what))?;
        found.push((name.to_string(), value));
        pos += open + length + 2;
    }
    let mut names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::malformed(place, format!("{} once", short(twice[0])), "it twice in one element"));
    }
    Ok(found)
}
