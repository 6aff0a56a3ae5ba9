//! One full sample of every body that Apple sends: each documented field is in it.

/// Answers: the name of its reader in [`RESPONSES`](super::RESPONSES), and the body.
pub const RESPONSES: [(&str, &str); 9] = [
    ("service_config", include_str!("../../samples/responses/service_config.json")),
    ("client_config", include_str!("../../samples/responses/client_config.json")),
    ("assets", include_str!("../../samples/responses/assets.json")),
    ("assignments", include_str!("../../samples/responses/assignments.json")),
    ("users", include_str!("../../samples/responses/users.json")),
    ("event", include_str!("../../samples/responses/event.json")),
    ("status", include_str!("../../samples/responses/status.json")),
    ("status", include_str!("../../samples/responses/status_complete.json")),
    ("error", include_str!("../../samples/responses/error.json")),
];

/// Notifications of every type.
pub const NOTIFICATIONS: [&str; 9] = [
    include_str!("../../samples/notifications/test.json"),
    include_str!("../../samples/notifications/asset_count.json"),
    include_str!("../../samples/notifications/asset_management.json"),
    include_str!("../../samples/notifications/user_management.json"),
    include_str!("../../samples/notifications/user_management_failed.json"),
    include_str!("../../samples/notifications/user_associated.json"),
    include_str!("../../samples/notifications/subscription_count.json"),
    include_str!("../../samples/notifications/subscription_management.json"),
    include_str!("../../samples/notifications/unlimited_asset.json"),
];
