-- The notifiers that hear of an alarm's beginning and of its end, as a JSON list. Of the alarms that are open it is those
-- that were told.
ALTER TABLE alarms ADD COLUMN notifiers TEXT NOT NULL DEFAULT '[]';

UPDATE alarms SET notifiers = (
    SELECT json_group_array(d.notifier) FROM events e JOIN deliveries d ON d.event_id = e.id
    WHERE e.job = alarms.job AND e.recorded_at = alarms.raised_at
        AND e.type = 'dev.matchwatch.alarm.' || alarms.name || '.raised.v1'
);
