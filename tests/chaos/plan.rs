//! What is going to happen in a wave. Pure: the seed decides, and the same seed plans the same wave.

use std::time::Duration;

use matchwatch::simulator::Status;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

/// Whom the daemon tells. All but the last never refuse an event for good.
pub(crate) const NOTIFIERS: [&str; 3] = ["north", "south", "fickle"];
/// The notifier that answers 410 now and then: what it refused is sent again at the end of the wave.
pub(crate) const FICKLE: usize = 2;
/// Where jobs run.
pub(crate) const WORKFLOWS: [&str; 2] = ["customers", "suppliers"];

const JOBS: usize = 100;

/// The generator of everything that is random.
pub(crate) type Chance = Xoshiro256PlusPlus;

/// The stream of chance that belongs to `name`: one does not disturb another.
pub(crate) fn chance(seed: u64, wave: usize, name: &str) -> Chance {
    let named = format!("{wave}/{name}");
    Chance::seed_from_u64(
        Uuid::new_v5(&Uuid::from_u128(seed.into()), named.as_bytes()).as_u64_pair().0,
    )
}

/// A wave of jobs, and all that befalls the daemon while it follows them.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) jobs: Vec<PlannedJob>,
    /// When each deed is done, since the start of the wave, in this order.
    pub(crate) deeds: Vec<(Duration, Deed)>,
    /// How the daemon's lives end, one after the other.
    pub(crate) lives: Vec<Life>,
}

/// A job that the configuration names.
#[derive(Debug)]
pub(crate) struct PlannedJob {
    pub(crate) id: String,
    pub(crate) workflow: &'static str,
}

/// Something that happens outside of the daemon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Deed {
    /// A job moves, if need be backwards. Its first move makes it.
    Move(usize, Status),
    /// The API does not know the job any more.
    Hide(usize),
    /// It knows it again.
    Show(usize),
    Api(Api),
    Receiver(usize, Climate),
}

/// How the API behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Fair,
    /// It answers this many requests a second.
    Throttles(u8),
    /// It asks to be left alone for a while.
    AsksForPeace,
    Fails,
    Stalls,
    Resets,
    BreaksOff,
    Lags,
    /// Statuses that no version knows, empty answers, pages of HTML, expired tokens, refusals.
    Raves,
}

/// How a receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Climate {
    Fair,
    /// Nobody listens.
    Refuses,
    /// It answers errors, redirects and, where it may, 410.
    Fails,
    /// 429 and 503 with Retry-After.
    IsBusy,
    Stalls,
    /// Late, or drop by drop, or both.
    Dawdles,
    /// It resets connections, in the middle of the request or of its own answer.
    Resets,
    /// All of it, and now and then it works.
    Mixed,
}

/// One life of the daemon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    /// Time before it starts.
    pub(crate) pause: Duration,
    pub(crate) cue: Cue,
    pub(crate) end: End,
}

/// When a life ends. Times count from the start of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cue {
    At(Duration),
    /// This long after the first answer that the API gives after a time.
    Answer(Duration, Duration),
    /// This long after the first event that a receiver gets after a time.
    Receipt(Duration, Duration),
}

/// How a life ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Kill,
    Terminate,
    /// SIGTERM, and SIGKILL soon after it.
    TerminateAndKill(Duration),
}

/// What kind of wave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Season {
    /// Everything, and quickly.
    Storm,
    /// The API throttles for minutes, whatever else happens.
    Drought,
}

impl Season {
    const fn span(self) -> Duration {
        match self {
            Self::Storm => Duration::from_secs(20),
            Self::Drought => Duration::from_secs(150),
        }
    }

    const fn lives(self) -> usize {
        match self {
            Self::Storm => 48,
            Self::Drought => 60,
        }
    }

    /// The longest life.
    const fn longest(self) -> u64 {
        match self {
            Self::Storm => 900,
            Self::Drought => 5_000,
        }
    }
}

impl Plan {
    pub(crate) fn new(seed: u64, wave: usize, season: Season) -> Self {
        let mut chance = chance(seed, wave, "plan");
        let jobs: Vec<PlannedJob> = (0..JOBS)
            .map(|number| PlannedJob {
                id: format!("{:032x}", chance.random::<u128>()),
                workflow: WORKFLOWS[number % WORKFLOWS.len()],
            })
            .collect();
        let mut deeds = Vec::new();
        for job in 0..JOBS {
            deeds.extend(career(&mut chance, job, season.span()));
        }
        deeds.extend(weather(&mut chance, season));
        for receiver in 0..NOTIFIERS.len() {
            deeds.extend(climates(&mut chance, receiver, season.span()));
        }
        deeds.sort_by_key(|(at, _)| *at);
        let lives = (0..season.lives()).map(|_| life(&mut chance, season)).collect();
        Self { jobs, deeds, lives }
    }
}

fn millis(chance: &mut Chance, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(chance.random_range(range))
}

fn share(chance: &mut Chance, span: Duration, most: f64) -> Duration {
    span.mul_f64(chance.random::<f64>() * most)
}

/// All that happens to one job.
fn career(chance: &mut Chance, job: usize, span: Duration) -> Vec<(Duration, Deed)> {
    use Status::{Failed, Queued, Running, Succeeded};
    let fate = chance.random_range(0..100);
    if fate < 2 {
        // The configuration names it, and it never is.
        return Vec::new();
    }
    let ending = if chance.random_bool(0.3) { Failed } else { Succeeded };
    let appears = if chance.random_bool(0.2) { Duration::ZERO } else { share(chance, span, 0.6) };
    let mut stays = |most| match chance.random_range(0..4) {
        0 => Duration::ZERO,
        1 => millis(chance, 0..1_000),
        _ => share(chance, span, most),
    };
    let begins = appears + stays(0.2);
    let ends = begins + stays(0.25);
    let mut deeds = vec![
        (appears, Deed::Move(job, Queued)),
        (begins, Deed::Move(job, Running)),
        (ends, Deed::Move(job, ending)),
    ];
    let turns = appears + share(chance, ends - appears, 1.0);
    let returns = turns + millis(chance, 300..2_000);
    match fate {
        // Gone for good.
        2..5 => {
            deeds.retain(|(at, _)| *at <= turns);
            deeds.push((turns, Deed::Hide(job)));
        }
        5..15 => deeds.extend([(turns, Deed::Hide(job)), (returns, Deed::Show(job))]),
        // An old answer while it runs, and one after its end.
        15..25 if begins < ends => {
            let back = begins + (ends - begins) / 3;
            deeds.push((back, Deed::Move(job, Queued)));
            deeds.push((back + (ends - begins) / 3, Deed::Move(job, Running)));
        }
        25..35 => {
            let again = ends + millis(chance, 300..1_500);
            deeds.push((ends + millis(chance, 0..300), Deed::Move(job, Running)));
            deeds.push((again, Deed::Move(job, ending)));
        }
        _ => {}
    }
    deeds.sort_by_key(|(at, _)| *at);
    deeds
}

fn weather(chance: &mut Chance, season: Season) -> Vec<(Duration, Deed)> {
    const FAULTS: [Api; 8] = [
        Api::Throttles(5),
        Api::AsksForPeace,
        Api::Fails,
        Api::Stalls,
        Api::Resets,
        Api::BreaksOff,
        Api::Lags,
        Api::Raves,
    ];
    if season == Season::Drought {
        return vec![(Duration::ZERO, Deed::Api(Api::Throttles(2)))];
    }
    let mut at = Duration::ZERO;
    let mut deeds = Vec::new();
    while at < season.span() {
        let api = *FAULTS.choose(chance).unwrap_or(&Api::Fair);
        deeds.push((at, Deed::Api(api)));
        at += millis(chance, 300..2_000);
        deeds.push((at, Deed::Api(Api::Fair)));
        at += millis(chance, 300..1_500);
    }
    deeds
}

fn climates(chance: &mut Chance, receiver: usize, span: Duration) -> Vec<(Duration, Deed)> {
    use Climate::{Dawdles, Fails, Fair, IsBusy, Mixed, Refuses, Resets, Stalls};
    const CLIMATES: [Climate; 10] =
        [Fair, Fair, Refuses, Fails, IsBusy, Stalls, Dawdles, Resets, Mixed, Mixed];
    let mut at = Duration::ZERO;
    let mut deeds = Vec::new();
    while at < span {
        let climate = *CLIMATES.choose(chance).unwrap_or(&Fair);
        deeds.push((at, Deed::Receiver(receiver, climate)));
        at += millis(chance, 500..3_000);
    }
    deeds
}

fn life(chance: &mut Chance, season: Season) -> Life {
    let pause = if chance.random_bool(0.3) { millis(chance, 0..300) } else { Duration::ZERO };
    let length = millis(chance, 100..season.longest());
    let moment = Duration::from_micros(chance.random_range(0..5_000));
    let cue = match chance.random_range(0..10) {
        // While it starts.
        0..2 => Cue::At(millis(chance, 0..150)),
        2..6 => Cue::At(length),
        6..8 => Cue::Answer(length, moment),
        _ => Cue::Receipt(length, moment),
    };
    let end = match chance.random_range(0..100) {
        0..6 => End::Terminate,
        6..10 => End::TerminateAndKill(millis(chance, 0..500)),
        _ => End::Kill,
    };
    Life { pause, cue, end }
}
