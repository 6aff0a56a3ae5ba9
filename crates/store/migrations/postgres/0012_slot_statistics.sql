-- How many changes are live swings between none and all of them within minutes. Statistics of the slot taken in a quiet minute make
-- PostgreSQL believe that hardly any is, and read all live changes once for every license asked about; without statistics it assumes
-- that most are and looks each of them up in the index. Setting the type again drops what was gathered.
ALTER TABLE changes ALTER COLUMN slot TYPE BIGINT;
ALTER TABLE changes ALTER COLUMN slot SET STATISTICS 0;
