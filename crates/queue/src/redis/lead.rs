//! Leading a role, over Redis.

use std::time::Duration;

use super::{Args, Redis, reply};
use crate::{QueueError, Term};

impl Redis {
    pub(crate) async fn lead(
        &self,
        role: &str,
        who: &str,
        ttl: Duration,
    ) -> Result<Option<Term>, QueueError> {
        let doing = "asking for the lead";
        let mut args = self.args(2);
        args.text(who).millis(ttl);
        let keys = [self.keys.lead(role), self.keys.one("fence")];
        let value = self.run(doing, &self.scripts().lead, &keys, &args).await?;
        let fence: Option<u64> = reply::read(doing, value)?;
        Ok(fence.map(|fence| Term { role: role.to_owned(), who: who.to_owned(), fence }))
    }

    pub(crate) async fn resign(&self, term: &Term) -> Result<(), QueueError> {
        let mut args = Args::default();
        args.text(format!("{}|{}", term.who, term.fence));
        self.run("giving up the lead", &self.scripts().resign, &[self.keys.lead(&term.role)], &args)
            .await
            .map(drop)
    }
}
