//! Moves licenses from users to their devices.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::assign::asset;
use crate::commands::lint::{AboutArgs, Report, show};
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{access, follow, print};

/// The most moves that one job takes.
const MOVES_MAX: usize = 100_000;
/// The most refused moves that are printed.
const REFUSED_SHOWN: usize = 20;

/// The device gets a license of its own, the MDM side installs the app anew, then the user's license is taken back; never
/// the other way round.
#[derive(Debug, Args)]
pub(crate) struct MoveArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// Whose license goes to which device, as USER=SERIAL; a user with several devices stands once for each.
    #[arg(long = "move", value_name = "USER=SERIAL", num_args = 1.., value_delimiter = ',')]
    moves: Vec<String>,
    /// A CSV file whose first line is user,serial, one device a line.
    #[arg(long, value_name = "FILE", conflicts_with = "moves")]
    pairs: Option<PathBuf>,
    /// Apps, as ADAM_ID or ADAM_ID:PRICING_PARAM; without them, all that each user holds and a device can have.
    #[arg(long, value_name = "ADAM_ID", num_args = 1.., value_delimiter = ',')]
    app: Vec<String>,
    /// Who says that the app was installed with the device's license.
    #[arg(long, value_enum, default_value_t = Confirm::None)]
    confirm: Confirm,
    /// Whom to tell, with --confirm callback.
    #[arg(long, value_name = "URL", requires = "callback_secret_file")]
    callback_url: Option<String>,
    /// A file with the secret that calls are signed with.
    #[arg(long, value_name = "FILE", requires = "callback_url")]
    callback_secret_file: Option<PathBuf>,
    /// How long a confirmation is waited for; 7 days without it.
    #[arg(long, value_name = "SECONDS")]
    confirm_within_s: Option<u64>,
    /// The apps are required on the devices: only then nobody is asked anything.
    #[arg(long)]
    required: bool,
    #[command(flatten)]
    about: AboutArgs,
    /// Say what would be done, and do nothing.
    #[arg(long, visible_alias = "dry-run")]
    preview: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Confirm {
    /// Nobody.
    None,
    /// `russet job confirm`.
    Manual,
    /// The MDM side, which is called.
    Callback,
}

impl Confirm {
    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Manual => "manual",
            Self::Callback => "callback",
        }
    }
}

pub(crate) async fn run(args: MoveArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let token = token::find(&client, &args.token).await?;
    let job = job(&args, token.id)?;
    if args.preview {
        return preview(&client, &job, args.access.json).await;
    }
    let answer = client.post("jobs", &job).await?;
    follow::submitted(&client, &args.access, args.wait, answer.body).await
}

/// The job as the API takes it.
fn job(args: &MoveArgs, token: i64) -> Result<Value, CliError> {
    let moves = match &args.pairs {
        Some(path) => read_moves(path)?,
        None => args.moves.iter().map(|text| split(text)).collect::<Result<_, _>>()?,
    };
    if moves.is_empty() {
        return Err(CliError::Usage(
            "say whose license goes where: --move USER=SERIAL…, or --pairs FILE".to_owned(),
        ));
    }
    let mut job = json!({
        "kind": "move_license",
        "token": token,
        "moves": moves,
        "confirm": args.confirm.as_str(),
        "required": args.required,
    });
    if !args.app.is_empty() {
        job["assets"] = args.app.iter().map(|app| asset(app)).collect();
    }
    if let Some(seconds) = args.confirm_within_s {
        job["confirm_within_s"] = json!(seconds);
    }
    if let (Some(url), Some(path)) = (&args.callback_url, &args.callback_secret_file) {
        let secret = std::fs::read_to_string(path).map_err(|error| {
            CliError::Usage(format!("the secret in {} cannot be read: {error}", path.display()))
        })?;
        job["callback"] = json!({ "url": url, "secret": secret.trim() });
    }
    args.about.add_to(&mut job)?;
    Ok(job)
}

fn split(text: &str) -> Result<Value, CliError> {
    match text.rsplit_once('=') {
        Some((user, serial)) if !user.is_empty() && !serial.is_empty() => {
            Ok(json!({ "user": user, "serial": serial }))
        }
        _ => Err(CliError::Usage(format!("{text:?} should be USER=SERIAL"))),
    }
}

fn read_moves(path: &Path) -> Result<Vec<Value>, CliError> {
    #[derive(Deserialize)]
    struct Line {
        user: String,
        serial: String,
    }
    let named = |why: String| CliError::Usage(format!("{}: {why}", path.display()));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| named(format!("cannot be read: {error}")))?;
    let mut moves = Vec::new();
    for line in reader.deserialize() {
        let Line { user, serial } = line.map_err(|error| named(error.to_string()))?;
        moves.push(json!({ "user": user, "serial": serial }));
        if moves.len() > MOVES_MAX {
            return Err(named(format!("one job takes {MOVES_MAX} moves; split the file")));
        }
    }
    Ok(moves)
}

/// What a move would do, as far as it is printed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Preview {
    to_move: u64,
    already_moved: u64,
    refused: u64,
    refused_moves: Vec<RefusedMove>,
    assets: Vec<Need>,
    left_out: Vec<LeftOut>,
    silent: Option<bool>,
    lint: Report,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RefusedMove {
    adam_id: String,
    user: String,
    serial: String,
    detail: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Need {
    adam_id: String,
    extra_at_peak: u64,
    free: Option<u64>,
    enough: bool,
    freed_afterwards: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LeftOut {
    adam_id: String,
    licenses: u64,
}

async fn preview(client: &Client, job: &Value, json: bool) -> Result<(), CliError> {
    let answer = client.post("moves/preview", job).await?.body;
    if json {
        print::json(&answer);
        return Ok(());
    }
    let preview: Preview = serde_json::from_value(answer).unwrap_or_default();
    let Preview { to_move, already_moved, refused, .. } = preview;
    print::line(format!(
        "{to_move} would move, {already_moved} have moved before, {refused} would be refused"
    ));
    let rows = preview.assets.iter().map(|need| {
        let free = need.free.map_or_else(|| "unlimited".to_owned(), |free| free.to_string());
        let enough = if need.enough { "yes" } else { "no" }.to_owned();
        [
            need.adam_id.clone(),
            need.extra_at_peak.to_string(),
            free,
            enough,
            need.freed_afterwards.to_string(),
        ]
    });
    print::table(["ASSET", "NEEDED AT THE PEAK", "FREE", "ENOUGH", "FREED AFTERWARDS"], rows);
    for RefusedMove { adam_id, user, serial, detail } in preview.refused_moves.iter().take(REFUSED_SHOWN) {
        print::line(print::plain(&format!("refused: {adam_id} from {user} to {serial}: {detail}")));
    }
    for LeftOut { adam_id, licenses } in &preview.left_out {
        print::line(format!(
            "left out: {licenses} of {adam_id}, which no device can have or which never come back"
        ));
    }
    match preview.silent {
        Some(true) => print::line("nobody will see anything"),
        Some(false) => print::line("people may be asked something on their devices"),
        None => {
            print::line("whether people are asked anything is not known; --about tells more of the devices");
        }
    }
    show(&preview.lint);
    Ok(())
}
