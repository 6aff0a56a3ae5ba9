-- At most so many holders have a license through the assignment at a time; NULL is any number.
ALTER TABLE assignments ADD COLUMN quota INTEGER;
