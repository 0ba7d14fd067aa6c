//! Who asks, as moto's STS says.

use crate::moto::Moto;
use crate::simulator::Simulated;

#[tokio::test]
async fn the_doctor_names_the_account_and_the_user_that_sts_names() {
    let moto = Moto::start().await;
    let simulated = Simulated::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("matchwatch.toml");
    let account =
        "[store]\ntype = \"memory\"\n[[account]]\nname = \"main\"\nregion = \"eu-west-1\"\n";
    std::fs::write(&config, account).unwrap();
    let output = simulated
        .peer(env!("CARGO_BIN_EXE_matchwatch"))
        .env("AWS_ENDPOINT_URL_STS", &moto.endpoint)
        .args(["doctor", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("  ok      account main: 123456789012 in eu-west-1, asked as arn:aws:sts::123456789012:user/moto"),
        "{told}"
    );
    assert!(output.status.success());
}
