//! The world that a simulator starts with.

use serde::Deserialize;

use super::assets::{self, NewAssets};
use super::assignments::{self, Assignments};
use super::locations::{self, NewLocation};
use super::users::{self, NewUsers};
use super::{Refusal, location_in};
use crate::rules::Rules;
use crate::shared::Shared;

/// What there is when a simulator starts: settings and locations. The default is Apple's limits and nothing
/// else, for everything can be made over HTTP, too.
///
/// It reads the same JSON as the control endpoints do:
///
/// ```
/// let world: russet_simulator::World = serde_json::from_str(r#"{
///     "settings": { "event_delay_ms": 0 },
///     "locations": [{
///         "location": { "name": "Example School" },
///         "assets": { "generate": { "count": 25, "total": 5000 } },
///         "users": { "generate": { "count": 500, "prefix": "user-" } }
///     }]
/// }"#)?;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// How the simulator behaves.
    pub settings: Rules,
    locations: Vec<StartLocation>,
}

impl World {
    /// A world without locations that behaves like this.
    #[must_use]
    pub fn with(settings: Rules) -> Self {
        Self { settings, locations: Vec::new() }
    }

    pub(crate) fn build(self, shared: &Shared) -> Result<(), String> {
        for location in self.locations {
            location.build(shared).map_err(Refusal::into_sentence)?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartLocation {
    location: NewLocation,
    assets: Option<NewAssets>,
    users: Option<NewUsers>,
    assignments: Option<Assignments>,
}

impl StartLocation {
    fn build(self, shared: &Shared) -> Result<(), Refusal> {
        let mut organization = shared.organization();
        let (uid, _) = locations::make(&mut organization, self.location, shared.clock.now_ms())?;
        let location = location_in(&mut organization, &uid)?;
        if let Some(new) = self.assets {
            assets::put(location, new)?;
        }
        if let Some(new) = self.users {
            users::put(location, new)?;
        }
        if let Some(new) = self.assignments {
            assignments::put(location, new)?;
        }
        Ok(())
    }
}
