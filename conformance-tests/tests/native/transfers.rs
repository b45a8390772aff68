//! Disks on their way in and out, in every form, read by programs others wrote.

use std::{fs, path::Path, process::Command};

use conformance_tests::transfer;
use serde_json::json;

use crate::world::{World, content, noise};

/// Whether qemu-img says two images hold the same bytes.
fn qemu_same(format: &str, image: &Path, raw: &Path) {
    let output = Command::new("qemu-img")
        .args(["compare", "-f", format, "-F", "raw"])
        .args([image, raw])
        .output()
        .expect("qemu-img runs");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn convert(format: &str, raw: &Path, to: &Path) {
    let mut command = Command::new("qemu-img");
    command.args(["convert", "-f", "raw", "-O", format]);
    if format == "vpc" {
        command.args(["-o", "force_size=on"]);
    }
    assert!(command.args([raw, to]).status().expect("qemu-img runs").success());
}

#[test]
fn disks_travel_in_every_form() {
    let mut world = World::new();
    let (disk, _) = world.disk(0, 24);
    let full = content(1, 24);
    world.fill(&disk, &full);
    let raw = world.path("full.raw");
    fs::write(&raw, &full).expect("a file");
    for (format, theirs) in [("vhd", "vpc"), ("qcow2", "qcow2")] {
        let (image, converted) = (world.path(format), world.path(theirs));
        let bytes = world.download(&format!("/export_raw_vdi?vdi={disk}&format={format}"));
        assert!(bytes.len() < full.len() * 3 / 4, "{format}: {} bytes for what is mostly empty", bytes.len());
        fs::write(&image, &bytes).expect("a file");
        qemu_same(theirs, &image, &raw);
        // Ours and theirs come in over what was there before.
        convert(theirs, &raw, &converted);
        for from in [image, converted] {
            let (target, _) = world.disk(1, 24);
            world.fill(&target, &noise(9, 3 << 20));
            let path = format!("/import_raw_vdi?vdi={target}&format={format}");
            let record = world.upload(&path, &fs::read(&from).expect("a file"));
            assert_eq!(record["status"], "success", "{record}");
            assert!(world.bytes(&target) == full, "{format} from {}", from.display());
            world.call("VDI.destroy", &[json!(target)]);
        }
    }
    let archive = world.download(&format!("/export_raw_vdi?vdi={disk}&format=tar"));
    let (target, _) = world.disk(1, 24);
    world.fill(&target, &noise(9, 3 << 20));
    let record = world.upload(&format!("/import_raw_vdi?vdi={target}&format=tar"), &archive);
    assert_eq!(record["status"], "success", "{record}");
    assert!(world.bytes(&target) == full, "tar");
    let mut wrong = archive.clone();
    let sector = wrong.chunks(512).position(|sector| *sector == noise(2, 512)).expect("the noise is in it");
    wrong[sector * 512] ^= 1;
    let record = world.upload(&format!("/import_raw_vdi?vdi={target}&format=tar"), &wrong);
    assert_eq!(record["status"], "failure", "{record}");

    // A new disk, as large as what comes.
    let record = world.upload(&format!("/import_raw_vdi?sr_uuid={}&format=raw", world.srs[1].uuid), &full);
    assert_eq!(record["status"], "success", "{record}");
    let made = record["result"].as_str().and_then(|text| text.split('>').nth(1)?.split('<').next());
    let made = made.expect("a disk").to_string();
    assert!(world.bytes(&made) == full);
    // A size nobody knows: only what is there already can take it.
    let path = format!("/import_raw_vdi?vdi={made}&session_id={}", world.session());
    let answer =
        transfer::put_endless(world.server.http(), &path, &mut &noise(4, 2 << 20)[..]).expect("an answer");
    assert_eq!(answer.status, 200);
    let _ = answer.bytes();
    assert!(world.bytes(&made)[..2 << 20] == noise(4, 2 << 20));
    world.assert_tidy();
}

#[test]
fn differences_are_enough() {
    let mut world = World::new();
    let (disk, _) = world.disk(0, 24);
    let mut now = content(1, 24);
    world.fill(&disk, &now);
    let base = world.text("VDI.snapshot", &[json!(disk), json!({})]);
    now[7 << 20..][..70_000].copy_from_slice(&noise(7, 70_000));
    now[1 << 20..][..4_096].fill(0);
    world.fill(&disk, &now);
    for format in ["vhd", "qcow2"] {
        let base_uuid = world.text("VDI.get_uuid", &[json!(base)]);
        let path = format!("/export_raw_vdi?vdi={disk}&format={format}&base={base_uuid}");
        let delta = world.download(&path);
        assert!(delta.len() < 3 << 20, "{format}: {} bytes for two changes", delta.len());
        // The base elsewhere, then the differences over it.
        let (target, _) = world.disk(1, 24);
        let whole = world.download(&format!("/export_raw_vdi?vdi={base}&format={format}"));
        for image in [whole, delta] {
            let record = world.upload(&format!("/import_raw_vdi?vdi={target}&format={format}"), &image);
            assert_eq!(record["status"], "success", "{record}");
        }
        assert!(world.bytes(&target) == now, "{format}");
    }
    world.assert_tidy();
}

#[test]
fn what_is_refused_leaves_nothing() {
    let mut world = World::new();
    let (disk, _) = world.disk(0, 8);
    let full = content(1, 8);
    world.fill(&disk, &full);
    let before = world.files(0);
    for (path, body, code) in [
        (format!("/import_raw_vdi?vdi={disk}&format=nonsense"), vec![], "INTERNAL_ERROR"),
        (format!("/import_raw_vdi?vdi={disk}&format=vhd"), noise(1, 1 << 20), "VDI_IO_ERROR"),
        (format!("/import_raw_vdi?vdi={disk}&format=qcow2"), noise(1, 1 << 20), "VDI_IO_ERROR"),
        ("/import_raw_vdi?format=raw".into(), vec![0; 512], "VDI_MISSING"),
        (format!("/import?sr_uuid={}", world.srs[0].uuid), noise(1, 1 << 20), "IMPORT_ERROR"),
    ] {
        let record = world.upload(&path, &body);
        assert_eq!(record["status"], "failure", "{path}: {record}");
        let told = record["error_info"][0].as_str().unwrap_or_default();
        assert!(told.starts_with(code), "{path}: {record}");
    }
    assert!(world.bytes(&disk) == full && world.files(0) == before);
    // The answer arrives although most of a huge body was never wanted.
    for _ in 0..8 {
        let path = format!("/import_raw_vdi?vdi=nothing&session_id={}", world.session());
        let answer = transfer::put(world.server.http(), &path, 48 << 20, &mut std::io::repeat(7));
        let answer = answer.expect("the answer, not a reset");
        assert!(answer.status >= 400, "{answer:?}");
        answer.bytes().expect("all of the answer");
    }
    world.assert_tidy();
}

#[test]
fn a_silent_client_keeps_only_its_own_disk() {
    use std::io::Write;
    let mut world = World::new();
    let (disk, _) = world.disk(0, 8);
    let (other, _) = world.disk(0, 8);
    let (vm, _) = world.vm("waits");
    world.attach(&vm, &disk, "0");
    let task = world.task();
    let mut silent = std::net::TcpStream::connect(world.server.http()).expect("a connection");
    let session = world.session();
    let head = format!(
        "PUT /import_raw_vdi?vdi={disk}&format=raw&session_id={session}&task_id={task} HTTP/1.1\r\n\
         Host: here\r\nContent-Length: {}\r\n\r\n",
        8 << 20
    );
    silent.write_all(head.as_bytes()).and_then(|()| silent.write_all(&noise(1, 1 << 20))).expect("sent");
    world.wait("the disk to be taken", |world| {
        let slots = world.get("VDI", "VBDs", &disk);
        slots.as_array().is_some_and(|slots| slots.len() == 2).then_some(())
    });
    let none = json!("OpaqueRef:NULL");
    let copy = [json!(other), none.clone(), none.clone(), json!(disk)];
    let start = vec![json!(vm), json!(false), json!(false)];
    let refused = [("VDI.destroy", vec![json!(disk)]), ("VDI.copy", copy.to_vec()), ("VM.start", start)];
    for (method, args) in refused {
        assert_eq!(world.try_call(method, &args).expect_err("refused").code, "VDI_IN_USE", "{method}");
    }
    let second = world.upload(&format!("/import_raw_vdi?vdi={disk}&format=raw"), &noise(2, 512));
    assert_eq!(second["error_info"][0], "VDI_IN_USE", "{second}");
    // Everybody else goes on, also beside a mark that anybody can write.
    world.fill(&other, &content(1, 8));
    let (first, second) = (world.vm("marked").0, world.vm("free").0);
    let marked = world.attach(&first, &other, "0");
    world.call("VBD.add_to_other_config", &[json!(marked), json!("xennix_transfer"), json!("mine")]);
    world.attach(&second, &other, "0");
    world.call("VM.start", &[json!(second), json!(false), json!(false)]);
    world.call("VM.hard_shutdown", &[json!(second)]);
    world.call("VDI.snapshot", &[json!(other), json!({})]);
    world.call("VDI.destroy", &[json!(other)]);
    world.call("task.cancel", &[json!(task)]);
    assert_eq!(world.ended(&task)["status"], "cancelled");
    world.call("VDI.destroy", &[json!(disk)]);
    drop(silent);
    world.assert_tidy();
}

#[test]
fn nothing_is_written_over_a_snapshot_or_over_itself() {
    let mut world = World::new();
    let (disk, _) = world.disk(0, 8);
    let full = content(1, 8);
    world.fill(&disk, &full);
    let frozen = world.text("VDI.snapshot", &[json!(disk), json!({})]);
    let none = json!("OpaqueRef:NULL");
    for (into, code) in [(&frozen, "VDI_READONLY"), (&disk, "VDI_IN_USE")] {
        let refused = world.try_call("VDI.copy", &[json!(disk), none.clone(), none.clone(), json!(into)]);
        assert_eq!(refused.expect_err("refused").code, code);
    }
    let record = world.upload(&format!("/import_raw_vdi?vdi={frozen}&format=raw"), &noise(2, 1 << 20));
    assert_eq!(record["error_info"][0], "VDI_READONLY", "{record}");
    assert!(world.bytes(&frozen) == full && world.bytes(&disk) == full);
    world.assert_tidy();
}

#[test]
fn a_transfer_that_is_cut_off_is_no_success() {
    use std::io::Write;
    let mut world = World::new();
    let (disk, _) = world.disk(0, 4);
    let task = world.task();
    let session = world.session();
    let head = format!(
        "PUT /import_raw_vdi?vdi={disk}&format=raw&session_id={session}&task_id={task} HTTP/1.1\r\n\
         Host: here\r\nContent-Length: {}\r\n\r\n",
        5 << 20
    );
    let mut cut = std::net::TcpStream::connect(world.server.http()).expect("a connection");
    // The whole disk, but less than was announced.
    cut.write_all(head.as_bytes()).and_then(|()| cut.write_all(&noise(1, 4 << 20))).expect("sent");
    drop(cut);
    let record = world.ended(&task);
    assert_eq!(record["status"], "failure", "{record}");
    world.assert_tidy();
}

#[test]
fn an_image_that_needs_another_one_is_not_taken_alone() {
    let mut world = World::new();
    let full = content(1, 8);
    let (raw, base, over) = (world.path("raw"), world.path("base.qcow2"), world.path("over.qcow2"));
    fs::write(&raw, &full).expect("a file");
    convert("qcow2", &raw, &base);
    let made = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "base.qcow2"])
        .arg(&over)
        .status();
    assert!(made.expect("qemu-img runs").success());
    let (disk, _) = world.disk(0, 8);
    let path = format!("/import_raw_vdi?vdi={disk}&format=qcow2");
    let record = world.upload(&path, &fs::read(&over).expect("a file"));
    assert_eq!(record["error_info"][0], "VDI_IO_ERROR", "{record}");
    assert!(record["error_info"][1].as_str().is_some_and(|why| why.contains("base.qcow2")), "{record}");
    // What it needs first, then it; and what the disk takes up is known at once.
    let before = world.get("VDI", "physical_utilisation", &disk);
    for image in [&base, &over] {
        let record = world.upload(&path, &fs::read(image).expect("a file"));
        assert_eq!(record["status"], "success", "{record}");
    }
    assert!(world.bytes(&disk) == full);
    let after = world.get("VDI", "physical_utilisation", &disk);
    assert!(before != after, "{before}, then {after}");
    world.assert_tidy();
}

/// A web server with one archive, behind a redirect; what it is asked for otherwise is not there.
fn web(archive: Vec<u8>, cut: bool) -> (std::net::SocketAddr, std::thread::JoinHandle<()>) {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let mut to = &stream;
            if first.starts_with("GET /end ") {
                return;
            } else if first.starts_with("GET /here ") {
                let _ = to.write_all(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
            } else if first.starts_with("GET /there ") {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", archive.len());
                let body = if cut { &archive[..archive.len() / 2] } else { &archive[..] };
                let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(body));
            } else if first.starts_with("GET /round ") {
                let _ = to.write_all(b"HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n");
            } else {
                let _ = to.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    (address, serving)
}

#[test]
fn vms_are_fetched_by_url() {
    let mut world = World::new();
    let (vm, _) = world.vm("far");
    let (disk, _) = world.disk(0, 8);
    world.attach(&vm, &disk, "0");
    let full = content(1, 8);
    world.fill(&disk, &full);
    let archive = world.download(&format!("/export?ref={vm}"));
    let sr = world.srs[1].reference.clone();
    let import = |world: &mut World, url: String| {
        world.try_call("VM.import", &[json!(url), json!(sr), json!(false), json!(false)])
    };
    let (address, serving) = web(archive.clone(), false);
    let made = import(&mut world, format!("http://{address}/here")).expect("imported");
    let made = made[0].as_str().expect("a VM").to_string();
    let slots = world.get("VM", "VBDs", &made);
    let disk = world.text("VBD.get_VDI", &[slots[0].clone()]);
    assert!(world.bytes(&disk) == full);
    let before = world.files(1);
    for wrong in ["nothing", "round"] {
        let refused = import(&mut world, format!("http://{address}/{wrong}")).expect_err("refused");
        assert_eq!(refused.code, "IMPORT_ERROR", "{refused:?}");
    }
    for wrong in [format!("https://{address}/here"), "file:///etc/passwd".into(), "nonsense".into()] {
        assert_eq!(import(&mut world, wrong).expect_err("refused").code, "IMPORT_ERROR");
    }
    let (short, cutting) = web(archive, true);
    let refused = import(&mut world, format!("http://{short}/there")).expect_err("cut short");
    assert_eq!(refused.code, "IMPORT_ERROR_PREMATURE_EOF", "{refused:?}");
    assert_eq!(world.files(1), before);
    world.assert_tidy();
    for (address, serving) in [(address, serving), (short, cutting)] {
        let _ = transfer::get(address, "/end");
        serving.join().expect("it ends");
    }
}

#[test]
fn huge_disks_take_no_more_memory_than_small_ones() {
    let mut world = World::new();
    let huge = 2_040 << 10;
    let (disk, uuid) = world.disk(0, huge);
    let (vm, _) = world.vm("huge");
    world.attach(&vm, &disk, "0");
    world.call("VM.start", &[json!(vm), json!(false), json!(false)]);
    let mut guest = conformance_tests::nbd::Disk::at(&world.socket(&uuid));
    for at in [0, 1 << 30, (huge << 20) - 8_192] {
        guest.write(at, &noise(at, 8_192)).expect("the guest writes");
    }
    drop(guest);
    world.call("VM.hard_shutdown", &[json!(vm)]);
    let before = world.memory();
    let (target, _) = world.disk(1, huge);
    for format in ["vhd", "qcow2"] {
        let image = world.download(&format!("/export_raw_vdi?vdi={disk}&format={format}"));
        let record = world.upload(&format!("/import_raw_vdi?vdi={target}&format={format}"), &image);
        assert_eq!(record["status"], "success", "{record}");
    }
    let other = world.srs[1].reference.clone();
    let none = json!("OpaqueRef:NULL");
    let copy = world.text("VDI.copy", &[json!(disk), json!(other), none.clone(), none]);
    let grown = world.memory().saturating_sub(before);
    assert!(grown < 96 << 20, "{grown} bytes more");
    for at in [&target, &copy] {
        let image = world.path("huge.vhd");
        fs::write(&image, world.download(&format!("/export_raw_vdi?vdi={at}&format=vhd"))).expect("a file");
        let size = fs::metadata(&image).expect("a file").len();
        assert!(size < 32 << 20, "{size} bytes for three blocks");
    }
    world.assert_tidy();
}

#[test]
fn backup_programs_read_disks() {
    let mut world = World::new();
    let (disk, uuid) = world.disk(0, 16);
    let full = content(1, 16);
    world.fill(&disk, &full);
    let network = world.xe(&["pif-list", "management=true", "params=network-uuid", "--minimal"]);
    let network = world.text("network.get_by_uuid", &[json!(network)]);
    world.call("network.add_purpose", &[json!(network), json!("nbd")]);
    let offered = world.call("VDI.get_nbd_info", &[json!(disk)]);
    let certificate = offered[0]["cert"].as_str().unwrap_or_default().to_string();
    assert!(certificate.contains("BEGIN CERTIFICATE"), "{offered}");
    let trust = world.path("trust");
    fs::create_dir(&trust).expect("a directory");
    fs::write(trust.join("ca-cert.pem"), certificate).expect("a file");
    let address = offered[0]["address"].as_str().unwrap_or_default().to_string();
    let port = offered[0]["port"].to_string().trim_matches('"').to_string();
    let name = format!("/{uuid}?session_id={}", world.session());
    let (raw, image) = (world.path("raw"), world.path("image"));
    fs::write(&raw, &full).expect("a file");
    let credentials =
        format!("tls-creds-x509,id=t,endpoint=client,dir={},verify-peer=no,sanity-check=no", trust.display());
    let subject = offered[0]["subject"].as_str().unwrap_or_default();
    let source = format!(
        "driver=nbd,server.type=inet,server.host={address},server.port={port},export={name},tls-creds=t,tls-hostname={subject}"
    );
    let output = Command::new("qemu-img")
        .args(["convert", "--object", &credentials, "--image-opts", &source, "-O", "raw"])
        .arg(&image)
        .output()
        .expect("qemu-img runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read(&image).expect("a file") == full);
    // In the clear it is not to be had.
    let plain = format!("driver=nbd,server.type=inet,server.host={address},server.port={port},export={name}");
    let refused =
        Command::new("qemu-img").args(["info", "--image-opts", &plain]).output().expect("qemu-img runs");
    assert!(!refused.status.success());
    world.wait("the disk to come back", |world| {
        let slots = world.get("VDI", "VBDs", &disk);
        slots.as_array().is_some_and(Vec::is_empty).then_some(())
    });
    world.assert_tidy();
}
