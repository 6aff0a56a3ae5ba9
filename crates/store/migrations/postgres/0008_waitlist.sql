-- Who waits for a license while none is free. waits: whether the wish joins the line or is refused; line: how urgent it is there,
-- after its job's priority and before its age.
ALTER TABLE changes ADD COLUMN waits BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE changes ADD COLUMN line BIGINT NOT NULL DEFAULT 0;

DROP INDEX changes_sendable;
CREATE INDEX changes_sendable ON changes (token_id, priority DESC, line DESC, id) WHERE state = 'planned' AND slot = 0;
CREATE INDEX changes_waitlisted ON changes (token_id, asset_id, priority DESC, line DESC, id) WHERE state = 'waitlisted';

-- What a job's licenses do while none is free: null is refused, a number is how urgent they are in the line.
ALTER TABLE jobs ADD COLUMN line BIGINT;

-- Why somebody has an app or lacks it, is asked by holder.
CREATE INDEX changes_of_holder ON changes (holder_id, asset_id, id);
