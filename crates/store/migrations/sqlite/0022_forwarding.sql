-- Why messages that are to be passed on could not be, the last time; NULL when they can be.
ALTER TABLE connectors ADD COLUMN forward_error TEXT;
