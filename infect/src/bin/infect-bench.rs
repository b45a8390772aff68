//! Measures an import: a database of as many rows as asked for (100,000 otherwise), its time and its memory.
//! `cargo run --release -p infect --bin infect-bench -- 100000`

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use infect::{
    db::{
        export,
        import::{self, Request},
        verify,
    },
    progress::Quiet,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let dir = std::env::temp_dir().join(format!("infect-bench-{}", std::process::id()));
    fs::create_dir(&dir)?;
    let done = measure(&dir, rows);
    fs::remove_dir_all(&dir)?;
    done
}

fn measure(dir: &Path, rows: u64) -> Result<(), Box<dyn std::error::Error>> {
    let db = dir.join("state.db");
    write(&db, rows)?;
    println!("{rows} rows, {} MB; peak memory before: {} MB", fs::metadata(&db)?.len() >> 20, peak());
    let request = Request {
        db: db.clone(),
        state_dir: dir.join("state"),
        identity: None,
        bridge: None,
        pool_secret: None,
        generation: None,
        accept: Vec::new(),
    };
    let start = Instant::now();
    let outcome = import::run(&request, &mut Quiet)?;
    println!(
        "import and proof: {:.1} s, {} fields compared; peak memory {} MB",
        start.elapsed().as_secs_f64(),
        outcome.verdict.fields,
        peak()
    );
    let start = Instant::now();
    verify::run(&db, &request.state_dir, false, &mut Quiet)?.demand()?;
    println!("verify: {:.1} s; peak memory {} MB", start.elapsed().as_secs_f64(), peak());
    let start = Instant::now();
    export::run(&request.state_dir, &dir.join("back.db"), &mut Quiet)?;
    println!("export: {:.1} s; peak memory {} MB", start.elapsed().as_secs_f64(), peak());
    Ok(())
}

/// The most memory this process has had, in MB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 10
}

fn reference(kind: u64, n: u64) -> String {
    format!("OpaqueRef:{kind:08x}-0000-4000-8000-{n:012x}")
}

fn uuid(kind: u64, n: u64) -> String {
    format!("{kind:08x}-1111-4111-8111-{n:012x}")
}

/// A pool of VMs with a disk each: a third VMs, a third VBDs, a third VDIs.
fn write(path: &Path, rows: u64) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<database><manifest><pair key=\"schema_major_vsn\" value=\"5\"/>\
         <pair key=\"schema_minor_vsn\" value=\"779\"/><pair key=\"generation_count\" value=\"9\"/></manifest>"
    )?;
    let row = |kind: u64, n: u64, columns: String| {
        let (this, uuid) = (reference(kind, n), uuid(kind, n));
        format!("<row ref=\"{this}\" __ctime=\"1\" __mtime=\"2\" _ref=\"{this}\" uuid=\"{uuid}\"{columns}/>")
    };
    let (host, sr, dom0) = (reference(1, 0), reference(2, 0), reference(5, 0));
    let host_columns = format!(" address=\"192.0.2.1\" control_domain=\"{dom0}\" hostname=\"bench\"");
    write!(out, "<table name=\"SR\">{}</table>", row(2, 0, " type=\"ext\"".into()))?;
    let each = rows / 3;
    write!(out, "<table name=\"VBD\">")?;
    for n in 1..=each {
        let columns = format!(
            " VM=\"{}\" VDI=\"{}\" userdevice=\"0\" bootable=\"true\" mode=\"RW\" type=\"Disk\" \
             currently_attached=\"true\" device=\"xvda\" other_config=\"(('owner'%.''))\"",
            reference(5, n),
            reference(4, n)
        );
        write!(out, "{}", row(3, n, columns))?;
    }
    write!(out, "</table><table name=\"VDI\">")?;
    for n in 1..=each {
        let columns = format!(
            " SR=\"{sr}\" name__label=\"disk%.{n}\" name__description=\"made%.for%.measuring\" virtual_size=\"10737418240\" \
             type=\"user\" location=\"{}\" managed=\"true\" sm_config=\"(('vdi_type'%.'vhd')%.('host_{host}'%.'RW'))\"",
            uuid(4, n)
        );
        write!(out, "{}", row(4, n, columns))?;
    }
    write!(out, "</table><table name=\"VM\">")?;
    for n in 0..=each {
        let domain = n == 0;
        let columns = format!(
            " name__label=\"vm%.{n}\" is_control_domain=\"{domain}\" power_state=\"Running\" resident_on=\"{host}\" \
             domid=\"{n}\" memory__static_max=\"4294967296\" HVM__boot_policy=\"BIOS%.order\" domain_type=\"hvm\" \
             platform=\"(('acpi'%.'1')%.('apic'%.'true')%.('viridian'%.'true')%.('device-model'%.'qemu-upstream-compat'))\" \
             other_config=\"(('mac_seed'%.'{}')%.('base_template_name'%.'Debian%.Bookworm%.12'))\" \
             recommendations=\"&lt;restrictions/&gt;\"",
            uuid(6, n)
        );
        write!(out, "{}", row(5, n, columns))?;
    }
    write!(out, "</table><table name=\"host\">{}</table>", row(1, 0, host_columns))?;
    write!(out, "<table name=\"pool\">{}</table></database>", row(7, 0, format!(" master=\"{host}\"")))?;
    out.flush()
}
