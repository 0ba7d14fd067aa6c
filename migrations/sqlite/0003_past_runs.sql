-- How long jobs ran that have ended: what a workflow's next jobs are timed by.
CREATE TABLE past_runs (
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    job_id TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    run_time INTEGER NOT NULL, -- microseconds
    PRIMARY KEY (account, kind, workflow_name, job_id)
) STRICT, WITHOUT ROWID;
