//! The API's process. Reads its settings and runs one command; everything else is in the library.

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    nesie_api::cli::Cli::parse().run().await
}
