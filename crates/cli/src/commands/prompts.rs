//! Says what people see when an app is installed. Needs no server.

use clap::{Args, ValueEnum};
use russet_domain::prompts::{Case, LicenseKind, Ownership, Prompts, Shown, prompts, rows};
use serde_json::{Value, json};

use crate::error::CliError;
use crate::print;

/// Without --ownership and --license, prints the whole table.
#[derive(Debug, Args)]
pub(crate) struct PromptsArgs {
    /// Who owns the device.
    #[arg(long, value_enum, requires = "license")]
    ownership: Option<OwnershipArg>,
    /// Whose license it gets.
    #[arg(long, value_enum, requires = "ownership")]
    license: Option<LicenseArg>,
    /// It is supervised.
    #[arg(long, requires = "license")]
    supervised: bool,
    /// It is a kiosk.
    #[arg(long, requires = "license")]
    kiosk: bool,
    /// It is enrolled by User Enrollment.
    #[arg(long, requires = "license")]
    user_enrollment: bool,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OwnershipArg {
    Personal,
    Corporate,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LicenseArg {
    Device,
    User,
}

pub(crate) fn run(args: &PromptsArgs) -> Result<(), CliError> {
    let asked = match (args.ownership, args.license) {
        (Some(ownership), Some(license)) => {
            let ownership = match ownership {
                OwnershipArg::Personal => Ownership::Personal,
                OwnershipArg::Corporate => Ownership::Corporate,
            };
            let license = match license {
                LicenseArg::Device => LicenseKind::Device,
                LicenseArg::User => LicenseKind::User,
            };
            let PromptsArgs { supervised, kiosk, user_enrollment, .. } = *args;
            vec![("as asked", Case { ownership, supervised, license, kiosk, user_enrollment })]
        }
        (_, _) => rows().to_vec(),
    };
    if args.json {
        let items: Vec<Value> = asked.into_iter().map(|(name, case)| item(name, case)).collect();
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let mut remarks = Vec::new();
    let table = asked.into_iter().map(|(name, case)| row(name, case, &mut remarks)).collect::<Vec<_>>();
    print::table(["CASE", "INVITATION", "INSTALL", "APPLE ID"], table);
    for remark in remarks {
        print::line(remark);
    }
    Ok(())
}

fn row(name: &str, case: Case, remarks: &mut Vec<String>) -> [String; 4] {
    let word = |is_shown: bool| if is_shown { "yes" } else { "no" }.to_owned();
    let none = || "---".to_owned();
    match prompts(case) {
        Prompts::Shown(Shown { invite, install, apple_id }) => {
            [name.to_owned(), word(invite), word(install), word(apple_id)]
        }
        Prompts::NotRecommended { rule, why } | Prompts::Impossible { rule, why } => {
            remarks.push(format!("{name}: {why} (rule {rule})"));
            [name.to_owned(), none(), none(), none()]
        }
        Prompts::Unstated { why } => {
            remarks.push(format!("{name}: {why}"));
            [name.to_owned(), none(), none(), none()]
        }
    }
}

fn item(name: &str, case: Case) -> Value {
    let mut item = json!({
        "case": name,
        "ownership": case.ownership.as_str(),
        "license": case.license.as_str(),
        "supervised": case.supervised,
        "kiosk": case.kiosk,
        "user_enrollment": case.user_enrollment,
    });
    match prompts(case) {
        Prompts::Shown(Shown { invite, install, apple_id }) => {
            item["verdict"] = json!("shown");
            item["invite"] = json!(invite);
            item["install"] = json!(install);
            item["apple_id"] = json!(apple_id);
        }
        Prompts::NotRecommended { rule, why } => {
            item["verdict"] = json!("not_recommended");
            item["rule"] = json!(rule);
            item["detail"] = json!(why);
        }
        Prompts::Impossible { rule, why } => {
            item["verdict"] = json!("impossible");
            item["rule"] = json!(rule);
            item["detail"] = json!(why);
        }
        Prompts::Unstated { why } => {
            item["verdict"] = json!("unstated");
            item["detail"] = json!(why);
        }
    }
    item
}
