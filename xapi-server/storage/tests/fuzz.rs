//! Damaged metadata volumes, notes and reports for a fixed time: errors are right, panics are not, and what was read
//! is written so that it is read again.
//!
//! `XENNIX_STORAGE_FUZZ_SECONDS` is the time each target gets (1 unless set); a failure leaves its seed.

use std::time::{Duration, Instant};

use xapi_storage::lvm::{
    mgt::{Entry, SrInfo, Table},
    notes, report,
};

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n.max(1)
    }
}

fn fuzz(name: &str, target: impl Fn(&mut Dice)) {
    let seconds = std::env::var("XENNIX_STORAGE_FUZZ_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut seed = 1_u64;
    loop {
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let run = std::panic::AssertUnwindSafe(|| {
            let mut dice = dice;
            target(&mut dice);
        });
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("{name}: seed {seed}");
            std::panic::resume_unwind(panic);
        }
        seed += 1;
        if Instant::now() >= end {
            break;
        }
    }
    println!("{name}: {} inputs", seed - 1);
}

fn damage(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..=dice.below(6) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.below(bytes.len() as u64) as usize;
        match dice.below(4) {
            0 => bytes[at] = dice.below(256) as u8,
            1 => bytes[at] = b"<>/&;: 01"[dice.below(9) as usize],
            2 => bytes.truncate(at),
            _ => {
                let end = (at + dice.below(600) as usize).min(bytes.len());
                bytes[at..end].fill(b' ');
            }
        }
    }
}

#[test]
fn metadata_volumes() {
    fuzz("metadata volume", |dice| {
        let sr = SrInfo { uuid: "s".into(), allocation: "thin".into(), ..SrInfo::default() };
        let mut table = Table::new(sr);
        for n in 0..dice.below(6) {
            let name: String =
                (0..dice.below(300)).map(|_| char::from(b' ' + dice.below(95) as u8)).collect();
            let uuid = format!("6f2c1a3e-0000-4000-8000-{n:012}");
            table.put(Entry { uuid, name, managed: true, ..Entry::default() }).expect("room");
        }
        let mut bytes = table.whole();
        damage(dice, &mut bytes);
        let Ok(mut read) = Table::parse(&bytes) else { return };
        read.heal();
        let again = Table::parse(&read.whole()).expect("what is written is read");
        let ids = |t: &Table| t.entries().map(|e| e.uuid.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&again), ids(&read));
    });
}

#[test]
fn notes_and_reports() {
    fuzz("notes and reports", |dice| {
        let text = "x".repeat(dice.below(5000) as usize);
        let mut tags = notes::tags("k", "g", &text).expect("tags");
        let nth = dice.below(tags.len() as u64) as usize;
        let mut bytes = std::mem::take(&mut tags[nth]).into_bytes();
        damage(dice, &mut bytes);
        tags[nth] = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(read) = notes::read(&tags) {
            assert!(read.values().all(|t| t.len() <= 4 << 20));
        }
        let told =
            r#"{"report":[{"lv":[{"lv_name":"a","lv_size":"1","lv_attr":"-wi-a-----","lv_tags":"b,c"}]}]}"#;
        let mut bytes = told.as_bytes().to_vec();
        damage(dice, &mut bytes);
        let told = String::from_utf8_lossy(&bytes);
        let _ = (report::volumes(&told), report::groups(&told), report::physicals(&told));
    });
}
