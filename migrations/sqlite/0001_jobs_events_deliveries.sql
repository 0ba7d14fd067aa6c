-- A migration that was released never changes again: every database holds its checksum. Add a new file.
-- Instants are microseconds since 1970-01-01 UTC.

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    job_id TEXT NOT NULL,
    status TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (account, kind, workflow_name, job_id)
) STRICT;

CREATE TABLE events (
    id TEXT NOT NULL PRIMARY KEY, -- UUID
    job INTEGER NOT NULL REFERENCES jobs (id),
    type TEXT NOT NULL,
    body TEXT NOT NULL, -- the bytes that every delivery sends
    recorded_at INTEGER NOT NULL
) STRICT;

CREATE INDEX events_of_job ON events (job);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of recording; never used twice
    event_id TEXT NOT NULL REFERENCES events (id),
    job INTEGER NOT NULL REFERENCES jobs (id),
    notifier TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
    -- 1 for the oldest pending delivery of its job and notifier. Only that one is ever due, and the mark spares
    -- the look for it among all that wait.
    first_in_line INTEGER NOT NULL CHECK (first_in_line = 0 OR state = 'pending'),
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    last_reason TEXT, -- why the last failed attempt failed
    created_at INTEGER NOT NULL,
    settled_at INTEGER, -- when it was delivered or given up
    UNIQUE (event_id, notifier)
) STRICT;

-- What a notifier has to do next.
CREATE INDEX deliveries_due ON deliveries (notifier, due_at) WHERE first_in_line = 1;
-- Who is next in line.
CREATE INDEX deliveries_line ON deliveries (job, notifier) WHERE state = 'pending';
-- How much is left to do.
CREATE INDEX deliveries_open ON deliveries (notifier, state, created_at) WHERE state <> 'delivered';

-- Written to find out whether writing works.
CREATE TABLE write_probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    filler BLOB NOT NULL
) STRICT;

INSERT INTO write_probe (id, filler) VALUES (1, x'');
