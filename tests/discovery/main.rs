//! Others start jobs at random in three accounts and four Regions, for ten simulated hours: the real binary as a process of
//! its own, looking for all of them; judged by what the simulators know and the daemon said, and by nothing else.
//!
//! A simulated hour takes six seconds. Everything that belongs to the daemon is real: so that its budget is as tight as
//! in production, it looks every 2 s, with five times the default rates. In 30 s a production has 75 list calls for ten
//! workflows; here, in 2 s, there are 25. The simulators answer exactly as many requests a second as the daemon may send:
//! one that is too much is throttled, and seen.
//!
//! How late jobs are found depends on the machine here, and is printed; that it is soon enough is proved in paused time, with
//! the settings of a production (`watch::discovery::tests::fleet`).

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test ends where a step fails, and says what was measured"
)]

mod daemon;
mod judge;

use std::time::Duration;

use matchwatch::simulator::{Operation, Scenario, Simulator};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use daemon::Home;
use judge::Story;

const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"];
/// Simulated seconds a second.
const FACTOR: u32 = 600;
/// The daemon looks for jobs so often.
const INTERVAL: Duration = Duration::from_secs(2);
const GET_RATE: f64 = 25.0;
const LIST_RATE: f64 = 12.5;
/// Longer than anything takes on a busy machine.
const GUARD: Duration = Duration::from_secs(240);

/// Both tests need the machine for themselves.
static ALONE: Mutex<()> = Mutex::const_new(());

/// One account in one Region, with ten workflows whose jobs others start.
fn scenario(account: usize, region: &str, hours: u32) -> Scenario {
    let mut text = format!(
        r#"
        seed = {seed}
        time_factor = {FACTOR}
        starts_for = "{hours}h"
        region = {region:?}
        account_id = "{account:012}"
        limits = {{ GetMatchingJob = {GET_RATE}, ListMatchingJobs = {LIST_RATE}, ListMatchingWorkflows = {LIST_RATE} }}
        "#,
        seed = account * 100 + region.len() * 7 + usize::from(region.as_bytes()[0]),
    );
    for number in 0..10 {
        let (median, every) = match number {
            0..4 => ("10s", "40m"),
            4..9 => ("3m", "1h"),
            _ => ("30m", "4h"),
        };
        text += &format!(
            r#"
            [[workflows]]
            name = "workflow-{number}"
            duration = {{ lognormal = {{ median = "{median}", sigma = 0.8 }} }}
            starts_every = {{ exponential = {{ mean = "{every}" }} }}
            failure_rate = 0.2
            "#
        );
    }
    Scenario::parse(&text, "the test's scenario").unwrap()
}

/// An account of the daemon, and the service behind it.
struct Account {
    name: String,
    region: &'static str,
    url: String,
    simulator: Simulator,
}

async fn accounts(hours: u32, serving: &mut JoinSet<()>) -> Vec<Account> {
    let mut accounts = Vec::new();
    for account in 1..=3 {
        for region in REGIONS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let simulator = Simulator::new(scenario(account, region, hours)).unwrap();
            let served = simulator.clone();
            serving.spawn(async move {
                served.serve(listener, std::future::pending()).await.unwrap();
            });
            accounts.push(Account { name: format!("a{account}-{region}"), region, url, simulator });
        }
    }
    accounts
}

fn configuration(accounts: &[Account]) -> String {
    let interval = INTERVAL.as_secs();
    let mut text = format!(
        r#"
        [store]
        path = "jobs.db"
        [poll]
        get_rate = {GET_RATE}
        list_rate = {LIST_RATE}
        max_interval = "10s"
        [discovery]
        interval = "{interval}s"
        "#
    );
    for Account { name, region, url, .. } in accounts {
        text += &format!(
            "[[account]]\nname = {name:?}\nregion = {region:?}\nendpoint_url = {url:?}\nno_sign_request = true\n\
             [[watch]]\naccount = {name:?}\nall = true\n"
        );
    }
    text
}

/// Whether every job of every account has ended and was told.
fn all_told(accounts: &[Account], story: &Story) -> bool {
    accounts.iter().all(|account| {
        account
            .simulator
            .jobs()
            .iter()
            .all(|(_, _, job)| job.status.is_terminal() && story.has_end(&job.id))
    })
}

/// Throttled requests of an operation, in all accounts.
fn throttled(accounts: &[Account], operation: Operation) -> u64 {
    let throttled =
        |account: &Account| account.simulator.counts().of(operation, "ThrottlingException");
    accounts.iter().map(throttled).sum()
}

/// Seconds from the start of each job to the first answer that told of it.
fn delays(accounts: &[Account]) -> Vec<f64> {
    let mut delays: Vec<f64> = accounts
        .iter()
        .flat_map(|account| account.simulator.first_sights())
        .map(|sight| sight.delay().expect("it was told").as_secs_f64())
        .collect();
    delays.sort_by(f64::total_cmp);
    delays
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_ten_simulated_hours_every_job_is_told_whole_and_once_within_the_budget() {
    let _alone = ALONE.lock().await;
    let mut serving = JoinSet::new();
    let hours = 10;
    let accounts = accounts(hours, &mut serving).await;
    let begun = Instant::now();
    let home = Home::new(&configuration(&accounts));
    let mut daemon = home.serve();
    let mut story = Story::default();
    let over = begun + Duration::from_secs(3_600) * hours / FACTOR;
    let tell = async {
        while Instant::now() < over || !all_told(&accounts, &story) {
            story.add(&daemon.line().await);
        }
    };
    timeout(GUARD, tell).await.expect("all jobs are told");
    let (code, rest) = daemon.stop().await;
    rest.iter().for_each(|line| story.add(line));
    assert_eq!(code, Some(0));

    assert_eq!(story.repeated, 0, "nothing is told twice");
    let jobs = story.judge(accounts.iter().map(|account| &account.simulator));
    for operation in
        [Operation::GetMatchingJob, Operation::ListMatchingJobs, Operation::ListMatchingWorkflows]
    {
        assert_eq!(throttled(&accounts, operation), 0, "{operation}");
    }
    let delays = delays(&accounts);
    assert!(jobs > 1_000, "{jobs}");
    let at = |share: usize| delays[(delays.len() * share / 100).min(delays.len() - 1)];
    println!(
        "{jobs} jobs; found after {:.2} s at the median, {:.2} s at the 95th percentile, {:.2} s at the most; an interval is {} s",
        at(50),
        at(95),
        at(100),
        INTERVAL.as_secs()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_killed_again_and_again_loses_no_job() {
    let _alone = ALONE.lock().await;
    let mut serving = JoinSet::new();
    let hours = 3;
    let accounts = accounts(hours, &mut serving).await;
    let begun = Instant::now();
    let home = Home::new(&configuration(&accounts));
    let mut story = Story::default();
    let over = begun + Duration::from_secs(3_600) * hours / FACTOR;
    // Kills come at odd moments, and for a while nobody runs.
    for life in 0..6_u32 {
        let mut daemon = home.serve();
        let until = Instant::now() + Duration::from_millis(1_100 + u64::from(life) * 370);
        while let Ok(line) =
            timeout(until.saturating_duration_since(Instant::now()), daemon.line()).await
        {
            story.add(&line);
        }
        daemon.kill().await.iter().for_each(|line| story.add(line));
        sleep(Duration::from_millis(400)).await;
    }
    sleep_until(over).await;
    let mut daemon = home.serve();
    let tell = async {
        while !all_told(&accounts, &story) {
            story.add(&daemon.line().await);
        }
    };
    timeout(GUARD, tell).await.expect("all jobs are told");
    let (code, rest) = daemon.stop().await;
    rest.iter().for_each(|line| story.add(line));
    assert_eq!(code, Some(0));
    let jobs = story.judge(accounts.iter().map(|account| &account.simulator));
    assert!(jobs > 300, "{jobs}");
    println!("{jobs} jobs, {} events told again after a kill", story.repeated);
}
