//! The operations of `pool`.

use xapi_schema::{
    ApiEnum, ClassId, Failure, Field, Map, Ref, Result,
    classes::{Pool, PoolAllowedOperations as Op, pool},
    errors,
};
use xapi_store::Read;

use super::{Asked, Guarded, busy, rolling_upgrade};

impl Guarded for Pool {
    type Op = Op;
    const CURRENT: Field<Pool, Map<String, Op>> = pool::current_operations;
    const ALLOWED: Field<Pool, Vec<Op>> = pool::allowed_operations;
    const ADVERTISED: &'static [Op] = &[
        Op::HaEnable,
        Op::HaDisable,
        Op::ClusterCreate,
        Op::DesignateNewMaster,
        Op::TlsVerificationEnable,
        Op::ConfigureRepositories,
        Op::SyncUpdates,
        Op::SyncBundle,
        Op::ApplyUpdates,
        Op::CertRefresh,
        Op::ExchangeCertificatesOnJoin,
        Op::ExchangeCaCertificatesOnJoin,
        Op::CopyPrimaryHostCerts,
        Op::Eject,
        Op::GetUpdates,
        Op::ExchangeCrlsOnJoin,
    ];

    fn check(read: &impl Read, this: &Ref<Pool>, op: Op, asked: Asked) -> Result<()> {
        let record = read.record(this)?;
        if asked != Asked::Advice && record.get(pool::is_psr_pending) {
            return Err(errors::POOL_SECRET_ROTATION_PENDING.bare());
        }
        let current = record.get(pool::current_operations);
        let blocking = Self::ADVERTISED.iter().filter_map(|op| in_progress(*op).map(|error| (*op, error)));
        let blocking = blocking.into_iter().find(|(op, _)| current.0.iter().any(|(_, c)| c == op));
        let waits = in_progress(op).is_none();
        match (blocking, current.0.first()) {
            (Some((_, error)), _) if !waits => return Err(error),
            (Some(_), Some(_)) => {
                let mut params = vec!["pool".to_string(), this.to_string()];
                if let Some((task, other)) = current.0.iter().find(|(_, op)| in_progress(*op).is_none()) {
                    params.extend([other.as_str().to_string(), task.clone()]);
                }
                return Err(errors::OTHER_OPERATION_IN_PROGRESS.with(params));
            }
            (None, Some((task, other))) => return Err(busy("pool", this.as_str(), other.as_str(), task)),
            _ => {}
        }
        let ha = record.get(pool::ha_enabled);
        match op {
            Op::HaEnable | Op::TlsVerificationEnable if ha => Err(errors::HA_IS_ENABLED.bare()),
            Op::HaDisable if !ha => Err(errors::HA_NOT_ENABLED.bare()),
            Op::ClusterCreate | Op::TlsVerificationEnable if rolling_upgrade(read) => {
                Err(errors::NOT_SUPPORTED_DURING_UPGRADE.bare())
            }
            Op::ClusterCreate if read.count(ClassId::Cluster) > 0 => {
                Err(errors::CLUSTER_ALREADY_EXISTS.bare())
            }
            Op::ClusterCreate if ha => {
                let stack = record.get(pool::ha_cluster_stack);
                Err(errors::INCOMPATIBLE_CLUSTER_STACK_ACTIVE.with([stack]))
            }
            _ => Ok(()),
        }
    }
}

/// The error while an operation runs that fails others at once; `None` for one that makes them wait.
fn in_progress(op: Op) -> Option<Failure> {
    Some(
        match op {
            Op::HaEnable => &errors::HA_ENABLE_IN_PROGRESS,
            Op::HaDisable => &errors::HA_DISABLE_IN_PROGRESS,
            Op::ClusterCreate => &errors::CLUSTER_CREATE_IN_PROGRESS,
            Op::DesignateNewMaster => &errors::DESIGNATE_NEW_MASTER_IN_PROGRESS,
            Op::TlsVerificationEnable => &errors::TLS_VERIFICATION_ENABLE_IN_PROGRESS,
            Op::ConfigureRepositories => &errors::CONFIGURE_REPOSITORIES_IN_PROGRESS,
            Op::SyncUpdates => &errors::SYNC_UPDATES_IN_PROGRESS,
            Op::SyncBundle => &errors::SYNC_BUNDLE_IN_PROGRESS,
            Op::ApplyUpdates => &errors::APPLY_UPDATES_IN_PROGRESS,
            _ => return None,
        }
        .bare(),
    )
}
