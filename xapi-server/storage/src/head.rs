//! What a scan needs to know of an image, from its footer and header alone: a disk's table can have megabytes, and
//! an SR ten thousand disks. Never trusts more than it read.

use xapi_schema::Failure;
use xennix_disk::{
    Result,
    chain::Format,
    file::{Access, BlockFile},
    qcow2::header::Header as QcowHeader,
    vhd::{footer::Kind, header::HEADER_LEN, header::Header, reader::read_footer},
    volumes::Volumes,
};

use crate::{fail::Doing, naming::Naming};

/// An image of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name there.
    pub name: String,
    /// Its uuid.
    pub uuid: String,
    /// How it is stored.
    pub format: Format,
    /// Bytes the guest sees; 0 when it could not be read.
    pub size: u64,
    /// Bytes it takes.
    pub physical: u64,
    /// An inner node: no disk for users.
    pub hidden: bool,
    /// Name of the image it stands on, as it says itself.
    pub parent: Option<String>,
    /// What a qcow2 says of itself.
    pub header: Option<Box<QcowHeader>>,
    /// Why it could not be read, as whoever asks for it is told.
    pub broken: Option<Failure>,
}

/// Looks at the image `name`.
///
/// # Errors
/// Only what keeps the place itself from being read; what is wrong with the image is told in the answer.
pub fn look(volumes: &dyn Volumes, naming: Naming, name: &str, size: Option<u64>) -> Result<Option<Found>> {
    let Some((uuid, format)) = naming.parse(name) else { return Ok(None) };
    let mut found = Found {
        name: name.into(),
        uuid: uuid.into(),
        format,
        size: 0,
        physical: size.unwrap_or(0),
        hidden: false,
        parent: None,
        header: None,
        broken: None,
    };
    let file = match volumes.open(name, Access::Read) {
        Ok(file) => file,
        Err(e) => {
            found.broken = Some(Doing::Load.disk(&e));
            return Ok(Some(found));
        }
    };
    let read = match format {
        Format::Vhd => vhd(&*file, &mut found),
        // A tail shorter than a sector is one.
        Format::Raw => file.size().map(|size| found.size = size.next_multiple_of(512)).map_err(Into::into),
        Format::Qcow2 => qcow2(&*file, &mut found),
    };
    if let Err(e) = read {
        found.broken = Some(Doing::Load.disk(&e));
    }
    if let Ok(bytes) = file.size() {
        found.physical = bytes;
    }
    Ok(Some(found))
}

fn vhd(file: &dyn BlockFile, found: &mut Found) -> Result<()> {
    let (footer, _) = read_footer(file)?;
    found.size = footer.current_size;
    found.hidden = footer.hidden != 0;
    if footer.kind != Kind::Differencing {
        return Ok(());
    }
    let mut bytes = [0; HEADER_LEN];
    file.read_at(footer.data_offset, &mut bytes)?;
    let header = Header::parse(&bytes)?;
    let by_name = header.parent_name().and_then(|n| n.rsplit(['/', '\\']).next().map(str::to_owned));
    for locator in header.locators.iter().filter(|l| l.is_used() && l.length <= 4096) {
        let mut text = vec![0; locator.length as usize];
        if file.read_at(locator.offset, &mut text).is_ok()
            && let Some(name) = locator.decode(&text)
        {
            found.parent = Some(name);
            return Ok(());
        }
    }
    found.parent = by_name;
    Ok(())
}

fn qcow2(file: &dyn BlockFile, found: &mut Found) -> Result<()> {
    let header = QcowHeader::read(file)?;
    found.size = header.size & !511;
    found.hidden = header.hidden;
    found.parent = header.parent().map(str::to_owned);
    found.header = Some(Box::new(header));
    Ok(())
}

impl Found {
    /// Can `image`, which stands on it, be merged into it? Kinds that can't stay as they are.
    pub fn takes(&self, image: &Found) -> bool {
        let sizes = self.size <= image.size;
        match (&self.header, &image.header) {
            (Some(own), Some(other)) => sizes && own.takes(other),
            (None, None) => sizes && image.format == Format::Vhd,
            _ => false,
        }
    }
}
