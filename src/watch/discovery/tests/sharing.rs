//! What discovery reads, the poller need not read again, and the other way round.

use super::fleet::{events, second, watch_over};
use super::*;

/// What it cost to follow jobs for two hours, and how late their ends were told.
#[derive(Debug)]
struct Cost {
    lists: usize,
    gets: usize,
    /// Seconds, on average.
    delay: f64,
}

/// Jobs that start and end at these seconds, in one workflow of each of many accounts.
async fn follow(accounts: &[Vec<(f64, f64)>], shares: bool) -> Cost {
    let (store, stop) =
        (Arc::new(MemoryStore::default()) as Arc<dyn Store>, CancellationToken::new());
    let clock: SharedClock = Arc::new(TokioClock::starting_at(service::ORIGIN));
    let (mut services, mut ends) = (Vec::new(), Vec::new());
    for (account, jobs) in accounts.iter().enumerate() {
        let service = Arc::new(Service::new());
        for (number, (starts_at, ends_at)) in jobs.iter().enumerate() {
            let id = format!("{account}-{number}");
            service.job("customers", &id, *starts_at, *ends_at);
            ends.push((id, *ends_at));
        }
        watch_over(format!("account-{account}"), shares, &service, &store, &clock, &stop);
        services.push(service);
    }
    sleep(Duration::from_hours(2)).await;
    stop.cancel();
    let told = events(&*store).await;
    let delays = ends.iter().map(|(id, ends_at)| {
        let last = told[id].last().unwrap();
        assert_eq!(last.status(), Some(JobStatus::Succeeded));
        second(last.time) - ends_at
    });
    let delay = delays.sum::<f64>() / ends.len() as f64;
    let asked = services.iter().flat_map(|service| service.asked());
    let lists = asked.filter(|(_, of)| of == "customers").count() / services.len();
    let gets = services.iter().map(|service| service.state.lock().unwrap().gets.len());
    Cost { lists, gets: gets.sum::<usize>() / services.len(), delay }
}

#[tokio::test(start_paused = true)]
async fn several_jobs_at_work_are_followed_by_the_lists_that_are_read_for_new_ones() {
    // Nobody knows when they end: asked for by itself, a list of them is due about as often as one for new jobs.
    let jobs = |account: u32| {
        let job = |number: u32| {
            let (account, number) = (f64::from(account), f64::from(number));
            (10.0 + number, 2_400.0 + 550.0 * number + 37.0 * account)
        };
        (0..8).map(job).collect()
    };
    let accounts: Vec<Vec<_>> = (0..12).map(jobs).collect();
    let alone = follow(&accounts, false).await;
    let shared = follow(&accounts, true).await;
    println!("{alone:?}\n{shared:?}");
    assert!(shared.lists * 4 <= alone.lists * 3, "{shared:?} {alone:?}");
    assert!(shared.gets <= alone.gets, "{shared:?} {alone:?}");
    assert!(shared.delay <= alone.delay, "{shared:?} {alone:?}");
}

#[tokio::test(start_paused = true)]
async fn one_job_at_work_is_asked_about_less_where_lists_show_that_it_still_is() {
    let accounts: Vec<_> =
        (0..12).map(|account| vec![(10.0, 5_000.0 + 97.0 * f64::from(account))]).collect();
    let alone = follow(&accounts, false).await;
    let shared = follow(&accounts, true).await;
    println!("{alone:?}\n{shared:?}");
    assert!(shared.lists <= alone.lists, "{shared:?} {alone:?}");
    assert!(shared.gets < alone.gets, "{shared:?} {alone:?}");
    assert!(shared.delay <= alone.delay, "{shared:?} {alone:?}");
}

impl Running {
    /// The poller reads a page, and shows it.
    async fn show(&self, stage: &Stage, workflow: &str) {
        let (began_at, key) = (Instant::now(), key(workflow, "").workflow());
        let page = stage.service.list_jobs(&key, None).await.unwrap();
        let seen = Seen::of(&*stage.clock);
        let page = ReadPage { workflow: key, jobs: page.jobs, next: page.next, began_at, seen };
        self.read.send(page).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_the_poller_has_read_is_a_look_and_the_next_one_is_an_interval_away() {
    let stage = Stage::new();
    stage.service.job("customers", "a", 10.0, 20.0);
    let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
    sleep(2 * MINUTE).await;
    assert_eq!(running.found(), ["a"]);
    running.show(&stage, "customers").await;
    stage.service.asked();
    for number in 0..30 {
        sleep(Duration::from_secs(10)).await;
        let id = format!("{number:02}");
        stage.service.job("customers", &id, stage.service.now(), stage.service.now() + 1.0);
        running.show(&stage, "customers").await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(running.found(), [id], "at once");
    }
    assert_eq!(stage.service.asked().len(), 30, "by the poller");
    sleep(INTERVAL).await;
    assert_eq!(stage.service.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_the_page_is_full_of_new_jobs_those_behind_it_are_read_at_once() {
    let stage = Stage::new();
    stage.service.job("customers", "a", 10.0, 20.0);
    let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
    sleep(2 * MINUTE).await;
    running.found();
    for number in 0..60 {
        let id = format!("{number:02}");
        stage.service.job("customers", &id, stage.service.now(), stage.service.now() + 1.0);
    }
    running.show(&stage, "customers").await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(running.found().len(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_list_that_is_not_sorted_by_time_is_no_look() {
    let mut stage = Stage::new();
    let mut service = service::Service::new();
    service.listed = service::Listed::OldestFirst;
    stage.service = Arc::new(service);
    for number in 0..60 {
        stage.service.job("customers", &number.to_string(), f64::from(number), 100.0);
    }
    stage.service.job("customers", "later", 300.0, 310.0);
    let mut running = stage.start(&[Stage::rule("customers", Start::New)]);
    sleep(2 * MINUTE).await;
    assert_eq!(running.found().len(), 60);
    for _ in 0..30 {
        sleep(Duration::from_secs(10)).await;
        running.show(&stage, "customers").await;
    }
    assert_eq!(running.found(), ["later"], "the whole list is read for it");
}
