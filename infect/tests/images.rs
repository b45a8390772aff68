//! An image of a disk is read as the copied root is, nothing of it changes, and damage is an error; images of guests are
//! held against the database.

use infect::audit::{self, Audit};
use infect::host::image::Image;
use infect::host::medium::{FileMedium, Medium};
use infect::host::system_disk::{self, Part, SystemDisk};
use infect::host::tree::{Directory, Tree};
use infect::host::{self, gpt};
use infect::keep;
use infect::pool::Pool;
use infect::progress::Quiet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const MIB: u64 = 1 << 20;
/// Number, kind, first byte, bytes: in the order the old installer lays them out.
const PARTS: [(usize, &str, u64, u64); 5] = [
    (5, gpt::kind::BASIC, MIB, 8 * MIB),
    (2, gpt::kind::BASIC, 9 * MIB, 8 * MIB),
    (1, gpt::kind::BASIC, 17 * MIB, 16 * MIB),
    (4, gpt::kind::ESP, 33 * MIB, 40 * MIB),
    (3, gpt::kind::LVM, 73 * MIB, 20 * MIB),
];
const SIZE: u64 = 96 * MIB;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/single-8.3")
}

fn table(disk: &File) {
    let mut entries = vec![0u8; 128 * 128];
    for (number, kind, start, size) in PARTS {
        let entry = &mut entries[(number - 1) * 128..][..128];
        entry[..16].copy_from_slice(&uuid::Uuid::parse_str(kind).unwrap().to_bytes_le());
        entry[16] = number as u8;
        entry[32..40].copy_from_slice(&(start / 512).to_le_bytes());
        entry[40..48].copy_from_slice(&((start + size) / 512 - 1).to_le_bytes());
    }
    let last = SIZE / 512 - 1;
    for (own, other, at) in [(1u64, last, 2u64), (last, 1, last - 32)] {
        let mut header = [0u8; 512];
        header[..8].copy_from_slice(b"EFI PART");
        header[8..12].copy_from_slice(&[0, 0, 1, 0]);
        header[12..16].copy_from_slice(&92u32.to_le_bytes());
        header[24..32].copy_from_slice(&own.to_le_bytes());
        header[32..40].copy_from_slice(&other.to_le_bytes());
        header[56] = 7;
        header[72..80].copy_from_slice(&at.to_le_bytes());
        header[80..84].copy_from_slice(&128u32.to_le_bytes());
        header[84..88].copy_from_slice(&128u32.to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let sum = crc32fast::hash(&header[..92]);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        disk.write_all_at(&header, own * 512).unwrap();
        disk.write_all_at(&entries, at * 512).unwrap();
    }
    let mut mbr = [0u8; 512];
    mbr[446 + 4] = 0xee;
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    disk.write_all_at(&mbr, 0).unwrap();
}

/// A part of a file as the FAT writer wants it.
struct Window<'a> {
    file: &'a File,
    start: u64,
    size: u64,
    at: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = into.len().min((self.size - self.at) as usize);
        let count = self.file.read_at(&mut into[..count], self.start + self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Write for Window<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write_at(bytes, self.start + self.at)?;
        self.at += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Window<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.size.checked_add_signed(by).unwrap(),
            SeekFrom::Current(by) => self.at.checked_add_signed(by).unwrap(),
        };
        Ok(self.at)
    }
}

fn place(number: usize) -> (u64, u64) {
    PARTS.iter().find(|part| part.0 == number).map(|part| (part.2, part.3)).unwrap()
}

fn file_system(disk: &File, dir: &Path, number: usize, label: &str, content: Option<&Path>) {
    let (start, size) = place(number);
    let path = dir.join(format!("part{number}"));
    File::create(&path).unwrap().set_len(size).unwrap();
    let mut command = Command::new("mke2fs");
    command.args(["-q", "-t", "ext3", "-L", label]);
    if let Some(content) = content {
        command.arg("-d").arg(content);
    }
    let done = command
        .arg(&path)
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .status()
        .expect("e2fsprogs is needed");
    assert!(done.success());
    disk.write_all_at(&fs::read(&path).unwrap(), start).unwrap();
    fs::remove_file(path).unwrap();
}

/// The text of a volume group on a physical volume, as LVM lays it out; the text wraps around the end of its area.
fn physical_volume(disk: &File) {
    let (start, _) = place(3);
    let crc = |bytes: &[u8]| {
        let mut hasher = crc32fast::Hasher::new_with_initial(!0xf597_a6cf);
        hasher.update(bytes);
        !hasher.finalize()
    };
    let mut label = [0u8; 512];
    label[..8].copy_from_slice(b"LABELONE");
    label[8] = 1;
    label[20..24].copy_from_slice(&32u32.to_le_bytes());
    label[24..32].copy_from_slice(b"LVM2 001");
    label[32..64].copy_from_slice(b"abcdefghijklmnopqrstuvwxyz012345");
    label[72..80].copy_from_slice(&MIB.to_le_bytes());
    let (area, length) = (4096u64, 4096u64);
    label[104..112].copy_from_slice(&area.to_le_bytes());
    label[112..120].copy_from_slice(&length.to_le_bytes());
    disk.write_all_at(&label, start + 512).unwrap();
    let text = "VG_XenStorage-c3bd3523-9692-554f-90a3-6f4edb1aab62 {\nid = \"x\"\nseqno = 3\nextent_size = 8192\n\
        physical_volumes {\npv0 {\nid = \"abcdef\"\ndevice = \"/dev/sda3\"\npe_start = 2048\npe_count = 4\n}\n}\n\
        logical_volumes {\nMGT {\nid = \"m\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\nsegment1 {\nstart_extent = 0\n\
        extent_count = 1\ntype = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", 1]\n}\n}\n}\n}\n\0";
    let at = length - 100;
    let mut header = [0u8; 512];
    header[4..20].copy_from_slice(b"\x20LVM2\x20x[5A%r0N*>");
    header[20] = 1;
    header[24..32].copy_from_slice(&area.to_le_bytes());
    header[32..40].copy_from_slice(&length.to_le_bytes());
    header[40..48].copy_from_slice(&at.to_le_bytes());
    header[48..56].copy_from_slice(&(text.len() as u64).to_le_bytes());
    header[56..60].copy_from_slice(&crc(text.as_bytes()).to_le_bytes());
    let sum = crc(&header[4..]);
    header[..4].copy_from_slice(&sum.to_le_bytes());
    disk.write_all_at(&header, start + area).unwrap();
    disk.write_all_at(&text.as_bytes()[..100], start + area + at).unwrap();
    disk.write_all_at(&text.as_bytes()[100..], start + area + 512).unwrap();
}

fn make(dir: &Path) -> PathBuf {
    let path = dir.join("disk.img");
    let disk = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
    disk.set_len(SIZE).unwrap();
    table(&disk);
    file_system(&disk, dir, 1, "root-253c90", Some(&data().join("host0")));
    file_system(&disk, dir, 5, "logs-253c90", None);
    file_system(&disk, dir, 2, "", None);
    let (start, size) = place(4);
    let mut window = Window { file: &disk, start, size, at: 0 };
    let options = fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat32).bytes_per_cluster(512);
    fatfs::format_volume(&mut window, options.volume_label(*b"BOOT-253C90")).unwrap();
    {
        let esp = fatfs::FileSystem::new(&mut window, fatfs::FsOptions::new()).unwrap();
        let xenserver = esp.root_dir().create_dir("EFI").unwrap().create_dir("xenserver").unwrap();
        let text = fs::read(data().join("host0/boot/efi/EFI/xenserver/grub.cfg")).unwrap();
        xenserver.create_file("grub.cfg").unwrap().write_all(&text).unwrap();
    }
    physical_volume(&disk);
    path
}

fn open(path: &Path) -> (Arc<dyn Medium>, SystemDisk, Image) {
    let medium: Arc<dyn Medium> = Arc::new(FileMedium::open(path).unwrap());
    let disk = system_disk::read("disk", &medium).unwrap();
    let image = Image::partitioned(&medium, disk.gpt().unwrap()).unwrap();
    (medium, disk, image)
}

#[test]
fn an_image_is_read_as_the_copied_root_is_and_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path());
    let before = keep::sum(File::open(&path).unwrap()).unwrap();
    let (_, disk, image) = open(&path);
    let number = |part| disk.part(part).map(|one| one.number);
    let numbers = [Part::Root, Part::Backup, Part::Storage, Part::Esp, Part::Logs].map(number);
    assert_eq!(numbers, [Some(1), Some(2), Some(3), Some(4), Some(5)]);
    assert_eq!(disk.contents[&4].label, "BOOT-253C90");
    assert_eq!(disk.contents[&1].kind, "ext3");
    assert_eq!(disk.problems, []);
    let group = &disk.groups[&3];
    assert_eq!((group.seqno, group.logical["MGT"].size), (3, 4 * MIB));
    assert!(image.esp_free.is_some_and(|free| free > 30 * MIB));

    let from_image = host::read(&image, None);
    let from_copy = host::read(&Directory::copied(data().join("host0")), None);
    assert_eq!(from_image.problems, []);
    let text = |host: &host::Host| serde_json::to_string_pretty(host).unwrap();
    assert_eq!(text(&from_image), text(&from_copy));
    assert!(image.stat("/boot/efi/EFI/nothing").unwrap().is_none());
    assert!(image.stat("/etc/nothing").unwrap().is_none());
    assert_eq!(image.link("/etc/localtime").unwrap().as_deref(), Some("../usr/share/zoneinfo/Europe/Berlin"));
    drop(image);
    assert_eq!(keep::sum(File::open(&path).unwrap()).unwrap(), before, "the image changed");
}

#[test]
fn a_copied_root_stays_as_it_was() {
    fn sums(path: &Path, into: &mut Vec<(PathBuf, String, std::time::SystemTime)>) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                sums(&path, into);
            } else if meta.is_file() {
                into.push((
                    path.clone(),
                    keep::sum(File::open(&path).unwrap()).unwrap().sha256,
                    meta.modified().unwrap(),
                ));
            }
        }
        into.sort();
    }
    let (mut before, mut after) = (Vec::new(), Vec::new());
    sums(&data(), &mut before);
    let tree = Directory::copied(data().join("host0"));
    host::read(&tree, None);
    host::carried::walk(&tree, host::carried::HANDED_OVER).unwrap();
    sums(&data(), &mut after);
    assert_eq!(before, after);
}

#[test]
fn damaged_tables_fall_back_or_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path());
    let disk = OpenOptions::new().write(true).open(&path).unwrap();
    // The first copy is gone: the second one serves.
    disk.write_all_at(&[0; 512], 512).unwrap();
    let (_, read, _) = open(&path);
    assert!(read.gpt().unwrap().from_backup);
    // Both are gone.
    disk.write_all_at(&[1; 512], SIZE - 512).unwrap();
    let medium: Arc<dyn Medium> = Arc::new(FileMedium::open(&path).unwrap());
    assert!(system_disk::read("disk", &medium).unwrap_err().to_string().contains("GPT"));
    // No table at all, or an older one.
    disk.write_all_at(&[0; 512], 0).unwrap();
    assert_eq!(system_disk::read("disk", &medium).unwrap().table, gpt::Table::None);
    let mut mbr = [0u8; 512];
    mbr[446 + 4] = 0x83;
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    disk.write_all_at(&mbr, 0).unwrap();
    assert_eq!(system_disk::read("disk", &medium).unwrap().table, gpt::Table::Dos);
    // A text of a group with a wrong byte.
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    let path = make(&other);
    let disk = OpenOptions::new().write(true).open(&path).unwrap();
    disk.write_all_at(b"X", place(3).0 + 4096 + 512 + 10).unwrap();
    let (_, read, _) = open(&path);
    assert!(read.problems[0].to_string().contains("checksum"), "{:?}", read.problems);
    assert!(read.groups.is_empty());
}

/// The fixture's images, unpacked under the names of the old storage.
fn repository(into: &Path) -> (Pool, String) {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xapi-server/disk/tests/data");
    for entry in fs::read_dir(images).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".gz").filter(|name| name.ends_with(".vhd")) {
            let mut from = flate2::read::GzDecoder::new(File::open(&path).unwrap());
            std::io::copy(&mut from, &mut File::create(into.join(name)).unwrap()).unwrap();
        }
    }
    let pool = Pool::open(&data().join("state.db.gz")).unwrap();
    let sr = pool.rows("SR").iter().find(|sr| sr.get("type") == "ext").unwrap().uuid().to_owned();
    (pool, sr)
}

fn look(pool: &Pool, sr: &str, at: &Path) -> Audit {
    let volumes = xennix_disk::volumes::Directory::new(at);
    audit::audit(pool.by_uuid("SR", sr).unwrap(), pool, &volumes, &mut Quiet).unwrap()
}

fn codes(audit: &Audit, subject: &str) -> Vec<&'static str> {
    let mut codes: Vec<_> =
        audit.findings.iter().filter(|one| one.subject == subject).map(|one| one.code).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn images_are_held_against_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (mut pool, sr) = repository(dir.path());
    let whole = look(&pool, &sr, dir.path());
    assert!(whole.images.len() >= 6);
    for code in ["SR_CHAIN_BROKEN", "SR_JOURNAL", "SR_LEFTOVER", "SR_POISON"] {
        assert!(!whole.findings.iter().any(|one| one.code == code), "{:?}", whole.findings);
    }
    let known = |name: &str| audit::disk_of(name).is_some_and(|uuid| pool.by_uuid("VDI", uuid).is_some());
    let child = whole.images.iter().find(|one| one.parent.is_some() && known(&one.name)).unwrap().clone();
    let uuid = audit::disk_of(&child.name).unwrap().to_owned();
    assert_eq!(codes(&whole, &uuid), [] as [&str; 0], "{:?}", whole.findings);

    // The database says otherwise.
    let reference = pool.by_uuid("VDI", &uuid).unwrap().reference.clone();
    let at = pool.rows("VDI").iter().position(|vdi| vdi.reference == reference).unwrap();
    let row = pool.rows("VDI")[at].clone();
    let managed = if row.flag("managed") { "false" } else { "true" };
    for (column, value, code) in [
        ("virtual_size", "512", "SR_SIZE"),
        ("sm_config", "()", "SR_PARENT"),
        ("managed", managed, "SR_HIDDEN"),
    ] {
        pool.rows_mut("VDI")[at].put(column, value);
        assert_eq!(codes(&look(&pool, &sr, dir.path()), &uuid), [code]);
        pool.rows_mut("VDI")[at] = row.clone();
    }

    // Things the old storage leaves behind.
    for (name, code) in
        [("clone_x", "SR_JOURNAL"), ("OLD_x.vhd", "SR_LEFTOVER"), ("x.vhd.new", "SR_LEFTOVER")]
    {
        fs::write(dir.path().join(name), "x").unwrap();
        assert_eq!(codes(&look(&pool, &sr, dir.path()), name), [code]);
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let orphan = "11111111-1111-4111-8111-111111111111.vhd";
    fs::copy(dir.path().join(&child.name), dir.path().join(orphan)).unwrap();
    assert_eq!(codes(&look(&pool, &sr, dir.path()), orphan), ["SR_ORPHAN"]);
    fs::remove_file(dir.path().join(orphan)).unwrap();

    // A disabled image, a damaged one, a missing one.
    let path = dir.path().join(&child.name);
    let bytes = fs::read(&path).unwrap();
    let mut poisoned = bytes.clone();
    let end = poisoned.len() - 512;
    poisoned[..8].copy_from_slice(b"v_poison");
    poisoned[end..end + 8].copy_from_slice(b"v_poison");
    fs::write(&path, &poisoned).unwrap();
    let found = codes(&look(&pool, &sr, dir.path()), &uuid);
    assert!(found.contains(&"SR_POISON") || found.contains(&"SR_CHAIN_BROKEN"), "{found:?}");
    let mut damaged = bytes.clone();
    damaged[600] ^= 0xff;
    fs::write(&path, &damaged).unwrap();
    assert!(codes(&look(&pool, &sr, dir.path()), &uuid).contains(&"SR_CHAIN_BROKEN"));
    fs::remove_file(&path).unwrap();
    let found = codes(&look(&pool, &sr, dir.path()), &uuid);
    assert!(found == ["SR_VDI_MISSING"] || found == ["SR_VDI_LOST"], "{found:?}");
}
