-- Whether the app goes from the device once this change has taken the license back.
ALTER TABLE changes ADD COLUMN removes_app BOOLEAN NOT NULL DEFAULT false;
