//! Says at start whether a Redis is fit to hold a queue, and what to change if not.

use ::redis::cmd;

use super::keys::Keys;
use super::link::Link;
use super::{greet, reply};
use crate::QueueError;

/// How the keys are laid out. Programs that know another number must not touch them. It grows only when an older program
/// would get wrong what a newer one writes; what is merely added, a key or a field, leaves it as it is, so that both may
/// run side by side.
pub(super) const LAYOUT: &str = "1";
/// Redis has no `ZADD … LT` and thus cannot run our scripts before this version.
const OLDEST: (u32, u32) = (6, 2);

/// Checks version and eviction, and returns the major version.
pub(super) async fn server(link: &Link) -> Result<u32, QueueError> {
    let doing = "asking for its version and settings";
    let text = reply::string(doing, link.command(doing, &cmd("INFO")).await?)?;
    let field = |name: &str| greet::field(&text, name).map(str::to_owned);
    let found = field("redis_version").ok_or_else(|| reply::surprise(doing))?;
    let mut numbers = found.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (major, minor) < OLDEST {
        return Err(QueueError::TooOld { found });
    }
    // INFO tells the policy also where CONFIG is forbidden, as it is in many managed services.
    let policy = field("maxmemory_policy").unwrap_or_else(|| "noeviction".to_owned());
    if policy != "noeviction" {
        return Err(QueueError::Evicting { found: policy });
    }
    let doing = "trying a script; allow this user EVAL, EVALSHA and SCRIPT";
    let mut script = cmd("EVAL");
    script.arg("return 1").arg(0);
    link.command(doing, &script).await?;
    Ok(major)
}

/// Checks that the keys under the prefix are laid out as this program does it, and claims an empty prefix.
pub(super) async fn layout(link: &Link, keys: &Keys) -> Result<(), QueueError> {
    let doing = "checking the layout of its keys";
    let mut set = cmd("SET");
    set.arg(keys.one("layout")).arg(LAYOUT).arg("NX");
    link.command(doing, &set).await?;
    let mut get = cmd("GET");
    get.arg(keys.one("layout"));
    let found: Option<String> = reply::read(doing, link.command(doing, &get).await?)?;
    match found {
        Some(found) => known(found),
        None => Ok(()),
    }
}

/// Refuses a layout that this program does not know.
pub(super) fn known(found: String) -> Result<(), QueueError> {
    if found == LAYOUT { Ok(()) } else { Err(QueueError::Layout { found, known: LAYOUT }) }
}
