//! Holds what `/_sim/settings` can change: Apple's limits and how the simulator behaves.

use serde::{Deserialize, Serialize};

/// How the simulator behaves. Every field can be changed while it runs, with `PATCH /_sim/settings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The limits that `service/config` announces and that requests are held to.
    pub limits: Limits,
    /// False: no rate is enforced or counted, and a million requests a second are announced.
    pub rate_limit: bool,
    /// True: a request over the rate is answered 429 with 9646. False: it is only counted.
    pub enforce_rate: bool,
    /// Real milliseconds that every answer of Apple's endpoints takes longer.
    pub latency_ms: u64,
    /// Milliseconds from the acceptance of an event until it is carried out. 0: before the answer is sent.
    pub event_delay_ms: u64,
    /// Milliseconds from the end of an event until its notifications are sent.
    pub notification_delay_ms: u64,
    /// Milliseconds between two of the three attempts to deliver a notification.
    pub notification_retry_ms: u64,
    /// Real milliseconds that a receiver of notifications has to answer.
    pub notification_timeout_ms: u64,
    /// Records on one page of assets, assignments or users.
    pub page_size: usize,
    /// True: a notification URL may be plain HTTP, which Apple never allows.
    pub allow_http: bool,
    /// Milliseconds to leave between two polls of an event that is still pending.
    pub status_min_interval_ms: u64,
    /// Milliseconds after a `Retry-After` within which a request is forgiven: it was under way already.
    pub retry_after_grace_ms: u64,
    /// Every so many page reads `versionId` moves although nothing else does. 0: never.
    pub version_moves_every_pages: u32,
    /// The domains of the organization's Managed Apple Accounts: such an account associates its user at once, any
    /// other is refused with 9635. Empty: every managed account is the organization's.
    pub managed_domains: Vec<String>,
    /// True: a new token of a location makes those before invalid. Apple does not say so; a community note does.
    pub new_token_ends_old: bool,
    /// How the metadata services behave.
    pub catalog: CatalogRules,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            rate_limit: true,
            enforce_rate: true,
            latency_ms: 0,
            event_delay_ms: 50,
            notification_delay_ms: 0,
            notification_retry_ms: 60_000,
            notification_timeout_ms: 5_000,
            page_size: 1_000,
            allow_http: true,
            status_min_interval_ms: 30_000,
            retry_after_grace_ms: 100,
            version_moves_every_pages: 0,
            managed_domains: Vec::new(),
            new_token_ends_old: false,
            catalog: CatalogRules::default(),
        }
    }
}

/// The longest wait any setting may ask for: a day.
const LONGEST_MS: u64 = 86_400_000;

impl Rules {
    /// Says in a sentence what is wrong with these rules, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=100_000).contains(&self.page_size) {
            return Err(format!("page_size is {}, it must lie between 1 and 100000", self.page_size));
        }
        self.catalog.check()?;
        let waits = [
            ("latency_ms", self.latency_ms),
            ("event_delay_ms", self.event_delay_ms),
            ("notification_delay_ms", self.notification_delay_ms),
            ("notification_retry_ms", self.notification_retry_ms),
            ("notification_timeout_ms", self.notification_timeout_ms),
            ("status_min_interval_ms", self.status_min_interval_ms),
            ("retry_after_grace_ms", self.retry_after_grace_ms),
        ];
        for (name, value) in waits {
            if value > LONGEST_MS {
                return Err(format!("{name} is {value}, it must be at most {LONGEST_MS}, which is a day"));
            }
        }
        Ok(())
    }

    /// The rate to announce, in requests a second.
    pub(crate) fn announced_rate(&self) -> u32 {
        if self.rate_limit { self.limits.max_request_per_second } else { 1_000_000 }
    }
}

/// Which of its two shapes the metadata service for organizations answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogShape {
    /// As Apple's schema has it: every attribute in one object, that of the platform asked for first.
    Flat,
    /// As Apple's samples and answers have it: what differs between platforms is in `platformAttributes`.
    PlatformAttributes,
}

/// How the older lookup spells the artwork of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupArtwork {
    /// One object with a template.
    Object,
    /// A list of pictures of fixed sizes.
    Array,
    /// Either, as the id decides.
    Mixed,
}

/// How the older lookup spells the id of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupId {
    /// A number.
    Number,
    /// A text.
    String,
    /// Even ids a number, odd ones a text.
    Mixed,
}

/// How the metadata services behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogRules {
    /// The shape of the answers of the service for organizations.
    pub shape: CatalogShape,
    /// How the older lookup spells artwork.
    pub lookup_artwork: LookupArtwork,
    /// How the older lookup spells ids.
    pub lookup_id: LookupId,
    /// Requests in any second for one developer's key. Apple does not tell its number. The rate of
    /// [`Rules::rate_limit`] and [`Rules::enforce_rate`] switch this one, too.
    pub rate_per_second: u32,
    /// Apps in one request.
    pub max_ids: usize,
    /// Books in one request, 150 as Apple documents.
    pub max_book_ids: usize,
    /// Every so many requests are refused with 403 and the code 40300, as Apple does now and then. 0: never.
    pub forbidden_every: u32,
}

impl Default for CatalogRules {
    fn default() -> Self {
        Self {
            shape: CatalogShape::PlatformAttributes,
            lookup_artwork: LookupArtwork::Mixed,
            lookup_id: LookupId::Mixed,
            rate_per_second: 20,
            max_ids: 300,
            max_book_ids: 150,
            forbidden_every: 0,
        }
    }
}

impl CatalogRules {
    fn check(&self) -> Result<(), String> {
        for (name, value) in [("max_ids", self.max_ids), ("max_book_ids", self.max_book_ids)] {
            if !(1..=10_000).contains(&value) {
                return Err(format!("catalog.{name} is {value}, it must lie between 1 and 10000"));
            }
        }
        Ok(())
    }
}

/// Apple's limits by their names in `service/config`, with Apple's sample values as defaults.
///
/// See <https://developer.apple.com/documentation/devicemanagement/serviceconfigresponse/limits-data.dictionary>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Distinct assets in one associate or disassociate.
    pub max_assets: u32,
    /// Users in one associate or disassociate.
    pub max_client_user_ids: u32,
    /// Devices in one associate or disassociate.
    pub max_serial_numbers: u32,
    /// Users in one revoke.
    pub max_revoke_client_user_ids: u32,
    /// Devices in one revoke.
    pub max_revoke_serial_numbers: u32,
    /// Users in one create, update or retire.
    pub max_users: u32,
    /// Subscriptions in one request; announced only.
    pub max_subscriptions: u32,
    /// Users in one subscription request; announced only.
    pub max_subscription_client_user_ids: u32,
    /// Characters of the notification URL, and of its token.
    pub max_notification_length: u32,
    /// Characters of `mdmInfo.id`.
    pub max_mdm_id_length: u32,
    /// Characters of `mdmInfo.name`.
    pub max_mdm_name_length: u32,
    /// Characters of `mdmInfo.metadata`.
    pub max_mdm_metadata_length: u32,
    /// Requests of all kinds in any second, for one location.
    pub max_request_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_assets: 25,
            max_client_user_ids: 1000,
            max_serial_numbers: 1000,
            max_revoke_client_user_ids: 100,
            max_revoke_serial_numbers: 100,
            max_users: 100,
            max_subscriptions: 25,
            max_subscription_client_user_ids: 1000,
            max_notification_length: 512,
            max_mdm_id_length: 100,
            max_mdm_name_length: 100,
            max_mdm_metadata_length: 255,
            max_request_per_second: 15,
        }
    }
}
