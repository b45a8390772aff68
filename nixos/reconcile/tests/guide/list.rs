//! What becomes of each command of the guide.

/// What is done with a command.
pub enum How {
    /// It is run as it is written.
    Run {
        /// What the words around it say is there by then, as a script.
        before: &'static str,
        /// How it may end.
        codes: &'static [i32],
        /// Part of what it says.
        says: &'static str,
    },
    /// It can't be run here.
    Cannot(&'static str),
}

/// A command of a page.
pub struct Listed {
    pub page: &'static str,
    pub command: &'static str,
    pub how: How,
}

const fn runs(page: &'static str, command: &'static str, before: &'static str, says: &'static str) -> Listed {
    Listed { page, command, how: How::Run { before, codes: &[0], says } }
}

const fn cannot(page: &'static str, command: &'static str, why: &'static str) -> Listed {
    Listed { page, command, how: How::Cannot(why) }
}

const OF_NIXOS: &str = "a program of NixOS itself, which needs nixpkgs";

/// In the order of the pages.
pub const COMMANDS: &[Listed] = &[
    runs("declare-a-guest", "xennix-reconcile check /etc/xennix/manifest.json", "", "1 guests, 1 networks"),
    cannot("declare-a-guest", "nixos-rebuild dry-activate", OF_NIXOS),
    runs(
        "declare-a-guest",
        "xennix-reconcile apply --dry-run /etc/xennix/manifest.json",
        "",
        "+ xennix.domains.web: make the guest",
    ),
    runs("declare-a-guest", "xennix-reconcile apply /etc/xennix/manifest.json", "", "start \"web\""),
    runs(
        "declare-a-guest",
        "xennix-reconcile apply --dry-run --url https://dom0.example.org --ca-file /root/dom0.pem \
         --password-file /root/password /etc/xennix/manifest.json",
        "cp /var/lib/xennix/xapi-ssl.pem /root/dom0.pem",
        "everything is as declared",
    ),
    runs("go-back", "xennix-boot status --grub /old/boot/grub", "", "state: not confirmed"),
    runs("go-back", "xennix-boot confirm --grub /old/boot/grub", "", "confirmed: xennix-1"),
    cannot("go-back", "nixos-rebuild switch --rollback", OF_NIXOS),
    runs("go-back", "touch /run/xennix/no-confirm", "", ""),
    // Here the host is only a copy of its files: what its running programs would say is missing, and told.
    Listed {
        page: "infect",
        command: "infect check --live",
        how: How::Run { before: "", codes: &[0, 1], says: "" },
    },
    runs("infect", "infect generate --live --out /root/new", "", ""),
    runs(
        "infect",
        "infect import --handoff /var/lib/xennix-handoff --state-dir /var/lib/xennix",
        "ls /root/new/flake/pool.nix /root/new/flake/network.nix /root/new/flake/storage.nix; \
         ls /root/new/flake/disks.nix /root/new/flake/hardware.nix; \
         cp -a /root/new/handoff /var/lib/xennix-handoff",
        "",
    ),
    runs(
        "infect",
        "infect verify --old /var/lib/xennix-handoff/state.db --new /var/lib/xennix",
        "test -e /var/lib/xennix-handoff/done",
        "",
    ),
    cannot(
        "install",
        "nix flake init --template github:OWNER/xennix",
        "fetches from a network; what it would write is evaluated by nixos/tests/run",
    ),
    cannot("install", "nixos-generate-config --show-hardware-config", OF_NIXOS),
    cannot("install", "nixos-install --flake .#dom0", OF_NIXOS),
    runs("install", "xe host-list", "", "name-label"),
    cannot("install", "nixos-rebuild switch", OF_NIXOS),
];
