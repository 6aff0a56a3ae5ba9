//! The commands in README.md are run as they stand there.

use std::process::Command;

use crate::support::{Sim, quick};

/// The shell blocks of the page that talk to a simulator.
fn commands() -> String {
    let page = include_str!("../../README.md");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("curl")).collect()
}

#[tokio::test]
async fn the_commands_of_the_readme_work() {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !has("curl") || !has("jq") {
        return; // Nothing can be said about the page on a machine without them.
    }
    let sim = Sim::start(quick()).await;
    let script = commands().replace("http://127.0.0.1:8444", &sim.simulator.url());
    assert!(script.contains(&sim.simulator.url()));
    let run = tokio::process::Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output();
    let output = run.await.unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(!said.contains("\"error\""), "{said}");
    assert!(!said.contains("errorMessage"), "{said}");
    assert!(said.contains("\"serial\":\"SER1\"") && said.contains("eventId"), "{said}");
    let faults = sim.control(reqwest::Method::GET, "/_sim/faults", None).await;
    assert_eq!(faults["faults"].as_array().unwrap().len(), 0);
}
