//! Those who write wait for the disk together: whatever comes while one commit is under way shares the next.
//!
//! A commit waits until the disk has it, and that takes as long for one change as for a hundred. Who comes alone goes at
//! once; nobody is held back for company.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::connections::Shared;
use super::{refusal, statements};
use crate::store::{Change, DeliveryId, Recorded, Settlement, StoreError};

/// The most that one commit holds: so that whoever comes next waits for some milliseconds at most.
const MOST: usize = 256;

/// Something to be written, and who waits for it.
pub(super) enum Write {
    Record(Box<Change>, Reply<Recorded>),
    Settle(DeliveryId, Settlement, Reply<()>),
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What a write came to, before the commit.
enum Written {
    Recorded(Recorded),
    Settled,
}

impl Write {
    async fn write(&self, connection: &mut SqliteConnection) -> Result<Written, sqlx::Error> {
        match self {
            Self::Record(change, _) => {
                statements::record(connection, change).await.map(Written::Recorded)
            }
            Self::Settle(delivery, settlement, _) => {
                statements::settle(connection, *delivery, settlement).await?;
                Ok(Written::Settled)
            }
        }
    }

    /// Tells whoever waits, if somebody does.
    fn answer(self, written: Result<Written, StoreError>) {
        match (self, written) {
            (Self::Record(_, reply), Ok(Written::Recorded(recorded))) => {
                let _ = reply.send(Ok(recorded));
            }
            (Self::Settle(_, _, reply), Ok(_)) => {
                let _ = reply.send(Ok(()));
            }
            (Self::Record(_, reply), Err(error)) => {
                let _ = reply.send(Err(error));
            }
            (Self::Settle(_, _, reply), Err(error)) => {
                let _ = reply.send(Err(error));
            }
            (Self::Record(..), Ok(Written::Settled)) => {}
        }
    }
}

/// Writes what comes, for as long as the store is there.
pub(super) async fn run(store: Weak<Shared>, mut queue: mpsc::UnboundedReceiver<Write>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, MOST).await > 0 {
        let Some(store) = store.upgrade() else { return };
        write_together(&store, &mut batch, &mut queue).await;
    }
}

async fn write_together(
    store: &Arc<Shared>,
    batch: &mut Vec<Write>,
    queue: &mut mpsc::UnboundedReceiver<Write>,
) {
    let written = match store.to_write().await {
        Ok(mut connection) => {
            // More may have come while others had the connection.
            while batch.len() < MOST
                && let Ok(write) = queue.try_recv()
            {
                batch.push(write);
            }
            // One that comes alone is written below.
            if batch.len() > 1 { commit(&mut connection, batch).await } else { None }
        }
        // Each is told for itself below.
        Err(_) => None,
    };
    match written {
        Some(written) => {
            store.commits.fetch_add(1, Ordering::Relaxed);
            for (write, written) in batch.drain(..).zip(written) {
                write.answer(Ok(written));
            }
        }
        // One that is refused must not spoil the others: each is tried for itself.
        None => {
            for write in batch.drain(..) {
                let written = write_alone(store, &write).await;
                write.answer(written);
            }
        }
    }
}

/// Writes all in one transaction, or nothing.
async fn commit(connection: &mut SqliteConnection, batch: &[Write]) -> Option<Vec<Written>> {
    let mut transaction = connection.begin_with(statements::BEGIN).await.ok()?;
    let mut written = Vec::with_capacity(batch.len());
    for write in batch {
        written.push(write.write(&mut transaction).await.ok()?);
    }
    transaction.commit().await.ok()?;
    Some(written)
}

async fn write_alone(store: &Shared, write: &Write) -> Result<Written, StoreError> {
    let mut connection = store.to_write().await?;
    let work = async {
        let mut transaction = connection.begin_with(statements::BEGIN).await?;
        let written = write.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(written)
    };
    let written = work.await.map_err(|error: sqlx::Error| store.refused(error))?;
    store.commits.fetch_add(1, Ordering::Relaxed);
    Ok(written)
}

/// The writer's answer, or that it is gone with its runtime.
pub(super) async fn answer<T>(
    store: &Shared,
    answer: oneshot::Receiver<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    answer.await.unwrap_or_else(|_| Err(refusal::closed(&store.path)))
}
