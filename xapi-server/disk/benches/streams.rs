//! Memory and time of a large, almost empty disk as a stream, out of one process and into another:
//! `cargo bench -p xennix-disk --bench streams`. Prints a table for `docs/benchmarks-disk.md`. Asserts only that the
//! disk that arrives reads as the one that was sent.
//!
//! `BENCH_GIB` is the size of the disk (2040), `BENCH_RAW_GIB` that of the disk sent raw, all zeros included (64: each GiB
//! takes a second or more).
//! `BENCH_DIR` is where the files lie.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use xennix_disk::chain::Format;
use xennix_disk::convert::{Qcow2Stream, VhdStream, export_qcow2, export_raw, export_vhd, import_raw};
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::image::Image;
use xennix_disk::qcow2::{Qcow2Disk, create::create as create_qcow2};
use xennix_disk::source::{Source, State};
use xennix_disk::vhd::create::{NewImage, Room, create as create_vhd};
use xennix_disk::volumes::Directory;

const GIB: u64 = 1 << 30;
/// Which half a process is, and of which format the stream is.
const HALF: &str = "BENCH_HALF";

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Where the disk holds something.
fn places(size: u64) -> [u64; 5] {
    [0, GIB, (size / 3) & !4095, (size / 2) & !4095, size - 4096]
}

fn make(dir: &Path, size: u64) {
    let d = Directory::new(dir);
    create_vhd(&d, "in.vhd", &NewImage::new(size, None), Room::File).expect("create");
    let mut disk = Disk::open(&d, "in.vhd", Format::Vhd).expect("open");
    for at in places(size) {
        disk.write_at(at, &[7; 4096]).expect("write");
    }
    disk.close().expect("close");
}

fn send(dir: &Path, format: &str) {
    let source = Image::within(&Directory::new(dir), "in.vhd", Format::Vhd, Access::Read).expect("open");
    let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
    let quiet = &mut |_| Ok(());
    match format {
        "raw" => export_raw(&source, &mut out, quiet).expect("raw"),
        "vhd" => {
            export_vhd(&source, &NewImage::new(source.size(), None), &mut out, quiet).expect("vhd");
        }
        _ => {
            export_qcow2(&source, None, &mut out, quiet).expect("qcow2");
        }
    }
    out.flush().expect("flush");
}

fn receive(dir: &Path, format: &str, size: u64) {
    let d = Directory::new(dir);
    let from = BufReader::with_capacity(1 << 18, std::io::stdin().lock());
    let quiet = &mut |_| Ok(());
    if format == "qcow2" {
        create_qcow2(&d, "out.qcow2", size, None).expect("create");
        let mut target = Qcow2Disk::open(&d, "out.qcow2", Access::Write).expect("open");
        Qcow2Stream::open(from).expect("stream").copy_to(&mut target, true, quiet).expect("copy");
        return target.close().expect("close");
    }
    create_vhd(&d, "out.vhd", &NewImage::new(size, None), Room::File).expect("create");
    let mut target = Disk::open(&d, "out.vhd", Format::Vhd).expect("open");
    if format == "raw" {
        let mut from = from;
        import_raw(&mut from, &mut target, true, quiet).expect("copy");
    } else {
        VhdStream::open(from).expect("stream").copy_to(&mut target, true, quiet).expect("copy");
    }
    target.close().expect("close");
}

/// What arrived holds what was sent.
fn judge(dir: &Path, format: &str, size: u64) {
    let (name, kind) =
        if format == "qcow2" { ("out.qcow2", Format::Qcow2) } else { ("out.vhd", Format::Vhd) };
    let disk = Image::within(&Directory::new(dir), name, kind, Access::Read).expect("open");
    let mut b = [0; 4096];
    for at in places(size) {
        disk.read_at(at, &mut b).expect("read");
        assert!(b == [7; 4096], "{format}: byte {at}");
    }
    let mut data = 0;
    xennix_disk::source::extents(&disk, |e| {
        data += if e.state == State::Data { e.len } else { 0 };
        Ok(())
    })
    .expect("extents");
    assert!(data <= 5 * (2 << 20), "{format}: {data} bytes are not empty any more");
    drop(disk);
    std::fs::remove_file(dir.join(name)).expect("remove");
}

/// Waits for both ends; the most memory of each in KiB.
fn watch(ends: &mut [Child; 2]) -> [u64; 2] {
    let mut most = [0; 2];
    loop {
        let mut running = false;
        for (end, most) in ends.iter_mut().zip(&mut most) {
            if let Ok(text) = std::fs::read_to_string(format!("/proc/{}/status", end.id())) {
                let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
                let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
                *most = kib.unwrap_or(0).max(*most);
            }
            match end.try_wait().expect("wait") {
                Some(done) => assert!(done.success()),
                None => running = true,
            }
        }
        if !running {
            return most;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn main() {
    let base = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    if let Ok(half) = std::env::var(HALF) {
        let (half, format) = half.split_once(' ').expect("half and format");
        return if half == "send" {
            send(&base, format)
        } else {
            receive(&base, format, number("BENCH_GIB", 0) * GIB)
        };
    }
    let all = number("BENCH_GIB", 2040);
    println!("| stream | disk, GiB | s | sending, MiB | receiving, MiB |\n|---|---|---|---|---|");
    for (format, gib) in [("vhd", all), ("qcow2", all), ("raw", number("BENCH_RAW_GIB", 64))] {
        let dir = tempfile::tempdir_in(&base).expect("tempdir");
        make(dir.path(), gib * GIB);
        let end = |half: &str, input: Stdio, output: Stdio| {
            Command::new(std::env::current_exe().expect("this program"))
                .env(HALF, format!("{half} {format}"))
                .env("BENCH_GIB", gib.to_string())
                .env("BENCH_DIR", dir.path())
                .stdin(input)
                .stdout(output)
                .spawn()
                .expect("spawn")
        };
        let begin = Instant::now();
        let mut send = end("send", Stdio::null(), Stdio::piped());
        let pipe = send.stdout.take().expect("pipe");
        let receive = end("receive", pipe.into(), File::create("/dev/null").expect("null").into());
        let most = watch(&mut [send, receive]).map(|kib| kib as f64 / 1024.0);
        let s = begin.elapsed().as_secs_f64();
        println!("| {format} | {gib} | {s:.2} | {:.1} | {:.1} |", most[0], most[1]);
        judge(dir.path(), format, gib * GIB);
    }
}
