//! A disk made of layers: a VHD leaf, its parents, perhaps a raw image at the bottom. Reads through all of them;
//! never writes. Finds parents by the names inside the images, only in the same place, only when the uuid fits.

use crate::error::{Error, Result};
use crate::file::{Access, BlockFile};
use crate::source::{Extent, Raw, Source, State, check_range};
use crate::vhd::footer::Kind;
use crate::vhd::reader::{Image, Place};
use crate::vhd::{MAX_CHAIN, SECTOR};
use crate::volumes::Volumes;
use std::sync::Arc;

/// One image of a chain.
pub enum Layer {
    /// A VHD.
    Vhd(Box<Image>),
    /// A raw image, always the last layer.
    Raw(Raw),
}

impl Layer {
    /// Virtual size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Layer::Vhd(i) => i.virtual_size(),
            Layer::Raw(r) => r.size(),
        }
    }

    /// The file behind.
    pub fn file(&self) -> &Arc<dyn BlockFile> {
        match self {
            Layer::Vhd(i) => i.file(),
            Layer::Raw(r) => r.file(),
        }
    }

    fn locate(&self, sector: u64, max: u64) -> Result<(Place, u64)> {
        match self {
            Layer::Vhd(i) => i.locate(sector, max),
            Layer::Raw(_) => Ok((Place::Own(sector * SECTOR), max)),
        }
    }
}

/// How an image stores its disk, told by its name as the original stack does; never by looking inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// VHD.
    Vhd,
    /// Raw.
    Raw,
    /// qcow2.
    Qcow2,
}

impl Format {
    /// The format a name says, `None` when it says nothing.
    pub fn of_name(name: &str) -> Option<Format> {
        let by_suffix = |s: &str| match s {
            "vhd" => Some(Format::Vhd),
            "raw" | "img" | "iso" => Some(Format::Raw),
            "qcow2" => Some(Format::Qcow2),
            _ => None,
        };
        let name = name.strip_suffix(".new").unwrap_or(name);
        if let Some(f) = name.rsplit_once('.').and_then(|(_, s)| by_suffix(s)) {
            return Some(f);
        }
        let name = name.strip_prefix("OLD_").unwrap_or(name);
        [("VHD-", Format::Vhd), ("LV-", Format::Raw), ("QCOW2-", Format::Qcow2)]
            .into_iter()
            .find(|(prefix, _)| name.starts_with(prefix))
            .map(|(_, f)| f)
    }
}

/// What an image says about its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentLink {
    /// It has none.
    None,
    /// A VHD of one of these names with this uuid.
    Vhd(Vec<String>, uuid::Uuid),
    /// A raw image of one of these names.
    Raw(Vec<String>),
}

/// The names under which an image looks for its parent, best first.
///
/// # Errors
/// The device's error, where it keeps every name from being read.
pub fn parent_link(image: &Image) -> Result<ParentLink> {
    let Some(h) = image.header().filter(|_| image.footer().kind == Kind::Differencing) else {
        return Ok(ParentLink::None);
    };
    let mut names = Vec::new();
    let mut unread = None;
    for l in h.locators.iter().filter(|l| l.is_used() && l.length <= 4096) {
        let mut b = vec![0; l.length as usize];
        match image.file().read_at(l.offset, &mut b) {
            Ok(()) => names.extend(l.decode(&b)),
            // A locator outside of the image is one nobody can follow.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {}
            Err(e) => unread = Some(e),
        }
    }
    // Imported images sometimes carry only the plain name.
    names.extend(h.parent_name().and_then(|n| n.rsplit(['/', '\\']).next().map(str::to_owned)));
    if let Some(e) = unread.filter(|_| names.is_empty()) {
        return Err(e.into());
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|n| seen.insert(n.clone()));
    Ok(if h.parent_uuid.is_nil() { ParentLink::Raw(names) } else { ParentLink::Vhd(names, h.parent_uuid) })
}

/// The name of an image's parent in `volumes`, checked to be the right one; `None` when it has none.
///
/// # Errors
/// [`Error::Chain`] when no image fits, [`Error::Beside`] when the one that might can't be read.
pub fn find_parent(volumes: &dyn Volumes, image: &Image) -> Result<Option<(String, Layer)>> {
    let (names, uuid) = match parent_link(image)? {
        ParentLink::None => return Ok(None),
        ParentLink::Vhd(names, uuid) => (names, Some(uuid)),
        ParentLink::Raw(names) => (names, None),
    };
    let mut why = Error::Chain("it names no parent file".into());
    for name in names {
        if name.contains('/') {
            why = Error::Chain(format!("parent {name:?} lies outside this place"));
            continue;
        }
        match open_parent(volumes, &name, uuid) {
            Ok(layer) => return Ok(Some((name, layer))),
            // An image that could not be looked at may be the right one: no other name says more.
            Err(_) if why.device().is_some() => {}
            Err(e) => why = e,
        }
    }
    Err(why)
}

/// Opens what should be a parent: a VHD of this uuid, or a raw image.
fn open_parent(volumes: &dyn Volumes, name: &str, uuid: Option<uuid::Uuid>) -> Result<Layer> {
    let of = |e: Error| Error::Beside { name: name.to_owned(), source: Box::new(e) };
    if !volumes.exists(name).map_err(of)? {
        return Err(Error::Chain(format!("parent {name:?} is missing")));
    }
    let file = volumes.open(name, Access::Read).map_err(of)?;
    let Some(uuid) = uuid else { return Ok(Layer::Raw(Raw::open(file).map_err(of)?)) };
    let parent = Image::open(file).map_err(of)?;
    if parent.footer().uuid != uuid {
        let is = parent.footer().uuid;
        return Err(Error::Chain(format!("parent {name:?} has uuid {is}, not {uuid}")));
    }
    Ok(Layer::Vhd(Box::new(parent)))
}

/// A chain of images, leaf first.
pub struct Chain {
    layers: Vec<(String, Layer)>,
    /// Layers that count; the rest is reported as absent.
    visible: usize,
}

impl Chain {
    /// Opens `name`, which is of `format`, and all its parents.
    ///
    /// # Errors
    /// What is wrong with any image, [`Error::Chain`] for missing or wrong parents, cycles and chains over 30.
    pub fn open(volumes: &dyn Volumes, name: &str, format: Format) -> Result<Chain> {
        let file = volumes.open(name, Access::Read)?;
        let leaf = match format {
            Format::Vhd => Layer::Vhd(Box::new(Image::open(file)?)),
            Format::Raw => Layer::Raw(Raw::open(file)?),
            Format::Qcow2 => return Err(Error::Unsupported("qcow2 images are no VHD chain".into())),
        };
        Chain::above(volumes, name, leaf)
    }

    /// The chain of an opened leaf.
    ///
    /// # Errors
    /// As [`open`](Chain::open).
    pub fn above(volumes: &dyn Volumes, name: &str, leaf: Layer) -> Result<Chain> {
        let mut layers = vec![(name.to_owned(), leaf)];
        while let Some((_, Layer::Vhd(image))) = layers.last() {
            let Some((name, parent)) = find_parent(volumes, image)? else { break };
            if layers.iter().any(|(n, _)| *n == name) {
                return Err(Error::Chain(format!("{name:?} is its own ancestor")));
            }
            if layers.len() == MAX_CHAIN {
                return Err(Error::Chain(format!("more than {MAX_CHAIN} images")));
            }
            layers.push((name, parent));
        }
        let visible = layers.len();
        Ok(Chain { layers, visible })
    }

    /// The layers with their names, leaf first.
    pub fn layers(&self) -> &[(String, Layer)] {
        &self.layers
    }

    /// Takes the leaf out and leaves the parents, `None` when there are none.
    pub fn split(mut self) -> (Layer, Option<Chain>) {
        let (_, leaf) = self.layers.remove(0);
        let visible = self.layers.len();
        (leaf, (visible > 0).then_some(Chain { layers: self.layers, visible }))
    }

    /// Calls everything that the layers above `base` do not hold [`State::Absent`]. Reading still goes through all.
    ///
    /// # Errors
    /// [`Error::Chain`] when `base` is not below the leaf.
    pub fn since(mut self, base: &str) -> Result<Chain> {
        self.visible = match self.layers.iter().position(|(n, _)| n == base) {
            None | Some(0) => return Err(Error::Chain(format!("{base:?} is not a parent in this chain"))),
            Some(at) => at,
        };
        Ok(self)
    }

    /// The layer and byte of its file that hold `sector`, or `None` and whether it reads as zero or is absent;
    /// and for how many sectors (at most `max`) that goes on.
    ///
    /// # Errors
    /// The device's error.
    pub fn locate(&self, sector: u64, max: u64) -> Result<(Spot, u64)> {
        let base = self.layers.get(self.visible).map_or(0, |(_, l)| l.size() / SECTOR);
        let (spot, n) = self.locate_in(&self.layers[..self.visible], sector, max)?;
        Ok(match spot {
            // Zeros that a layer's end makes must hide what the base holds there; behind the base they need not.
            Spot::Zero if self.visible < self.layers.len() && sector >= base => (Spot::Absent, n),
            Spot::Zero if self.visible < self.layers.len() => (Spot::Zero, n.min(base - sector)),
            _ => (spot, n),
        })
    }

    /// What `layers`, the upper ones of the chain, hold.
    fn locate_in(&self, layers: &[(String, Layer)], sector: u64, max: u64) -> Result<(Spot, u64)> {
        let mut n = max;
        for (i, (_, layer)) in layers.iter().enumerate() {
            let end = layer.size() / SECTOR;
            // A parent smaller than its child reads as zeros behind its end.
            if sector >= end {
                return Ok((Spot::Zero, n));
            }
            let (place, run) = layer.locate(sector, n.min(end - sector))?;
            n = run;
            if let Place::Own(offset) = place {
                return Ok((Spot::At { layer: i, offset }, n));
            }
        }
        Ok((if layers.len() < self.layers.len() { Spot::Absent } else { Spot::Zero }, n))
    }
}

/// Where a stretch of a chain's disk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// In the file of this layer (0 is the leaf), from this byte.
    At {
        /// Index into [`Chain::layers`].
        layer: usize,
        /// Byte in its file.
        offset: u64,
    },
    /// Nowhere: zeros.
    Zero,
    /// Below the layers looked at.
    Absent,
}

impl Source for Chain {
    fn size(&self) -> u64 {
        self.layers.first().map_or(0, |(_, l)| l.size())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len() as u64, self.size())?;
        let mut rest = buf;
        let mut sector = offset / SECTOR;
        while !rest.is_empty() {
            let (spot, n) = self.locate_in(&self.layers, sector, rest.len() as u64 / SECTOR)?;
            let (now, later) = rest.split_at_mut((n * SECTOR) as usize);
            match spot {
                Spot::At { layer, offset } => self.layers[layer].1.file().read_at(offset, now)?,
                Spot::Zero | Spot::Absent => now.fill(0),
            }
            rest = later;
            sector += n;
        }
        Ok(())
    }

    fn extent(&self, offset: u64, max: u64) -> Result<Extent> {
        check_range(offset, max, self.size())?;
        let (spot, n) = self.locate(offset / SECTOR, max / SECTOR)?;
        let whole = Extent { start: offset, len: n * SECTOR, state: State::Data };
        Ok(match spot {
            Spot::Zero => Extent { state: State::Zero, ..whole },
            Spot::Absent => Extent { state: State::Absent, ..whole },
            Spot::At { layer, offset: at } => match &self.layers[layer].1 {
                Layer::Vhd(_) => whole,
                Layer::Raw(r) => Extent { start: offset, ..r.extent(at, whole.len)? },
            },
        })
    }
}
