-- How far ended jobs were forgotten: one row, once any was.
CREATE TABLE pruned (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    ended_before INTEGER NOT NULL -- never goes back
) STRICT;
