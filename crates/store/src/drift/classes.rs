//! One statement for each class of drift, in two forms: a page of it, and how many there are.
//!
//! Every class is a query of six columns: the asset's number, the holder's kind and id, what is known of the case, how urgent it is,
//! and whether a move of the license would mend it. `$1` is the token, `$2` the reasons that the policies keep licenses for, `$3`
//! the moment before which something is late: a request stuck, a device idle; `$4` is how long that is.

use russet_domain::drift::Class;

/// A page of a class after a place, and its counts.
pub(super) struct Texts {
    /// After `$5`, `$6`, `$7`, at most `$8`; `$9` leaves out what no move mends.
    pub(super) page: &'static str,
    /// How many there are, and how many of them a move would mend.
    pub(super) counts: &'static str,
}

macro_rules! texts {
    ($($piece:expr),+) => {
        Texts {
            page: concat!(
                "SELECT x.asset_id, s.adam_id, s.pricing_param, x.holder_kind, x.holder_id, x.detail, CAST(x.line AS BIGINT), x.can_fix
                 FROM (", $($piece),+, ") x
                 JOIN assets s ON s.id = x.asset_id
                 WHERE (x.asset_id, x.holder_kind, x.holder_id) > ($5, $6, $7) AND (x.can_fix OR NOT $9)
                 ORDER BY x.asset_id, x.holder_kind, x.holder_id
                 LIMIT $8"
            ),
            counts: concat!(
                "SELECT count(*), count(CASE WHEN x.can_fix THEN 1 END) FROM (", $($piece),+, ") x"
            ),
        }
    };
}

/// The licenses held of a token's assets, `licenses l` and `assets a`.
macro_rules! held {
    () => {
        " FROM assets a
          JOIN licenses l ON l.asset_id = a.id AND l.held
          LEFT JOIN entitlements e
            ON e.asset_id = l.asset_id AND e.holder_kind = l.holder_kind AND e.holder_id = l.holder_id
          LEFT JOIN pins n
            ON n.asset_id = l.asset_id AND n.holder_kind = l.holder_kind AND n.holder_id = l.holder_id
          LEFT JOIN devices d ON l.holder_kind = 'd' AND d.serial = l.holder_id
          LEFT JOIN people p ON p.client_user_id = CASE l.holder_kind WHEN 'u' THEN l.holder_id END
          WHERE a.token_id = $1"
    };
}

/// Whether nothing moves the license of `$row` at present.
macro_rules! still {
    ($row:literal) => {
        concat!(
            "NOT EXISTS (
                 SELECT 1
                 FROM changes c
                 WHERE c.asset_id = ",
            $row,
            ".asset_id AND c.holder_kind = ",
            $row,
            ".holder_kind
                   AND c.holder_id = ",
            $row,
            ".holder_id AND c.slot IS NOT NULL)"
        )
    };
}

/// Those of them that nothing moves at present.
macro_rules! held_and_still {
    () => {
        concat!(held!(), " AND ", still!("l"))
    };
}

/// Whether the policies keep what `entitlements e` of `devices d` left.
macro_rules! is_kept {
    () => {
        "($2 LIKE '% ' || e.reason || ':' || coalesce(d.platform, 'unknown') || ' %')"
    };
}

/// Whether a license may be taken back: nobody pinned it, no assignment wants it, and Apple takes it.
macro_rules! may_go {
    () => {
        "(a.revocable AND n.asset_id IS NULL AND coalesce(e.pinned, false) = false
          AND (e.asset_id IS NULL OR e.state = 'left'))"
    };
}

/// What is asked about changes is asked last, by a CASE: of the few that are left, and not of everybody, which PostgreSQL would
/// think cheaper.
const MISSING: Texts = texts!(
    "SELECT e.asset_id, e.holder_kind, e.holder_id,
            (SELECT c.error_code
             FROM changes c
             WHERE c.holder_id = e.holder_id AND c.asset_id = e.asset_id AND c.holder_kind = e.holder_kind
             ORDER BY c.id DESC
             LIMIT 1) AS detail,
            coalesce(g.priority, 0) AS line, true AS can_fix
     FROM assets a
     JOIN entitlements e ON e.asset_id = a.id
     LEFT JOIN assignments g ON g.id = e.assignment_id
     LEFT JOIN licenses l
       ON l.asset_id = e.asset_id AND l.holder_kind = e.holder_kind AND l.holder_id = e.holder_id AND l.held
     WHERE a.token_id = $1
       AND e.state = 'wanted'
       AND e.intent <> 'uninstall'
       AND l.asset_id IS NULL
       AND CASE WHEN l.asset_id IS NULL THEN ",
    still!("e"),
    " END"
);

const SURPLUS: Texts = texts!(
    "SELECT l.asset_id, l.holder_kind, l.holder_id, e.reason AS detail, 0 AS line, true AS can_fix",
    held_and_still!(),
    " AND e.state = 'left' AND NOT ",
    is_kept!(),
    " AND ",
    may_go!()
);

const FOREIGN: Texts = texts!(
    "SELECT l.asset_id, l.holder_kind, l.holder_id, NULL AS detail, 0 AS line, ",
    may_go!(),
    " AS can_fix",
    held!(),
    " AND e.asset_id IS NULL
      AND CASE WHEN e.asset_id IS NULL THEN ",
    still!("l"),
    " AND coalesce((
          SELECT c.action
          FROM changes c
          WHERE c.holder_id = l.holder_id AND c.asset_id = l.asset_id AND c.holder_kind = l.holder_kind
            AND c.state = 'settled'
          ORDER BY c.id DESC
          LIMIT 1), 'revoke') <> 'assign' END"
);

const ORPHAN: Texts = texts!(
    "SELECT l.asset_id, l.holder_kind, l.holder_id, coalesce(d.state, p.state, 'unknown') AS detail, 0 AS line, ",
    may_go!(),
    " AS can_fix",
    held_and_still!(),
    // A directory that nobody feeds knows nobody, and says nothing about anybody.
    " AND ((l.holder_kind = 'd' AND coalesce(d.state, 'deleted') = 'deleted' AND EXISTS (SELECT 1 FROM devices))
        OR (l.holder_kind = 'u' AND coalesce(p.state, 'deleted') = 'deleted' AND EXISTS (SELECT 1 FROM people)))"
);

/// A person keeps the license as long as there is a device of his without one: it is what the app works by there.
const DOUBLE: Texts = texts!(
    "SELECT l.asset_id, l.holder_kind, l.holder_id,
            (SELECT min(o.serial)
             FROM devices o
             JOIN licenses t ON t.holder_kind = 'd' AND t.holder_id = o.serial AND t.held
             JOIN assets b ON b.id = t.asset_id AND b.adam_id = a.adam_id
             WHERE o.person_id = p.id AND o.state = 'enrolled') AS detail,
            0 AS line, ",
    may_go!(),
    " AND NOT EXISTS (
          SELECT 1
          FROM devices o
          WHERE o.person_id = p.id AND o.state = 'enrolled'
            AND NOT EXISTS (
                SELECT 1
                FROM licenses t
                JOIN assets b ON b.id = t.asset_id AND b.adam_id = a.adam_id
                WHERE t.holder_kind = 'd' AND t.holder_id = o.serial AND t.held)) AS can_fix",
    held_and_still!(),
    " AND l.holder_kind = 'u'
      AND EXISTS (
          SELECT 1
          FROM devices o
          JOIN licenses t ON t.holder_kind = 'd' AND t.holder_id = o.serial AND t.held
          JOIN assets b ON b.id = t.asset_id AND b.adam_id = a.adam_id
          WHERE o.person_id = p.id AND o.state = 'enrolled')"
);

/// Since when `devices d` could have used its license `l`: since it was given, or found where that is not known, since the device is
/// enrolled, and since it last had the app.
macro_rules! unused_since {
    () => {
        "(SELECT max(y.at)
          FROM (
              SELECT d.state_at AS at
              UNION ALL
              SELECT CASE
                  WHEN l.moved_at > 0 THEN l.moved_at
                  ELSE coalesce(
                      (SELECT max(m.at)
                       FROM movements m
                       WHERE m.holder_id = l.holder_id AND m.asset_id = l.asset_id AND m.holder_kind = l.holder_kind
                         AND m.gained),
                      (SELECT t.history_since FROM tokens t WHERE t.id = a.token_id),
                      d.apps_told_at)
                  END
              UNION ALL
              SELECT max(g.gone_at)
              FROM apps q
              CROSS JOIN device_apps_gone g
              WHERE q.adam_id = a.adam_id AND g.device_id = d.id AND g.bundle_id = q.bundle_id) y)"
    };
}

/// Who is told of as idle has two weeks to be seen again, or to have the app. Without the app is who reports his apps, none of them
/// under a name that a store knows this one by, and on whom no install of it is under way. What is cheap to look at stands first:
/// most devices fall out by it.
const IDLE: Texts = texts!(
    "SELECT l.asset_id, l.holder_kind, l.holder_id,
            CASE
                WHEN d.last_seen_at < $3 THEN CAST(d.last_seen_at AS TEXT)
                ELSE 'without_app ' || CAST(d.apps_told_at AS TEXT)
            END AS detail,
            0 AS line, ",
    may_go!(),
    " AND CASE
              WHEN d.last_seen_at < $3 THEN d.last_seen_at < $3 - 1209600000
              ELSE d.apps_told_at - ",
    unused_since!(),
    " - 1209600000 >= $4
          END AS can_fix",
    held_and_still!(),
    " AND d.state = 'enrolled'
      AND (d.last_seen_at < $3
        OR (d.last_seen_at >= $3
          AND d.apps_told_at - l.moved_at >= $4
          AND d.apps_told_at - d.state_at >= $4
          AND NOT EXISTS (
              SELECT 1
              FROM apps q
              CROSS JOIN device_apps r
              WHERE q.adam_id = a.adam_id AND r.device_id = d.id AND r.bundle_id = q.bundle_id)
          AND NOT EXISTS (
              SELECT 1 FROM installs i WHERE i.device_id = d.id AND i.asset_id = l.asset_id AND i.ended_at IS NULL)
          AND EXISTS (SELECT 1 FROM apps q WHERE q.adam_id = a.adam_id AND q.bundle_id IS NOT NULL)
          AND NOT EXISTS (
              SELECT 1
              FROM app_versions v
              CROSS JOIN device_apps r
              WHERE v.adam_id = a.adam_id AND r.device_id = d.id AND r.bundle_id = v.bundle_id)
          AND d.apps_told_at - ",
    unused_since!(),
    " >= $4))"
);

const IRREVOCABLE: Texts = texts!(
    "SELECT l.asset_id, l.holder_kind, l.holder_id, coalesce(e.reason, 'deleted') AS detail, 0 AS line,
            false AS can_fix",
    held_and_still!(),
    " AND NOT a.revocable
      AND ((e.state = 'left' AND NOT ",
    is_kept!(),
    ") OR coalesce(d.state, p.state) = 'deleted')"
);

const STUCK: Texts = texts!(
    "SELECT c.asset_id, c.holder_kind, c.holder_id, r.event_id AS detail, 0 AS line, false AS can_fix
     FROM requests r
     JOIN changes c ON c.request_id = r.id AND c.state = 'sent'
     WHERE r.token_id = $1 AND r.state IN ('sending', 'accepted') AND coalesce(r.accepted_at, r.created_at) < $3"
);

/// The statements of a class.
pub(super) fn texts(class: Class) -> &'static Texts {
    match class {
        Class::Missing => &MISSING,
        Class::Surplus => &SURPLUS,
        Class::Foreign => &FOREIGN,
        Class::Orphan => &ORPHAN,
        Class::Double => &DOUBLE,
        Class::Idle => &IDLE,
        Class::Irrevocable => &IRREVOCABLE,
        Class::Stuck => &STUCK,
    }
}
