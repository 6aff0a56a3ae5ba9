-- The part of the day that an install keeps to, such as 22:00-05:00 by the clock of the device, each time it is sent.
ALTER TABLE installs ADD COLUMN in_window TEXT;
