-- Alarms that are open: raised, and not yet resolved.
--
-- An alarm may tell of a workflow, of an account, or of a job that never answered. Its events need a line to stand in all
-- the same. So a row of `jobs` whose status is '' is no job that has one: of a workflow its job_id is '' too, of an
-- account its kind and workflow_name besides.
CREATE TABLE alarms (
    job INTEGER NOT NULL REFERENCES jobs (id),
    name TEXT NOT NULL,
    region TEXT NOT NULL,
    raised_at INTEGER NOT NULL, -- goes into the ids of its events
    message TEXT NOT NULL,
    facts TEXT NOT NULL, -- JSON
    PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
