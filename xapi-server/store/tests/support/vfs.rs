//! SQLite on a [`Disk`]: a file layer that keeps nothing itself and flushes names where SQLite's own
//! layer for Unix does (with the first flush of a new log, and after a removal that asks for it).
//!
//! SQLite takes such a layer only as a table of C functions, hence the unsafe code; no other file of the
//! store has any, and none of this is part of the library.
#![allow(unsafe_code)]

use std::{
    collections::HashMap,
    ffi::{CStr, c_char, c_int, c_void},
    path::PathBuf,
    ptr, slice,
    sync::{Mutex, MutexGuard, OnceLock},
};

use rusqlite::{Connection, OpenFlags, ffi};

use super::disk::{Disk, Node, Trouble};

const NAME: &CStr = c"disk-in-memory";

/// Disks in use, by the first part of a path.
fn disks() -> MutexGuard<'static, HashMap<String, Disk>> {
    static DISKS: OnceLock<Mutex<HashMap<String, Disk>>> = OnceLock::new();
    DISKS.get_or_init(Mutex::default).lock().unwrap()
}

/// Opens `state.sqlite` on a disk.
pub fn connect(disk: &Disk) -> rusqlite::Result<Connection> {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    REGISTERED.get_or_init(register);
    let mount = format!("disk{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    disks().insert(mount.clone(), disk.clone());
    let path = PathBuf::from(format!("{mount}/state.sqlite"));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    Connection::open_with_flags_and_vfs(path, flags, NAME)
}

/// Lets go of disks nobody else holds.
pub fn sweep(disk: &Disk) {
    disks().retain(|_, known| !known.same(disk));
}

/// An open file, laid out as SQLite wants it: its table of functions first.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    open: *mut Open,
}

struct Open {
    disk: Disk,
    node: Node,
    /// The name is new and not flushed.
    fresh: bool,
    /// To be removed when closed.
    passing: Option<String>,
}

fn register() {
    let vfs = ffi::sqlite3_vfs {
        iVersion: 1,
        szOsFile: size_of::<File>() as c_int,
        mxPathname: 512,
        pNext: ptr::null_mut(),
        zName: NAME.as_ptr(),
        pAppData: ptr::null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: None,
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    };
    // SAFETY: the table is leaked, so it outlives every connection, as SQLite demands.
    let done = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
    assert_eq!(done, ffi::SQLITE_OK);
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1, // no shared memory: the journal must get by without
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Disk and file name of a path.
///
/// # Safety
/// `path` is a C string.
unsafe fn locate(path: *const c_char) -> Option<(Disk, String)> {
    // SAFETY: as promised by the caller.
    let path = unsafe { CStr::from_ptr(path) }.to_str().ok()?;
    let (mount, name) = path.split_once('/')?;
    Some((disks().get(mount)?.clone(), name.to_string()))
}

/// The open file behind SQLite's.
///
/// # Safety
/// `file` was filled by [`open`] and is not closed; SQLite uses one file from one thread at a time.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Open {
    // SAFETY: as promised by the caller.
    unsafe { &mut *(*file.cast::<File>()).open }
}

fn code(outcome: Result<(), Trouble>, io: c_int) -> c_int {
    match outcome {
        Ok(()) => ffi::SQLITE_OK,
        Err(Trouble::Full) => ffi::SQLITE_FULL,
        Err(Trouble::Io) => io,
    }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    granted: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives room for `szOsFile` bytes, a C string or null, and a place for flags or null.
    unsafe {
        (*file).pMethods = ptr::null();
        if path.is_null() {
            return ffi::SQLITE_CANTOPEN; // a file without a name: nothing the store does needs one
        }
        let Some((disk, name)) = locate(path) else { return ffi::SQLITE_CANTOPEN };
        let (node, fresh) = match disk.find(&name) {
            Some(node) => (node, false),
            None if flags & ffi::SQLITE_OPEN_CREATE != 0 => (disk.create(&name), true),
            None => return ffi::SQLITE_CANTOPEN,
        };
        let logs = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
        let passing = (flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0).then_some(name);
        let open = Open { disk, node, fresh: fresh && flags & logs != 0, passing };
        (*file.cast::<File>()).open = Box::into_raw(Box::new(open));
        (*file).pMethods = &raw const METHODS;
        if !granted.is_null() {
            *granted = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes each file it opened once.
    let open = unsafe { Box::from_raw((*file.cast::<File>()).open) };
    open.passing.map_or(ffi::SQLITE_OK, |name| code(open.disk.remove(&name), ffi::SQLITE_IOERR_DELETE))
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, count: c_int, at: i64) -> c_int {
    // SAFETY: SQLite gives room for `count` bytes.
    let (open, into) =
        unsafe { (opened(file), slice::from_raw_parts_mut(into.cast::<u8>(), count as usize)) };
    match open.disk.read(open.node, at as usize, into) {
        Ok(got) if got == into.len() => ffi::SQLITE_OK,
        Ok(got) => {
            into[got..].fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    count: c_int,
    at: i64,
) -> c_int {
    // SAFETY: SQLite gives `count` bytes.
    let (open, from) = unsafe { (opened(file), slice::from_raw_parts(from.cast::<u8>(), count as usize)) };
    code(open.disk.write(open.node, at as usize, from), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: an open file.
    let open = unsafe { opened(file) };
    code(open.disk.truncate(open.node, length as usize), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    let open = unsafe { opened(file) };
    let done = open.disk.flush(open.node);
    if done.is_ok() && std::mem::take(&mut open.fresh) {
        open.disk.flush_names();
    }
    code(done, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: an open file and a place for the answer.
    unsafe {
        let open = opened(file);
        *size = open.disk.length(open.node) as i64;
    }
    ffi::SQLITE_OK
}

/// One connection per disk: nobody to lock out.
unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: *mut ffi::sqlite3_file, held: *mut c_int) -> c_int {
    // SAFETY: a place for the answer.
    unsafe { *held = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// What SQLite's own layer says of an ordinary disk.
unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, path: *const c_char, flush: c_int) -> c_int {
    // SAFETY: a C string.
    let Some((disk, name)) = (unsafe { locate(path) }) else { return ffi::SQLITE_IOERR_DELETE };
    if disk.find(&name).is_none() {
        return ffi::SQLITE_IOERR_DELETE_NOENT;
    }
    let done = disk.remove(&name);
    if done.is_ok() && flush != 0 {
        disk.flush_names();
    }
    code(done, ffi::SQLITE_IOERR_DELETE)
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    asked: c_int,
    answer: *mut c_int,
) -> c_int {
    // SAFETY: a C string and a place for the answer.
    unsafe {
        let found = locate(path).and_then(|(disk, name)| Some(disk.length(disk.find(&name)?)));
        // As SQLite's own layer: an empty file does not count when asked whether it is there.
        let there = if asked == ffi::SQLITE_ACCESS_EXISTS { found.unwrap_or(0) > 0 } else { found.is_some() };
        *answer = c_int::from(there);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    into: *mut c_char,
) -> c_int {
    // SAFETY: a C string and `room` bytes for a copy of it.
    unsafe {
        let length = CStr::from_ptr(path).count_bytes() + 1;
        if length > room as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(path, into, length);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, count: c_int, into: *mut c_char) -> c_int {
    // SAFETY: room for `count` bytes.
    unsafe { ptr::write_bytes(into, 7, count as usize) };
    count
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    microseconds
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, now: *mut f64) -> c_int {
    // SAFETY: a place for the answer.
    unsafe { *now = 2_461_000.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
