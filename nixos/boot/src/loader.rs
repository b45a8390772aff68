//! The two loaders that can start an entry once: GRUB through its environment, systemd-boot through `bootctl`.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{bootspec, environment::Environment, grub, writable::Writable};

/// Where the firmware leaves what was started.
const SELECTED: &str = "/sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Beside it: the entry of every start, and of the next one only.
const DEFAULT: &str = "LoaderEntryDefault-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const ONE_SHOT: &str = "LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// A loader.
pub trait Loader {
    /// Entry that is running.
    ///
    /// # Errors
    /// It can't be told.
    fn running(&self) -> Result<String>;
    /// Entry of every start.
    ///
    /// # Errors
    /// It can't be read.
    fn default(&self) -> Result<Option<String>>;
    /// Entry of the next start only.
    ///
    /// # Errors
    /// It can't be read.
    fn next(&self) -> Result<Option<String>>;
    /// Starts an entry the next time only.
    ///
    /// # Errors
    /// It can't be written.
    fn once(&self, entry: &str) -> Result<()>;
    /// Starts an entry every time.
    ///
    /// # Errors
    /// It can't be written.
    fn always(&self, entry: &str) -> Result<()>;
}

/// Replaces a file as a whole, durable before it is seen.
///
/// # Errors
/// Those of the file system.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let temporary = path.with_extension("xennix-new");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        if let Ok(before) = std::fs::metadata(path) {
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    };
    write()
        .inspect_err(|_| drop(std::fs::remove_file(&temporary)))
        .with_context(|| path.display().to_string())
}

/// A foreign GRUB.
#[derive(Debug)]
pub struct Grub {
    /// Directory with grub.cfg and grubenv.
    pub directory: PathBuf,
    /// The kernel's command line, which names the running system.
    pub command_line: PathBuf,
    /// Directory of the system profile.
    pub profiles: PathBuf,
}

impl Grub {
    fn environment(&self) -> Result<Environment> {
        match std::fs::read(self.directory.join("grubenv")) {
            Ok(block) => Environment::parse(&block),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Environment::default()),
            Err(e) => Err(e).context("grubenv"),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Environment)) -> Result<()> {
        let mut environment = self.environment()?;
        change(&mut environment);
        let _writable = Writable::around(&self.directory)?;
        replace(&self.directory.join("grubenv"), &environment.block()?)
    }

    /// Writes entries of the newest generations, always with the given one, the running one and the default, and
    /// starts the given one once when it is not the default.
    ///
    /// # Errors
    /// Unreadable generations or configuration.
    pub fn install(&self, root_uuid: &str, limit: usize, toplevel: &Path) -> Result<String> {
        let (all, broken) = bootspec::generations(&self.profiles)?;
        for why in broken {
            eprintln!("xennix-boot: a generation is left out: {why:#}");
        }
        let wanted = toplevel.canonicalize().with_context(|| toplevel.display().to_string())?;
        let new = all
            .iter()
            .find(|one| one.toplevel == wanted)
            .context("the system is no generation of the profile")?
            .id();
        let default = self.default()?;
        let running = self.running().ok();
        let limit = if limit == 0 { usize::MAX } else { limit };
        let keep = |at: usize, id: &str| {
            at < limit || id == new || default.as_deref() == Some(id) || running.as_deref() == Some(id)
        };
        let kept: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(at, one)| keep(*at, &one.id()))
            .map(|(_, one)| one.clone())
            .collect();
        let path = self.directory.join("grub.cfg");
        let before = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let _writable = Writable::around(&self.directory)?;
        replace(&path, grub::with_part(&before, &grub::part(&kept, root_uuid)).as_bytes())?;
        if default.as_deref() == Some(new.as_str()) {
            self.change(|environment| drop(environment.0.remove(grub::NEXT)))?;
        } else {
            self.once(&new)?;
        }
        Ok(new)
    }
}

impl Loader for Grub {
    fn running(&self) -> Result<String> {
        let line = std::fs::read_to_string(&self.command_line).context("command line of the kernel")?;
        let init = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("init="))
            .context("no init= was given")?;
        let (all, _) = bootspec::generations(&self.profiles)?;
        let mut matching = all.iter().filter(|one| one.system.init == init);
        Ok(matching.next().with_context(|| format!("{init} is of no generation"))?.id())
    }

    fn default(&self) -> Result<Option<String>> {
        Ok(self.environment()?.0.remove(grub::DEFAULT).filter(|value| !value.is_empty()))
    }

    fn next(&self) -> Result<Option<String>> {
        Ok(self.environment()?.0.remove(grub::NEXT).filter(|value| !value.is_empty()))
    }

    fn once(&self, entry: &str) -> Result<()> {
        self.change(|environment| drop(environment.0.insert(grub::NEXT.into(), entry.into())))
    }

    fn always(&self, entry: &str) -> Result<()> {
        self.change(|environment| {
            environment.0.insert(grub::DEFAULT.into(), entry.into());
            environment.0.remove(grub::NEXT);
        })
    }
}

/// systemd-boot.
#[derive(Debug)]
pub struct SystemdBoot {
    /// The program `bootctl`.
    pub bootctl: PathBuf,
    /// Variable of the firmware with the running entry.
    pub selected: PathBuf,
}

impl SystemdBoot {
    /// On this machine.
    pub fn new(bootctl: PathBuf) -> SystemdBoot {
        SystemdBoot { bootctl, selected: SELECTED.into() }
    }

    fn ask(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(&self.bootctl)
            .args(args)
            .output()
            .with_context(|| self.bootctl.display().to_string())?;
        if !output.status.success() {
            bail!("bootctl {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
    }

    /// The installer has made a new entry the default of the configuration file: it is started once, and the firmware
    /// keeps what runs now as its own default, which goes before the file's.
    ///
    /// # Errors
    /// Those of `bootctl`.
    pub fn arm(&self) -> Result<Option<String>> {
        let esp = PathBuf::from(self.ask(&["--print-esp-path"])?);
        let file = esp.join("loader/loader.conf");
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let new = text
            .lines()
            .find_map(|line| line.strip_prefix("default "))
            .map(str::trim)
            .context("loader.conf has no default")?;
        // On the first installation nothing of ours runs yet: there is nothing to go back to.
        let Ok(running) = self.running() else { return Ok(None) };
        if running == new {
            return Ok(None);
        }
        self.always(&running)?;
        self.once(new)?;
        Ok(Some(new.to_string()))
    }
}

impl SystemdBoot {
    /// Text of a variable of the firmware; one that is not there has none.
    fn variable(&self, path: &Path) -> Result<Option<String>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| path.display().to_string()),
        };
        // Four bytes of attributes, then UTF-16 with a zero at its end.
        let units: Vec<u16> = bytes
            .get(4..)
            .unwrap_or_default()
            .chunks_exact(2)
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
            .collect();
        let text = String::from_utf16(&units).with_context(|| path.display().to_string())?;
        Ok(Some(text.trim_end_matches('\0').to_string()).filter(|text| !text.is_empty()))
    }
}

impl Loader for SystemdBoot {
    fn running(&self) -> Result<String> {
        self.variable(&self.selected)?.context("the firmware does not say what was started")
    }

    fn default(&self) -> Result<Option<String>> {
        self.variable(&self.selected.with_file_name(DEFAULT))
    }

    fn next(&self) -> Result<Option<String>> {
        self.variable(&self.selected.with_file_name(ONE_SHOT))
    }

    fn once(&self, entry: &str) -> Result<()> {
        self.ask(&["set-oneshot", entry]).map(drop)
    }

    fn always(&self, entry: &str) -> Result<()> {
        self.ask(&["set-default", entry]).map(drop)
    }
}
