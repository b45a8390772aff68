//! Settings of a card, told to the program `ethtool`. Which keys exist is the API's (`PIF.other_config`
//! `ethtool-*`); values that make no sense are left out, as the original does.

use xapi_backend::program::Program;

/// Offloads that are on or off.
const OFFLOADS: [&str; 8] = ["rx", "tx", "sg", "tso", "ufo", "gso", "gro", "lro"];

fn switch(value: &str) -> Option<&'static str> {
    match value {
        "on" | "true" => Some("on"),
        "off" | "false" => Some("off"),
        _ => None,
    }
}

/// Argument lists for `ethtool`, one per kind of setting.
pub fn arguments(device: &str, settings: &[(String, String)]) -> Vec<Vec<String>> {
    let (mut link, mut offload) = (Vec::new(), Vec::new());
    for (key, value) in settings {
        match key.as_str() {
            "speed" if value.parse::<u32>().is_ok() => link.extend([key.clone(), value.clone()]),
            "duplex" if ["half", "full"].contains(&value.as_str()) => {
                link.extend([key.clone(), value.clone()])
            }
            "autoneg" => link.extend(switch(value).into_iter().flat_map(|v| [key.clone(), v.into()])),
            "advertise" if is_hexadecimal(value) => link.extend([key.clone(), value.clone()]),
            offered if OFFLOADS.contains(&offered) => {
                offload.extend(switch(value).into_iter().flat_map(|v| [key.clone(), v.into()]));
            }
            _ => {}
        }
    }
    let command = |flag: &str, rest: Vec<String>| {
        (!rest.is_empty()).then(|| [vec![flag.to_string(), device.to_string()], rest].concat())
    };
    [command("-s", link), command("-K", offload)].into_iter().flatten().collect()
}

fn is_hexadecimal(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| u64::from_str_radix(digits, 16).is_ok())
}

/// Applies settings. A card that cannot do something keeps working, so refusals are logged.
pub async fn apply(device: &str, settings: &[(String, String)]) {
    for arguments in arguments(device, settings) {
        if let Err(error) = Program::new("ethtool").args(arguments).succeed().await {
            tracing::warn!(device, %error, "a setting of a network card was not taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_with_sane_values_are_passed_on() {
        let settings = [
            ("speed", "1000"),
            ("duplex", "full"),
            ("autoneg", "off"),
            ("advertise", "0x20"),
            ("gro", "true"),
            ("lro", "off"),
            ("tso", "perhaps"),
            ("duplex", "; reboot"),
            ("unknown", "on"),
        ]
        .map(|(k, v)| (k.to_string(), v.to_string()));
        let told = arguments("eth0", &settings);
        assert_eq!(told[0].join(" "), "-s eth0 speed 1000 duplex full autoneg off advertise 0x20");
        assert_eq!(told[1].join(" "), "-K eth0 gro on lro off");
        assert!(arguments("eth0", &[]).is_empty());
    }
}
