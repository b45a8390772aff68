//! VIFs, VLANs and tunnels: what needs more than one call.

use xapi_schema::{Class, Ty, Value, errors};

use crate::{
    fault::{Fault, Outcome, command},
    run::Run,
    values,
};

/// Runs a command of this file; false when it is not one.
pub(super) async fn run(run: &mut Run<'_>) -> Outcome<bool> {
    match run.args.command.as_str() {
        "vif-create" => vif_create(run).await?,
        "vif-unplug" => vif_unplug(run).await?,
        "vif-configure-ipv4" => configure(run, "VIF.configure_ipv4").await?,
        "vif-configure-ipv6" => configure(run, "VIF.configure_ipv6").await?,
        "vlan-create" => vlan_create(run).await?,
        "vlan-destroy" => vlan_destroy(run).await?,
        "tunnel-create" => tunnel_create(run).await?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A locally administered address of one random byte six times, as the original makes it.
fn random_mac() -> String {
    let byte = getrandom::u32().unwrap_or(0x5a) as u8;
    let first = (byte | 0x02) & 0xfe;
    format!("{first:02x}:{byte:02x}:{byte:02x}:{byte:02x}:{byte:02x}:{byte:02x}")
}

async fn vif_create(run: &mut Run<'_>) -> Outcome {
    let mac = match run.args.get("mac") {
        Some("random") => random_mac(),
        other => other.unwrap_or_default().to_owned(),
    };
    let vm = run.object("VM", "vm-uuid").await?;
    let network = run.object("network", "network-uuid").await?;
    let mtu = run.call("network.get_MTU", [network.clone()]).await?;
    let no_map = || Value::map::<&str>([]);
    let members = [
        ("device", run.text("device")),
        ("network", network),
        ("VM", vm),
        ("MAC", mac.into()),
        ("MTU", mtu),
        ("other_config", no_map()),
        ("locking_mode", "network_default".into()),
        ("ipv4_allowed", Value::set([])),
        ("ipv6_allowed", Value::set([])),
        ("qos_algorithm_type", Value::EMPTY),
        ("qos_algorithm_params", no_map()),
    ];
    let vif = run.call("VIF.create", [Value::map(members)]).await?;
    run.uuid_of("VIF", vif).await
}

async fn vif_unplug(run: &mut Run<'_>) -> Outcome {
    let vif = run.object("VIF", "uuid").await?;
    let method = if run.flag("force")? { "VIF.unplug_force" } else { "VIF.unplug" };
    run.call(method, [vif]).await?;
    Ok(())
}

async fn configure(run: &mut Run<'_>, method: &str) -> Outcome {
    let vif = run.object("VIF", "uuid").await?;
    let mode = run.args.text("mode");
    let declared = xapi_schema::schema().message(method).and_then(|message| message.params.get(1));
    let mode = match declared.map(|param| param.ty) {
        Some(Ty::Enum(def)) => values::member(def, &mode)?,
        _ => mode,
    };
    if mode == "Static" && !run.args.has("address") {
        return command("Required parameter not found: address");
    }
    run.call(method, [vif, mode.into(), run.text("address"), run.text("gateway")]).await?;
    Ok(())
}

async fn vlan_create(run: &mut Run<'_>) -> Outcome {
    let network = run.object("network", "network-uuid").await?;
    let pif = run.object("PIF", "pif-uuid").await?;
    let tag = values::int_param("vlan", &run.args.text("vlan"))?;
    let vlan = run.call("VLAN.create", [pif, tag.into(), network]).await?;
    let untagged = run.call("VLAN.get_untagged_PIF", [vlan]).await?;
    run.uuid_of("PIF", untagged).await
}

/// The uuid may be that of the VLAN or, as scripts of old do, of its PIF.
async fn vlan_destroy(run: &mut Run<'_>) -> Outcome {
    let attempt = async {
        let vlan = run.object("VLAN", "uuid").await?;
        run.call("VLAN.destroy", [vlan]).await
    };
    let first = match attempt.await {
        Ok(_) => return Ok(()),
        Err(Fault::Api(failure))
            if failure.is(&errors::HANDLE_INVALID) || failure.is(&errors::HOST_OFFLINE) =>
        {
            return Err(failure.into());
        }
        Err(fault) => fault,
    };
    match run.object("PIF", "uuid").await {
        Ok(pif) => run.call("PIF.destroy", [pif]).await.map(drop),
        Err(_) => Err(first),
    }
}

async fn tunnel_create(run: &mut Run<'_>) -> Outcome {
    let network = run.object("network", "network-uuid").await?;
    let pif = run.object("PIF", "pif-uuid").await?;
    let text = run.args.get("protocol").unwrap_or("gre");
    let ty = Class::by_name("tunnel").and_then(|class| class.field("protocol")).map(|(_, field)| field.ty);
    let protocol = match ty {
        Some(Ty::Enum(def)) => values::member(def, text)?,
        _ => text.to_owned(),
    };
    let tunnel = run.call("tunnel.create", [pif, network, protocol.into()]).await?;
    let access = run.call("tunnel.get_access_PIF", [tunnel]).await?;
    run.uuid_of("PIF", access).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_addresses_are_local_and_unicast() {
        for _ in 0..50 {
            let mac = random_mac();
            let bytes: Vec<u8> = mac.split(':').map(|part| u8::from_str_radix(part, 16).unwrap()).collect();
            assert_eq!((bytes.len(), bytes[0] & 3), (6, 2));
            assert!(bytes[1..].iter().all(|byte| *byte == bytes[1]));
        }
    }
}
