//! Shell completion of command names and their parameters.

use std::fmt::Write;

use crate::table::commands;

/// The script for a shell, `None` for shells without one.
pub(super) fn script(shell: &str) -> Option<String> {
    match shell {
        "bash" => Some(bash()),
        "zsh" => Some(format!("#compdef xe\nautoload -U +X bashcompinit && bashcompinit\n{}", bash())),
        "fish" => Some(fish()),
        _ => None,
    }
}

/// Visible commands with their parameters, each ending where its value begins.
fn words() -> impl Iterator<Item = (&'static str, String)> {
    commands().values().filter(|def| !def.hidden).map(|def| {
        let params = def.required.iter().chain(&def.optional);
        let params: Vec<String> =
            params.map(|p| if p.ends_with(':') { p.clone() } else { format!("{p}=") }).collect();
        (def.name.as_str(), params.join(" "))
    })
}

fn bash() -> String {
    let mut text = String::from(
        "_xe() {\n    local cur=${COMP_WORDS[COMP_CWORD]} names\n    compopt -o nospace 2>/dev/null\n    \
         if [ \"$COMP_CWORD\" -eq 1 ]; then\n        names=\"",
    );
    for (name, _) in words() {
        let _ = write!(text, "{name} ");
    }
    text.push_str(
        "\"\n        COMPREPLY=($(compgen -W \"$names\" -S ' ' -- \"$cur\"))\n        return\n    fi\n    \
         case \"${COMP_WORDS[1]}\" in\n",
    );
    for (name, params) in words().filter(|(_, params)| !params.is_empty()) {
        let _ = writeln!(text, "        {name}) names=\"{params}\" ;;");
    }
    text.push_str(
        "        *) names=\"\" ;;\n    esac\n    COMPREPLY=($(compgen -W \"$names\" -- \"$cur\"))\n}\ncomplete -F _xe xe\n",
    );
    text
}

fn fish() -> String {
    let mut text = String::from("complete -c xe -f\n");
    for (name, params) in words() {
        let _ = writeln!(text, "complete -c xe -n __fish_use_subcommand -a {name}");
        if !params.is_empty() {
            let _ = writeln!(text, "complete -c xe -n '__fish_seen_subcommand_from {name}' -a '{params}'");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_know_commands_and_parameters() {
        for shell in ["bash", "zsh", "fish"] {
            let text = script(shell).unwrap();
            assert!(text.contains("vm-start") && text.contains("new-name-label="), "{shell}");
            assert!(!text.contains("pool-emergency-nonsense"), "{shell}");
        }
        assert_eq!(script("csh"), None);
    }
}
