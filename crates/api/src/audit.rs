//! Notes in the audit log who changed what, in the transaction that changes it.

use russet_domain::Timestamp;
use russet_store::Tx;
use serde_json::Value;

use crate::auth::Actor;
use crate::error::ApiError;

/// Writes one entry. `action` is a stable word such as `job.submit`; `detail` never holds a secret.
///
/// # Errors
/// As any statement.
pub(crate) async fn note(
    tx: &mut Tx,
    actor: &Actor,
    action: &str,
    subject: &str,
    detail: &Value,
    now: Timestamp,
) -> Result<(), ApiError> {
    Ok(russet_store::audit::write(tx, &actor.label(), action, subject, &detail.to_string(), now).await?)
}
