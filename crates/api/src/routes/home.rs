//! `GET /`: where to go from here.

/// A few addresses, as text.
pub(crate) async fn home() -> &'static str {
    "Russet hands out volume-purchased app licenses.\n\
     \n\
     /api/openapi.json   what the API takes and answers\n\
     /api/v1             the API; send `Authorization: Bearer <key>`\n\
     /healthz            whether this process is alive\n\
     /readyz             whether it can work: database, schema, queue\n\
     /metrics            counters for Prometheus\n"
}
