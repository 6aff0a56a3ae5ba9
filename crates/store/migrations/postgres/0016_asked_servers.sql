-- MDM servers that tell nothing by themselves, such as Fleet: they are asked which devices there are, and what these answered.

-- list_at is when the devices of such a server are listed next, and list_page the page to go on with; NULL for a server that tells by
-- itself, and for one that was not asked yet.
ALTER TABLE connectors ADD COLUMN list_at BIGINT;
ALTER TABLE connectors ADD COLUMN list_page BIGINT NOT NULL DEFAULT 0;

-- poll_at is when the server is asked next what devices answered to a command, NULL when it need not be; polls is how often it was.
ALTER TABLE mdm_commands ADD COLUMN poll_at BIGINT;
ALTER TABLE mdm_commands ADD COLUMN polls BIGINT NOT NULL DEFAULT 0;

CREATE INDEX mdm_commands_to_poll ON mdm_commands (connector_id, poll_at) WHERE poll_at IS NOT NULL;

-- Devices whose answer to a command is asked for. A row goes with the transaction that writes the answer down, so that an answer
-- that is seen again is none. told names what a busy device said last.
CREATE TABLE mdm_awaited (
    command_id BIGINT NOT NULL,
    enrollment_id TEXT COLLATE "C" NOT NULL,
    told TEXT,
    PRIMARY KEY (command_id, enrollment_id)
);
