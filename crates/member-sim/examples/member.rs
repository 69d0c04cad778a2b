//! Runs one simulated member in memory until Ctrl-C: `cargo run --example member -- FILE`, then
//! `kubectl --kubeconfig FILE get nodes`.

use member_sim::{Member, NodeSpec, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("say where the kubeconfig is to be written")?;
    let nodes = (1..=3).map(|n| NodeSpec::new(format!("node-{n}"))).collect();
    let member = Member::start(Options { nodes, ..Options::new("member") }).await?;
    std::fs::write(&file, member.kubeconfig())?;
    println!("{} is ready, its kubeconfig is {file}", member.url());
    tokio::signal::ctrl_c().await?;
    member.stop().await;
    std::fs::remove_file(&file)?;
    Ok(())
}
