-- Brakes: changes that take licenses back wait as held until somebody approves. excused: counts for no brake, since it was approved
-- or is one half of a move.
ALTER TABLE changes ADD COLUMN excused BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE jobs ADD COLUMN held BIGINT NOT NULL DEFAULT 0;

CREATE INDEX changes_taken_back ON changes (token_id, created_at) WHERE action = 'revoke' AND NOT excused;
CREATE INDEX changes_held ON changes (created_at) WHERE state = 'held';
