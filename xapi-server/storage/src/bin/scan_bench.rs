//! Measures how long a scan of many volumes takes: `scan-bench [COUNT]` makes that many in a temporary directory.
//! A tool for people; no test asserts what it prints.

use std::{sync::Arc, time::Instant};

use xapi_storage::{images::Images, naming::Naming};
use xennix_disk::{
    chain::Format,
    vhd::create::{NewImage, Room, create},
    volumes::Directory,
};

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000_usize);
    let dir = match tempfile::tempdir() {
        Ok(dir) => dir,
        Err(e) => return eprintln!("no directory: {e}"),
    };
    let volumes = Directory::new(dir.path());
    let began = Instant::now();
    for _ in 0..count {
        let name = Naming::Files.name(&uuid::Uuid::new_v4().to_string(), Format::Vhd);
        // 100 GiB each: tables that a scan must not read.
        if let Err(e) = create(&volumes, &name, &NewImage::new(100 << 30, None), Room::File) {
            return eprintln!("{name}: {e}");
        }
    }
    println!("made {count} volumes in {:.1} s", began.elapsed().as_secs_f64());
    let images = Images {
        sr: String::new(),
        volumes: Arc::new(volumes),
        naming: Naming::Files,
        dir: dir.path().into(),
        stuck: Arc::default(),
    };
    for _ in 0..3 {
        let began = Instant::now();
        match images.scan() {
            Ok(found) => println!("scanned {} in {:.3} s", found.len(), began.elapsed().as_secs_f64()),
            Err(e) => return eprintln!("{e}"),
        }
    }
}
