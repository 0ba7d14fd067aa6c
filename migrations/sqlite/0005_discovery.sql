-- Watches that find their jobs by themselves, and when each was first seen: its new jobs are those from then on.
CREATE TABLE watches (
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    workflows TEXT NOT NULL, -- their names, with wildcards
    first_seen_at INTEGER NOT NULL,
    PRIMARY KEY (account, kind, workflows)
) STRICT, WITHOUT ROWID;

-- Workflows whose jobs they follow.
CREATE TABLE followed_workflows (
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    since INTEGER NOT NULL,
    judged_by TEXT, -- the rule by which the jobs were judged that were there at first; NULL until all of them were
    PRIMARY KEY (account, kind, workflow_name)
) STRICT, WITHOUT ROWID;

-- Jobs that were there at first and are not followed.
CREATE TABLE passed_over (
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    workflow_name TEXT NOT NULL,
    job_id TEXT NOT NULL,
    PRIMARY KEY (account, kind, workflow_name, job_id)
) STRICT, WITHOUT ROWID;

-- Jobs that a start goes on with.
CREATE INDEX jobs_live ON jobs (account, kind) WHERE status IN ('QUEUED', 'RUNNING');
