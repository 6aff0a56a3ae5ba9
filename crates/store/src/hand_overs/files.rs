//! How the licenses of a hand-over are spelled in its files. A signature goes over these bytes, so that whoever writes
//! them has to use what is here.

use russet_domain::Holder;
use serde::Serialize;

use super::Copied;
use crate::error::StoreError;

/// The files of a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// A license a line, as comma-separated values with a head.
    Csv,
    /// A license a line, as JSON.
    Ndjson,
    /// Counts and checksums, as JSON.
    Summary,
    /// The signature over the summary's bytes, as JSON.
    Signature,
}

impl File {
    /// Every file.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Ndjson, Self::Summary, Self::Signature];

    /// Its name, in addresses and in folders. Signed summaries hold it; it never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "licenses.csv",
            Self::Ndjson => "licenses.ndjson",
            Self::Summary => "summary.json",
            Self::Signature => "signature.json",
        }
    }

    /// The file of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.name() == name)
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
            Self::Summary | Self::Signature => "application/json",
        }
    }
}

/// A line of either file of licenses.
#[derive(Serialize)]
struct Line<'a> {
    adam_id: &'a str,
    pricing_param: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_user_id: Option<&'a str>,
}

/// The head of the table, in the order of a line's values.
const HEAD: [&str; 4] = ["adam_id", "pricing_param", "serial", "client_user_id"];

/// The bytes of a run of licenses in a file of licenses; `first` for the run at its beginning, which has the head.
/// Files of other kinds have none.
///
/// # Errors
/// When a line cannot be spelled, which is a mistake of ours.
pub fn page_text(file: File, licenses: &[Copied], first: bool) -> Result<Vec<u8>, StoreError> {
    match file {
        File::Csv => csv(licenses, first),
        File::Ndjson => ndjson(licenses),
        File::Summary | File::Signature => Ok(Vec::new()),
    }
}

fn csv(licenses: &[Copied], first: bool) -> Result<Vec<u8>, StoreError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if first {
        writer.write_record(HEAD).map_err(unwritable)?;
    }
    for license in licenses {
        let (serial, user) = match &license.holder {
            Holder::Device(serial) => (serial.as_str(), ""),
            Holder::User(user) => ("", user.as_str()),
        };
        let key = &license.key;
        writer
            .write_record([key.adam_id.as_str(), key.pricing.as_str(), serial, user])
            .map_err(unwritable)?;
    }
    writer.into_inner().map_err(|error| unwritable(error.into_error()))
}

fn ndjson(licenses: &[Copied]) -> Result<Vec<u8>, StoreError> {
    let mut text = Vec::with_capacity(licenses.len() * 80);
    for license in licenses {
        let (serial, client_user_id) = match &license.holder {
            Holder::Device(serial) => (Some(serial.as_str()), None),
            Holder::User(user) => (None, Some(user.as_str())),
        };
        let line = Line {
            adam_id: &license.key.adam_id,
            pricing_param: license.key.pricing.as_str(),
            serial,
            client_user_id,
        };
        serde_json::to_writer(&mut text, &line).map_err(unwritable)?;
        text.push(b'\n');
    }
    Ok(text)
}

fn unwritable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable { what: "a line of a hand-over", why: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

    use russet_domain::{AssetKey, Pricing};

    use super::*;

    fn license(place: i64, holder: Holder) -> Copied {
        let key = AssetKey { adam_id: "361309726".to_owned(), pricing: Pricing::from_text("STDQ") };
        Copied { place, key, holder }
    }

    #[test]
    fn the_files_are_the_same_bytes_in_one_run_and_in_many() {
        let all = [
            license(1, Holder::Device("C02A".to_owned())),
            license(2, Holder::User("o'neil, \"pat\"\n".to_owned())),
            license(3, Holder::Device("C02B".to_owned())),
        ];
        for file in [File::Csv, File::Ndjson] {
            let whole = page_text(file, &all, true).unwrap();
            let mut parts = page_text(file, &all[..1], true).unwrap();
            parts.extend(page_text(file, &all[1..], false).unwrap());
            assert_eq!(whole, parts, "{file:?}");
        }
    }

    #[test]
    fn a_holder_with_commas_quotes_and_breaks_reads_back() {
        let user = "o'neil, \"pat\"\n";
        let all = [license(1, Holder::User(user.to_owned()))];
        let table = page_text(File::Csv, &all, true).unwrap();
        let mut reader = csv::Reader::from_reader(table.as_slice());
        assert_eq!(reader.headers().unwrap(), &csv::StringRecord::from(HEAD.to_vec()));
        let record = reader.records().next().unwrap().unwrap();
        assert_eq!((&record[0], &record[2], &record[3]), ("361309726", "", user));
        let line: serde_json::Value =
            serde_json::from_slice(&page_text(File::Ndjson, &all, true).unwrap()).unwrap();
        assert_eq!(line["client_user_id"], user);
    }

    #[test]
    fn an_empty_table_has_its_head() {
        assert_eq!(
            page_text(File::Csv, &[], true).unwrap(),
            b"adam_id,pricing_param,serial,client_user_id\n"
        );
        assert!(page_text(File::Ndjson, &[], true).unwrap().is_empty());
    }
}
