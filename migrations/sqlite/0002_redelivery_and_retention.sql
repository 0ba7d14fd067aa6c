-- 1 for a delivery that is sent again on request. It stands in no line: it waits for none, and none waits for it.
-- While it is pending its first_in_line is 1.
ALTER TABLE deliveries ADD COLUMN out_of_line INTEGER NOT NULL DEFAULT 0;

-- Who is next in line.
DROP INDEX deliveries_line;
CREATE INDEX deliveries_line ON deliveries (job, notifier) WHERE state = 'pending' AND out_of_line = 0;

-- What is old enough to be forgotten, and what was told last.
CREATE INDEX deliveries_delivered ON deliveries (settled_at) WHERE state = 'delivered';
CREATE INDEX events_by_age ON events (recorded_at);
-- Without it, the removal of a job looks through all deliveries for one that refers to it.
CREATE INDEX deliveries_of_job ON deliveries (job);
