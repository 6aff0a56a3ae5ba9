-- So many licenses of an asset are kept for jobs that do not wait in the line: whoever waits there is not given the last ones.
ALTER TABLE assets ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0;
