//! The engine's speed and memory beside the emulator's tools on the same files in one run:
//! `cargo bench -p xennix-disk --bench against_qemu`. Prints tables for `docs/benchmarks-disk.md`. Asserts nothing.
//!
//! `BENCH_MIB` is the size of the disk (1024), `BENCH_RUNS` how often each is measured (5); the two take turns.
//! `BENCH_DIR` is where the files lie; `BENCH_ONLY` names one part: `convert`, `serve` or `constant`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const OURS: &str = env!("CARGO_BIN_EXE_xennix-disk");
const MIB: u64 = 1 << 20;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

struct Place {
    dir: PathBuf,
    runs: u64,
}

/// What one run took: time and most memory.
#[derive(Clone, Copy)]
struct Taken {
    time: Duration,
    kib: u64,
}

impl Place {
    /// Runs a program; `made` is on stable storage at the end of the time taken.
    fn run(&self, program: &str, args: &[&str], made: Option<&str>) -> Taken {
        let begin = Instant::now();
        let mut child = Command::new(program)
            .args(args)
            .current_dir(&self.dir)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        let kib = watch(&mut child, &format!("{program} {args:?}"));
        if let Some(made) = made {
            File::open(self.dir.join(made)).and_then(|f| f.sync_all()).expect("sync");
        }
        Taken { time: begin.elapsed(), kib }
    }

    fn remove(&self, name: &str) {
        let _ = std::fs::remove_file(self.dir.join(name));
    }

    /// Lets two commands take turns and prints their medians.
    fn compare(&self, what: &str, mut ours: impl FnMut() -> Taken, mut theirs: impl FnMut() -> Taken) {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            a.push(ours());
            b.push(theirs());
        }
        row(what, &mut a, &mut b);
    }
}

fn row(what: &str, a: &mut [Taken], b: &mut [Taken]) {
    let of = |v: &mut [Taken]| {
        v.sort_by_key(|t| t.time);
        let s = |t: Taken| t.time.as_secs_f64();
        (s(v[v.len() / 2]), s(v[0]), v.iter().map(|t| t.kib).max().unwrap_or(0))
    };
    let ((am, af, ak), (bm, bf, bk)) = (of(a), of(b));
    println!(
        "| {what} | {am:.3} ({af:.3}) | {bm:.3} ({bf:.3}) | {:.2} | {:.1} | {:.1} |",
        bm / am,
        ak as f64 / 1024.0,
        bk as f64 / 1024.0
    );
}

/// Waits for a child's success; its most memory in KiB.
fn watch(child: &mut Child, what: &str) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
            most = kib.unwrap_or(0).max(most);
        }
        match child.try_wait().expect("wait") {
            Some(done) => {
                assert!(done.success(), "{what}");
                return most;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// A disk of `mib` MiB: stretches of data and holes by turns, three fifths of it data.
fn fill(path: &Path, mib: u64) {
    let mut file = File::create(path).expect("create");
    file.set_len(mib * MIB).expect("size");
    let mut state = 88172645463325252u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut at = 0;
    while at < mib * MIB {
        let n = (65536 * (1 + next() % 48)).min(mib * MIB - at);
        if next() % 5 < 3 {
            let bytes: Vec<u8> = (0..n / 8).flat_map(|_| next().to_le_bytes()).collect();
            file.seek(SeekFrom::Start(at)).expect("seek");
            file.write_all(&bytes).expect("write");
        }
        at += n;
    }
    file.sync_all().expect("sync");
}

fn warm(path: &Path) {
    let mut file = File::open(path).expect("open");
    let mut b = vec![0; 1 << 20];
    while file.read(&mut b).expect("read") > 0 {}
}

fn head(title: &str) {
    println!("\n{title}\n");
    println!(
        "| what | xennix-disk, s: median (best) | emulator, s: median (best) | times as fast | our MiB | its MiB |"
    );
    println!("|---|---|---|---|---|---|");
}

fn conversions(p: &Place) {
    head("Conversions, the target on stable storage at the end");
    for (format, theirs) in [("vhd", "vpc"), ("qcow2", "qcow2")] {
        let image = format!("in.{format}");
        p.compare(
            &format!("raw to {format}"),
            || {
                p.remove(&image);
                p.run(OURS, &["convert", "-O", format, "in.raw", &image], Some(&image))
            },
            || {
                p.remove("t.out");
                p.run("qemu-img", &["convert", "-f", "raw", "-O", theirs, "in.raw", "t.out"], Some("t.out"))
            },
        );
        warm(&p.dir.join(&image));
        p.compare(
            &format!("{format} to raw"),
            || {
                p.remove("o.raw");
                p.run(OURS, &["convert", "-O", "raw", &image, "o.raw"], Some("o.raw"))
            },
            || {
                p.remove("t.out");
                p.run("qemu-img", &["convert", "-f", theirs, "-O", "raw", &image, "t.out"], Some("t.out"))
            },
        );
        p.remove("t.out");
        p.remove("o.raw");
    }
}

/// A server while it runs.
struct Served(Child);

impl Served {
    fn start(p: &Place, program: &str, args: &[&str]) -> Served {
        let socket = p.dir.join("s");
        let _ = std::fs::remove_file(&socket);
        let mut child = Command::new(program)
            .args(args)
            .current_dir(&p.dir)
            .stdout(Stdio::null())
            // Its client ends without a goodbye, which both servers complain about.
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{program}: {e}"));
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let ended = child.try_wait().expect("wait");
            assert!(ended.is_none(), "{program} {args:?}: {ended:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Served(child)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.0.id().cast_signed());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

fn serving(p: &Place) {
    for format in ["vhd", "qcow2"] {
        let image = format!("in.{format}");
        if !p.dir.join(&image).exists() {
            p.run(OURS, &["convert", "-O", format, "in.raw", &image], Some(&image));
        }
    }
    head("Serving over NBD, the client `qemu-img bench` for both");
    let url = format!("nbd+unix:///?socket={}", p.dir.join("s").display());
    // Count, depth, size, step, and what is added for writes.
    let loads: [(&str, [&str; 4], &[&str]); 5] = [
        ("read 1 MiB pieces in order, 4 at a time", ["2000", "4", "1M", "1M"], &[]),
        ("read 4 KiB pieces far apart, 1 at a time", ["20000", "1", "4k", "1028k"], &[]),
        ("read 4 KiB pieces far apart, 16 at a time", ["40000", "16", "4k", "1028k"], &[]),
        (
            "write 256 KiB pieces in order, 4 at a time, flushed every 64",
            ["4000", "4", "256k", "256k"],
            &["-w", "--flush-interval=64"],
        ),
        (
            "write 4 KiB pieces far apart, 16 at a time, flushed every 256",
            ["10000", "16", "4k", "1028k"],
            &["-w", "--flush-interval=256"],
        ),
    ];
    for (image, theirs) in [("in.raw", "raw"), ("in.qcow2", "qcow2"), ("in.vhd", "vpc")] {
        for (what, [count, depth, size, step], more) in loads {
            let bench = || {
                let mut args = vec![
                    "bench",
                    "-f",
                    "raw",
                    "-t",
                    "writeback",
                    "-c",
                    count,
                    "-d",
                    depth,
                    "-s",
                    size,
                    "-S",
                    step,
                ];
                args.extend(more);
                args.push(&url);
                p.run("qemu-img", &args, None)
            };
            p.compare(
                &format!("{image}: {what}"),
                || {
                    let _served = Served::start(p, OURS, &["serve", image, "--socket", "s"]);
                    bench()
                },
                || {
                    let args = [
                        "-t",
                        "-k",
                        &p.dir.join("s").display().to_string(),
                        "-f",
                        theirs,
                        "--cache=writeback",
                        image,
                    ];
                    let _served = Served::start(p, "qemu-nbd", &args);
                    bench()
                },
            );
        }
    }
}

fn constant(p: &Place) {
    println!("\nSnapshots, clones and large disks (ours alone)\n");
    println!("| what | s: median (best) | MiB |\n|---|---|---|");
    let one = |what: &str, mut run: Box<dyn FnMut(u64) -> Taken + '_>| {
        let mut all: Vec<Taken> = (0..p.runs).map(&mut run).collect();
        all.sort_by_key(|t| t.time);
        let most = all.iter().map(|t| t.kib).max().unwrap_or(0);
        let s = |t: Taken| t.time.as_secs_f64();
        println!(
            "| {what} | {:.4} ({:.4}) | {:.1} |",
            s(all[all.len() / 2]),
            s(all[0]),
            most as f64 / 1024.0
        );
    };
    let fresh = |from: &str, n: u64| {
        let dir = p.dir.join(format!("snap{n}"));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).expect("mkdir");
        std::fs::copy(p.dir.join(from), dir.join("a.vhd")).expect("copy");
        // The copy's own bytes are not what a snapshot makes durable.
        File::open(dir.join("a.vhd")).and_then(|file| file.sync_all()).expect("sync");
        dir
    };
    for (what, image) in [("the filled disk", "in.vhd"), ("an empty disk with one block", "one.vhd")] {
        if image == "one.vhd" {
            std::fs::write(p.dir.join("one.raw"), vec![7; 4 << 20]).expect("write");
            p.run(OURS, &["convert", "-O", "vhd", "one.raw", "one.vhd"], Some("one.vhd"));
        }
        one(
            &format!("snapshot of {what}"),
            Box::new(|n| {
                let dir = fresh(image, n);
                let leaf = dir.join("a.vhd");
                let taken = p.run(
                    OURS,
                    &["snapshot", leaf.to_str().expect("path"), "s.vhd", "--base", "b.vhd"],
                    None,
                );
                let _ = std::fs::remove_dir_all(dir);
                taken
            }),
        );
    }
    one(
        "create a VHD of 2040 GiB",
        Box::new(|_| {
            p.remove("big.vhd");
            p.run(OURS, &["create", "big.vhd", "2040G"], Some("big.vhd"))
        }),
    );
    let big = File::create(p.dir.join("big.raw")).expect("create");
    big.set_len(2040 << 30).expect("size");
    for at in [0, 1 << 30, 777 << 30, (2040 << 30) - 4096u64] {
        std::os::unix::fs::FileExt::write_all_at(&big, &[7; 4096], at).expect("write");
    }
    for format in ["vhd", "qcow2"] {
        let out = format!("big2.{format}");
        one(
            &format!("2040 GiB sparse raw to {format}"),
            Box::new(|_| {
                p.remove(&out);
                p.run(OURS, &["convert", "-O", format, "big.raw", &out], Some(&out))
            }),
        );
        one(
            &format!("2040 GiB sparse {format} to raw"),
            Box::new(|_| {
                p.remove("o.raw");
                p.run(OURS, &["convert", "-O", "raw", &out, "o.raw"], Some("o.raw"))
            }),
        );
    }
}

fn main() {
    let base = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(base).expect("tempdir");
    let p = Place { dir: dir.path().to_owned(), runs: number("BENCH_RUNS", 5) };
    let mib = number("BENCH_MIB", 1024);
    fill(&p.dir.join("in.raw"), mib);
    warm(&p.dir.join("in.raw"));
    println!("disk of {mib} MiB, three fifths data, {} runs each, taking turns", p.runs);
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    // What the other parts read, which the conversions leave.
    for format in ["vhd", "qcow2"].iter().filter(|_| !only.is_empty() && only != "convert") {
        p.run(OURS, &["convert", "-O", format, "in.raw", &format!("in.{format}")], None);
    }
    for (part, run) in [("convert", conversions as fn(&Place)), ("serve", serving), ("constant", constant)] {
        if only.is_empty() || only == part {
            run(&p);
        }
    }
}
